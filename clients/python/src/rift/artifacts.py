"""Immutable bytes named by their SHA-256: upload and download."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc

from rift.errors import RiftError, Unavailable, call, translated
from rift.orchestrator.v1 import artifact_service_pb2 as messages
from rift.orchestrator.v1.artifact_service_pb2_grpc import ArtifactServiceStub

_CHUNK = 512 * 1024
_ATTEMPTS = 5
_PAUSE = 0.3


class Artifacts:
    """Bytes that the service holds."""

    def __init__(self, channel: grpc.Channel, timeout: float) -> None:
        self._stub = ArtifactServiceStub(channel)
        self._timeout = timeout

    def size(self, digest: str) -> int | None:
        """Bytes of an artifact, or None when the service does not hold it."""
        answer = call(self._stub.Stat, messages.StatRequest(digest=digest), self._timeout)
        return answer.size if answer.exists else None

    def upload(self, path: Path | str) -> str:
        """Stores a file and returns its SHA-256. What the service holds already is not sent again."""
        path = Path(path)
        digest, size = _hash(path)
        for attempt in range(1, _ATTEMPTS + 1):
            if self.size(digest) is not None:
                return digest
            try:
                with translated():
                    self._stub.Upload(_upload_messages(path, digest, size))
                return digest
            except Unavailable:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * attempt)
        raise AssertionError("unreachable")

    def download(self, digest: str, path: Path | str) -> Path:
        """Writes an artifact to a file: beside its place first, moved there once complete and checked.

        A broken connection goes on at the byte where it broke. Raises NotFound when the service does not hold it.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with partial.open("xb") as file:
                found = hashlib.sha256()
                for chunk in self.read(digest):
                    file.write(chunk)
                    found.update(chunk)
                file.flush()
                os.fsync(file.fileno())
            if found.hexdigest() != digest:
                raise RiftError(f"The download of {digest} brought other bytes ({found.hexdigest()}); try again.")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return path

    def read(self, digest: str) -> Iterator[bytes]:
        """The bytes of an artifact, piece by piece."""
        offset = 0
        failures = 0
        while True:
            try:
                with translated():
                    for piece in self._stub.Download(messages.DownloadRequest(digest=digest, offset=offset)):
                        offset += len(piece.chunk)
                        failures = 0
                        yield piece.chunk
                return
            except Unavailable:
                failures += 1
                if failures == _ATTEMPTS:
                    raise
                time.sleep(_PAUSE * failures)


def _hash(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else _digest_by_chunks(file)
        return digest.hexdigest(), file.tell()


def _digest_by_chunks(file: object) -> "hashlib._Hash":
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):  # type: ignore[attr-defined]
        digest.update(chunk)
    return digest


def _upload_messages(path: Path, digest: str, size: int) -> Iterator[messages.UploadRequest]:
    yield messages.UploadRequest(header=messages.UploadHeader(digest=digest, size=size))
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield messages.UploadRequest(chunk=chunk)
