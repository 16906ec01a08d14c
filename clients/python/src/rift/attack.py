"""Adversarial images for the batches of a loop, crafted by an attacker service.

The network that is attacked is an artifact (its SHA-256), so an attacker can serve any number of loops; the images go there
and back over one stream per loop. Threat model and steps are in pixel units of [0, 1] (8/255), as everywhere.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

import grpc
import numpy as np

from rift.attacker.v1 import attacker_service_pb2 as messages
from rift.attacker.v1.attacker_service_pb2_grpc import AttackerServiceStub
from rift.channel import Tls, connect
from rift.common.v1.compute_pb2 import ComputeSpec
from rift.common.v1.evaluation_pb2 import AttackAudit
from rift.common.v1.network_pb2 import NetworkRef
from rift.common.v1.tensor_pb2 import DATA_TYPE_FLOAT32, DATA_TYPE_INT64, Tensor
from rift.common.v1.threat_model_pb2 import AttackKind, AttackSpec, Norm, ThreatModel
from rift.errors import translated

AttackName = Literal["fgsm", "pgd", "apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "cw"]
NormName = Literal["linf", "l2", "l1"]

MAX_IMAGES = 1024
MAX_BYTES = (4 << 20) - (64 << 10)


def attack(
    kind: AttackName = "pgd",
    *,
    eps: float = 8 / 255,
    norm: NormName = "linf",
    step: float | None = None,
    steps: int = 10,
    restarts: int = 1,
    random_start: bool = True,
    targets: int = 9,
    to_the_end: bool = True,
) -> AttackSpec:
    """An attack. `step` is a quarter of `eps` unless given (2/255 for 8/255).

    `to_the_end=True` attacks every image in every step, which training wants; False leaves an image alone once it is
    misclassified, which is all that robust accuracy asks.
    """
    return AttackSpec(
        kind=AttackKind.Value(f"ATTACK_KIND_{kind.upper().replace('-', '_')}"),
        threat_model=ThreatModel(norm=Norm.Value(f"NORM_{norm.upper()}"), epsilon=eps),
        step_size=eps / 4 if step is None else step,
        steps=steps,
        restarts=restarts,
        random_start=random_start,
        targets=targets,
        to_the_end=to_the_end,
    )


@dataclass(frozen=True)
class PerturbedBatch:
    """Adversarial images of one batch.

    `images` has the type, shape and device of what was sent; `robust` is a numpy array of bool, True where the attacked
    network still classifies the adversarial image right; `audits` holds the checks on the perturbations, one per message.
    """

    images: Any
    robust: np.ndarray
    audits: tuple[AttackAudit, ...]


class PerturbStream:
    """One stream of batches. Call it with images and labels; close it when done (it is a context manager).

    Image i of the stream draws its randomness from (seed, i): the same images in the same order give the same result,
    whatever the batch size.
    """

    def __init__(self, stub: AttackerServiceStub, settings: messages.PerturbSettings, timeout: float | None) -> None:
        self._requests: queue.SimpleQueue[messages.PerturbRequest | None] = queue.SimpleQueue()
        self._requests.put(messages.PerturbRequest(settings=settings))
        self._call = stub.Perturb(iter(self._requests.get, None), timeout=timeout)
        self._next = 0

    def __call__(self, images: Any, labels: Any) -> PerturbedBatch:
        """Adversarial images for `images` (float [N, 3, H, W] in [0, 1]) of the classes `labels` (int [N]).

        Both may be numpy arrays or PyTorch tensors on any device. Large batches travel in several messages. Raises
        ValueError for other shapes and a `RiftError` when the service refuses.
        """
        pixels = np.ascontiguousarray(_to_numpy(images), dtype="<f4")
        classes = np.ascontiguousarray(_to_numpy(labels), dtype="<i8")
        if pixels.ndim != 4 or pixels.shape[1] != 3 or classes.shape != pixels.shape[:1]:
            raise ValueError(f"images are {list(pixels.shape)} and labels {list(classes.shape)}: they must be [N, 3, H, W] and [N].")
        each = max(1, min(MAX_IMAGES, MAX_BYTES // max(1, pixels[:1].nbytes)))
        answers = [self._perturb(pixels[at : at + each], classes[at : at + each]) for at in range(0, len(pixels), each)]
        if not answers:
            return PerturbedBatch(images, np.zeros(0, dtype=bool), ())
        adversarial = np.concatenate([_array(answer.images, "<f4") for answer in answers])
        robust = np.concatenate([_array(answer.robust, "<i8") for answer in answers]).astype(bool)
        return PerturbedBatch(_like(images, adversarial), robust, tuple(answer.audit for answer in answers))

    def _perturb(self, pixels: np.ndarray, classes: np.ndarray) -> messages.PerturbResponse:
        batch = messages.PerturbBatch(
            images=Tensor(data_type=DATA_TYPE_FLOAT32, shape=pixels.shape, data=pixels.tobytes()),
            labels=Tensor(data_type=DATA_TYPE_INT64, shape=classes.shape, data=classes.tobytes()),
            first_index=self._next,
        )
        self._next += len(pixels)
        self._requests.put(messages.PerturbRequest(batch=batch))
        with translated():
            return next(self._call)

    def close(self) -> None:
        """Ends the stream; the service frees the network."""
        self._requests.put(None)
        self._call.cancel()

    def __enter__(self) -> PerturbStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Attacker:
    """A connection to an attacker, to be shared and closed (it is a context manager). `target` is HOST:PORT."""

    def __init__(
        self, target: str, *, tls: Tls | None = None, token: str | None = None, connect_timeout: float = 10.0
    ) -> None:
        self._channel: grpc.Channel = connect(target, tls, token, connect_timeout)
        self._stub = AttackerServiceStub(self._channel)

    def perturb(
        self,
        network: str,
        spec: AttackSpec | None = None,
        *,
        seed: int = 0,
        device: str = "auto",
        timeout: float | None = None,
    ) -> PerturbStream:
        """Opens a stream that attacks a network (SHA-256 of its artifact).

        `spec` is PGD-10 at 8/255 unless given. `timeout` bounds the whole stream, in seconds. A device that runs a job
        refuses with ResourceExhausted at the first batch.
        """
        settings = messages.PerturbSettings(
            network=NetworkRef(digest=network), attack=spec or attack(), seed=seed, compute=ComputeSpec(device=device)
        )
        return PerturbStream(self._stub, settings, timeout)

    def close(self) -> None:
        """Closes the connection; open streams fail."""
        self._channel.close()

    def __enter__(self) -> Attacker:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _to_numpy(value: Any) -> np.ndarray:
    # A PyTorch tensor, without this package needing PyTorch.
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def _array(tensor: Tensor, kind: str) -> np.ndarray:
    return np.frombuffer(tensor.data, dtype=kind).reshape(tuple(tensor.shape))


def _like(given: Any, found: np.ndarray) -> Any:
    if not hasattr(given, "detach"):
        return found
    import torch

    return torch.from_numpy(found.copy()).to(device=given.device, dtype=given.dtype)
