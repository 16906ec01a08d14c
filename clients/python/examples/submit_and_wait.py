"""Submits a run, waits for it, and fetches report and checkpoint.

python submit_and_wait.py HOST:PORT NETWORK.safetensors DATA_FOLDER OUTPUT_FOLDER
"""

import sys
from pathlib import Path

import rift
from rift.client import result

target, network_file, data_folder, output = sys.argv[1:5]

with rift.Client(target) as client:
    network = client.import_network(network_file)
    client.import_dataset("example", Path(data_folder).resolve(), format="cifar10")
    run = client.submit(
        network=network.digest,
        dataset="example",
        profile="sound",
        limits={"criticality": 64, "train": 128, "selection": 64, "test": 64, "corruption": 16},
        name="from Python",
    )
    print("run", run.id)
    done = client.wait(run.id, on_event=lambda event: print(event.stage.id) if event.HasField("stage") else None)
    report = result(done, "report")
    print(report.verdict)
    client.artifacts.download(report.html_digest, Path(output) / "report.html")
    client.export_network(result(done, "interpolate").digest, Path(output) / "rift.pth")
