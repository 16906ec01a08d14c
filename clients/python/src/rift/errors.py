"""What the services answer when they refuse, as one exception class per kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

T = TypeVar("T")


@dataclass(frozen=True)
class Violation:
    """A broken rule: the path of the field in the request, and the rule."""

    field: str
    rule: str


class RiftError(Exception):
    """A call failed.

    `code` is the gRPC status; `violations` names the fields at fault; `retry_after` is the pause in seconds that the service
    asks for, where it does.
    """

    def __init__(
        self,
        message: str,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.violations = violations
        self.retry_after = retry_after


class InvalidArgument(RiftError):
    """A field breaks a rule; the same request cannot succeed."""


class NotFound(RiftError):
    """There is no such run, network, data set or artifact."""


class AlreadyExists(RiftError):
    """Another request was sent under the same identifier."""


class FailedPrecondition(RiftError):
    """The state of what is named does not allow the call."""


class ResourceExhausted(RiftError):
    """The device is busy; `retry_after` says when to come again."""


class Unavailable(RiftError):
    """No connection, or the service is going down."""


class DeadlineExceeded(RiftError):
    """The call took longer than it was allowed."""


class Cancelled(RiftError):
    """The call was given up."""


class Unauthenticated(RiftError):
    """The token is missing or unknown."""


class PermissionDenied(RiftError):
    """The token's role does not allow the call."""


class RunFailed(RiftError):
    """A run ended without success; `run` holds its record."""

    def __init__(self, message: str, run: object) -> None:
        super().__init__(message, grpc.StatusCode.FAILED_PRECONDITION)
        self.run = run


_CLASSES: dict[grpc.StatusCode, type[RiftError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
}


def from_rpc(error: grpc.RpcError) -> RiftError:
    """The exception for a failed call, with the details that the service attached."""
    code = error.code()
    violations: list[Violation] = []
    retry_after: float | None = None
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        bad_request = error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(bad_request):
            violations += [Violation(each.field, each.description) for each in bad_request.field_violations]
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    kind = _CLASSES.get(code, RiftError)
    return kind(error.details() or code.name, code, tuple(violations), retry_after)


@contextmanager
def translated() -> Iterator[None]:
    """Turns a gRPC error of the block into the exception of its kind."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc(error) from error


def call(method: Callable[..., T], request: object, timeout: float | None) -> T:
    """One request, one answer; fails with a `RiftError`."""
    with translated():
        return method(request, timeout=timeout)
