"""Client of RiFT as a service.

`Client` talks to the orchestrator: networks, data sets, runs, files. `Attacker` talks to an attacker: adversarial images for
the batches of a loop. Messages are those of the contracts in `proto/`, under `rift.orchestrator.v1`, `rift.attacker.v1`,
`rift.trainer.v1` and `rift.common.v1`.
"""

from rift.attack import Attacker, PerturbedBatch, PerturbStream, attack
from rift.channel import Tls
from rift.client import Client
from rift.errors import (
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    RiftError,
    RunFailed,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "AlreadyExists",
    "Attacker",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "FailedPrecondition",
    "InvalidArgument",
    "NotFound",
    "PermissionDenied",
    "PerturbStream",
    "PerturbedBatch",
    "ResourceExhausted",
    "RiftError",
    "RunFailed",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "attack",
]
