"""Connections to a service: credentials, tokens, retries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from rift.errors import Unavailable

_MEBIBYTE = 1 << 20

# Only calls that may be made twice are tried again: all of the services' unary calls are (CreateRun by its request_id),
# streams are continued by this package itself.
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{"service": f"rift.orchestrator.v1.{name}"} for name in ("RunService", "CatalogService", "ArtifactService")],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.service_config", _SERVICE_CONFIG),
    ("grpc.enable_retries", 1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 4 * _MEBIBYTE),
]


@dataclass(frozen=True)
class Tls:
    """PEM files. `authority` signed the service's certificate; `certificate` and `key` are the caller's own, for mutual TLS."""

    authority: Path | str
    certificate: Path | str | None = None
    key: Path | str | None = None

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files. Raises ValueError when only one of certificate and key is given, OSError when one cannot be read."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("Tls.certificate and Tls.key belong together: give both or neither.")
        read = [Path(path).read_bytes() if path is not None else None for path in (self.authority, self.key, self.certificate)]
        return grpc.ssl_channel_credentials(*read)


class _Token(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor, grpc.StreamUnaryClientInterceptor, grpc.StreamStreamClientInterceptor):
    """Sends a bearer token with every call."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _send(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(details._replace(metadata=[*(details.metadata or ()), self._header]), request)

    intercept_unary_unary = _send
    intercept_unary_stream = _send
    intercept_stream_unary = _send
    intercept_stream_stream = _send


def connect(target: str, tls: Tls | None, token: str | None, timeout: float) -> grpc.Channel:
    """A connection that stands. Raises Unavailable when none does within `timeout` seconds."""
    channel = grpc.insecure_channel(target, _OPTIONS) if tls is None else grpc.secure_channel(target, tls.credentials(), _OPTIONS)
    try:
        grpc.channel_ready_future(channel).result(timeout=timeout)
    except grpc.FutureTimeoutError:
        channel.close()
        raise Unavailable(f"{target} is not available: no connection within {timeout:g} s.", grpc.StatusCode.UNAVAILABLE) from None
    return channel if token is None else grpc.intercept_channel(channel, _Token(token))
