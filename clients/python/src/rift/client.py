"""The orchestrator: networks, data sets, runs and their files."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal

from rift.artifacts import Artifacts
from rift.channel import Tls, connect
from rift.common.v1.dataset_pb2 import DatasetInfo
from rift.common.v1.network_pb2 import NetworkInfo, Preprocess
from rift.common.v1.stage_pb2 import Profile
from rift.errors import RunFailed, Unavailable, call, translated
from rift.orchestrator.v1 import catalog_service_pb2 as catalog
from rift.orchestrator.v1 import plan_pb2 as plans
from rift.orchestrator.v1 import run_service_pb2 as runs
from rift.orchestrator.v1.catalog_service_pb2_grpc import CatalogServiceStub
from rift.orchestrator.v1.run_service_pb2_grpc import RunServiceStub
from rift.trainer.v1 import conversion_service_pb2 as conversion

ProfileName = Literal["paper", "code", "sound"]
DatasetFormatName = Literal["cifar10", "cifar100", "folder", "tiny-imagenet", "npy", "cifar-c"]
LimitName = Literal["criticality", "train", "selection", "test", "corruption"]

_ENDED = {runs.RUN_STATE_SUCCEEDED, runs.RUN_STATE_FAILED, runs.RUN_STATE_CANCELLED}
_IMPORT_TIMEOUT = 30 * 60.0
_PATIENCE = 60.0


class Client:
    """A connection to an orchestrator, to be shared and closed (it is a context manager).

    `target` is HOST:PORT. `timeout` holds for each unary call, in seconds. Every method raises a `RiftError`.
    """

    def __init__(
        self,
        target: str,
        *,
        tls: Tls | None = None,
        token: str | None = None,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
    ) -> None:
        self._channel = connect(target, tls, token, connect_timeout)
        self._timeout = timeout
        self._runs = RunServiceStub(self._channel)
        self._catalog = CatalogServiceStub(self._channel)
        self.artifacts = Artifacts(self._channel, timeout)

    def close(self) -> None:
        """Closes the connection; open calls fail."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # Networks and data sets

    def import_network(
        self,
        path: Path | str,
        *,
        arch: str = "",
        width: int = 0,
        classes: int = 10,
        input_size: int = 32,
        preprocess: str | tuple[Sequence[float], Sequence[float]] = "none",
        name: str = "",
    ) -> NetworkInfo:
        """Uploads a PyTorch or safetensors checkpoint and makes a network of it.

        `preprocess` is "cifar10", "cifar100", "imagenet", "none" or (means, standard deviations); a wrong one ruins every
        accuracy. A network artifact of the service itself says all of this and needs none of it. `name` registers it.
        """
        path = Path(path)
        digest = self.artifacts.upload(path)
        if not arch:
            answer = call(self._catalog.GetNetwork, catalog.GetNetworkRequest(network=digest), self._timeout)
            return answer.entry.network
        if isinstance(preprocess, str):
            how = Preprocess(name=preprocess)
        else:
            how = Preprocess(name="custom", mean=preprocess[0], standard_deviation=preprocess[1])
        request = conversion.ImportNetworkRequest(
            file_digest=digest,
            file_name=path.name,
            arch=arch,
            width=width,
            classes=classes,
            input_size=input_size,
            preprocess=how,
        )
        importing = catalog.CatalogServiceImportNetworkRequest(name=name)
        getattr(importing, "import").CopyFrom(request)
        return call(self._catalog.ImportNetwork, importing, _IMPORT_TIMEOUT).entry.network

    def network(self, network: str) -> NetworkInfo:
        """What is in a network (registered name or SHA-256)."""
        return call(self._catalog.GetNetwork, catalog.GetNetworkRequest(network=network), self._timeout).entry.network

    def export_network(self, network: str, path: Path | str) -> Path:
        """Writes a network (name or SHA-256) as a file for PyTorch (.pth, .pt) or safetensors, as the ending says."""
        path = Path(path)
        formats = {
            ".pth": conversion.EXPORT_FORMAT_PTH,
            ".pt": conversion.EXPORT_FORMAT_PTH,
            ".safetensors": conversion.EXPORT_FORMAT_SAFETENSORS,
        }
        if path.suffix not in formats:
            raise ValueError(f"{path} must end in .pth, .pt or .safetensors, which says the format.")
        request = catalog.CatalogServiceExportNetworkRequest(network=network, format=formats[path.suffix])
        answer = call(self._catalog.ExportNetwork, request, _IMPORT_TIMEOUT)
        return self.artifacts.download(answer.file_digest, path)

    def import_dataset(
        self, name: str, path: Path | str, *, format: DatasetFormatName, held_out: int = 0, seed: int = 0
    ) -> DatasetInfo:
        """Registers a data set from a folder that the trainers can read.

        Where it has no "val" split, `held_out` images are taken from "train" for it.
        """
        request = conversion.ImportDatasetRequest(
            name=name,
            path=str(path),
            format=conversion.DatasetFormat.Value(f"DATASET_FORMAT_{format.upper().replace('-', '_')}"),
            held_out=held_out,
            seed=seed,
        )
        importing = catalog.CatalogServiceImportDatasetRequest()
        getattr(importing, "import").CopyFrom(request)
        return call(self._catalog.ImportDataset, importing, _IMPORT_TIMEOUT).entry.dataset

    def dataset(self, dataset: str) -> DatasetInfo:
        """What is in a data set (registered name or SHA-256)."""
        return call(self._catalog.GetDataset, catalog.GetDatasetRequest(dataset=dataset), self._timeout).entry.dataset

    # Runs

    def expand(self, settings: plans.RunSettings) -> plans.Plan:
        """The complete plan that `submit` would make of the settings, to be read or changed."""
        return call(self._runs.ExpandPlan, runs.ExpandPlanRequest(settings=settings), self._timeout).plan

    def submit(
        self,
        *,
        network: str = "",
        dataset: str,
        profile: ProfileName = "sound",
        seed: int = 0,
        limits: Mapping[LimitName, int] | None = None,
        plan: plans.Plan | None = None,
        name: str = "",
        request_id: str | None = None,
    ) -> runs.Run:
        """Starts a run. Without a `plan` it is the whole method in the profile; `limits` bounds the images of each kind.

        A caller that may itself be restarted gives its own `request_id` (a UUID): the same one gives the same run.
        """
        request = runs.CreateRunRequest(
            request_id=request_id or str(uuid.uuid4()),
            name=name,
            settings=settings(network=network, dataset=dataset, profile=profile, seed=seed, limits=limits),
            plan=plan,
        )
        return call(self._runs.CreateRun, request, self._timeout).run

    def run(self, run_id: str) -> runs.Run:
        """A run with the results so far."""
        return call(self._runs.GetRun, runs.GetRunRequest(id=run_id), self._timeout).run

    def list_runs(self) -> Iterator[runs.Run]:
        """Runs without stage results, newest first; pages are fetched as they are read."""
        token = ""
        while True:
            answer = call(self._runs.ListRuns, runs.ListRunsRequest(page_size=100, page_token=token), self._timeout)
            yield from answer.runs
            token = answer.next_page_token
            if not token:
                return

    def cancel(self, run_id: str) -> runs.Run:
        """Asks a run to stop; finished stages keep their results."""
        return call(self._runs.CancelRun, runs.CancelRunRequest(id=run_id), self._timeout).run

    def resume(self, run_id: str) -> runs.Run:
        """Goes on with a cancelled or failed run from its last finished unit of work."""
        return call(self._runs.ResumeRun, runs.ResumeRunRequest(id=run_id), self._timeout).run

    def watch(self, run_id: str, *, after_sequence: int = 0, patience: float = _PATIENCE) -> Iterator[runs.WatchRunResponse]:
        """The events of a run until it ends, each once and in order.

        A broken connection or a restarted service is bridged; Unavailable is raised when it stays away for `patience` seconds.
        """
        lost_at: float | None = None
        pause = 0.2
        while True:
            try:
                with translated():
                    for event in self._runs.WatchRun(runs.WatchRunRequest(id=run_id, after_sequence=after_sequence)):
                        lost_at, pause = None, 0.2
                        if event.sequence > after_sequence:
                            after_sequence = event.sequence
                            yield event
                # A proxy also ends a stream in good order: only the run itself says that it is over.
                if self.run(run_id).state in _ENDED:
                    return
            except Unavailable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at >= patience:
                    raise
            time.sleep(pause)
            pause = min(5.0, pause * 2)

    def wait(self, run_id: str, *, on_event: Callable[[runs.WatchRunResponse], object] | None = None) -> runs.Run:
        """Waits for the end of a run and returns it with all results. Raises RunFailed when it failed or was cancelled."""
        for event in self.watch(run_id):
            if on_event is not None:
                on_event(event)
        run = self.run(run_id)
        if run.state != runs.RUN_STATE_SUCCEEDED:
            reason = run.failure.message or runs.RunState.Name(run.state).removeprefix("RUN_STATE_").lower()
            raise RunFailed(f"Run {run_id} ended without success: {reason}", run)
        return run


def settings(
    *,
    network: str,
    dataset: str,
    profile: ProfileName = "sound",
    seed: int = 0,
    limits: Mapping[LimitName, int] | None = None,
) -> plans.RunSettings:
    """Settings of a run, from which `Client.expand` makes a plan."""
    return plans.RunSettings(
        network=network,
        dataset=dataset,
        profile=Profile.Value(f"PROFILE_{profile.upper()}"),
        seed=seed,
        limits=plans.ImageLimits(**(limits or {})),
    )


def result(run: runs.Run, kind: str) -> object:
    """The result of the first stage of a kind ("interpolate", "report", ...). Raises KeyError when the run has none."""
    for stage in run.stages:
        if stage.result.WhichOneof("result") == kind:
            return getattr(stage.result, kind)
    raise KeyError(f"run {run.id} has no result of a {kind} stage")
