#!/usr/bin/env python3
"""Compare the engine's corruptions with the independent ones of procedures.py on the same pictures: the accuracy of a network
under each corruption and severity, and the root mean square change of a pixel.

  1. native/rift-core: cargo run --release -p rift-engine --example corrupted_sets -- CIFAR_FOLDER 1000 0 SETS
  2. compare.py --cifar CIFAR_FOLDER --frost FROST_FOLDER --sets SETS --network NETWORK.safetensors --out OUT.json

Both sides draw their own noise. Accuracies of the same network on the same pictures under two draws of a corruption differ by
chance: the table gives the difference over its standard error, from the images on which the draws disagree (McNemar). Needs
what make.py needs, torch and safetensors."""
import argparse
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import procedures
from constants import CONSTANTS
from make import DETERMINISTIC, corrupted

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "networks"))
SEED = 20231


def pictures_of(folder, limit):
    records = np.fromfile(Path(folder) / "test_batch.bin", np.uint8).reshape(-1, 3073)[:limit]
    return records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy(), records[:, 0].astype(np.int64)


def generated(task):
    name, severity, pictures, frost = task
    rng = np.random.default_rng([SEED, severity, *name.encode()])
    return np.stack([corrupted(name, picture, severity, rng, {32: frost}) for picture in pictures])


def network_of(path):
    import torch
    from reference import Normalized, ResNet
    from safetensors import safe_open
    from safetensors.torch import load_file

    with safe_open(path, "pt") as file:
        manifest = json.loads(file.metadata()["rift.manifest"])
    network = ResNet([2, 2, 2, 2], manifest["width"], manifest["classes"])
    network.load_state_dict(load_file(path))
    whole = Normalized(network, manifest["preprocess"]["mean"], manifest["preprocess"]["std"]).eval()

    def right(pictures, labels):
        images = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float() / 255
        with torch.no_grad():
            classes = torch.cat([whole(part).argmax(1) for part in images.split(250)])
        return classes.numpy() == labels

    return right


def row(name, severity, clean, mine, theirs, labels, right):
    rms = lambda after: float(np.sqrt(np.mean((after.astype(np.float64) - clean) ** 2))) / 255
    ours, others = right(mine, labels), right(theirs, labels)
    lost, gained = int((others & ~ours).sum()), int((ours & ~others).sum())
    return {
        "corruption": name,
        "severity": severity,
        "deterministic": name in DETERMINISTIC,
        "accuracy": round(float(ours.mean()), 4),
        "accuracyIndependent": round(float(others.mean()), 4),
        "standardErrors": round((gained - lost) / math.sqrt(max(1, gained + lost)), 2),
        "rms": round(rms(mine), 5),
        "rmsIndependent": round(rms(theirs), 5),
        "rmsRatio": round(rms(mine) / rms(theirs), 4),
        "bytesDiffering": int((mine != theirs).sum()) if name in DETERMINISTIC else None,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--cifar", "--frost", "--sets", "--network", "--out"):
        parser.add_argument(option, required=True)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    clean, labels = pictures_of(options.cifar, options.limit)
    right = network_of(options.network)
    frost = procedures.frost_pictures(options.frost, 32)
    rows = []
    with ProcessPoolExecutor(options.processes) as pool:
        tasks = [(name, severity, clean, frost if name == "frost" else None) for name in CONSTANTS for severity in range(1, 6)]
        for (name, severity, *_), theirs in zip(tasks, pool.map(generated, tasks)):
            mine = np.load(Path(options.sets) / f"{name}.npz")[str(severity)].transpose(0, 2, 3, 1)
            rows.append(row(name, severity, clean.astype(np.float64), mine, theirs, labels, right))
            print(json.dumps(rows[-1]), flush=True)
    clean_accuracy = round(float(right(clean, labels).mean()), 4)
    result = {"images": len(clean), "seeds": {"engine": 0, "independent": SEED}, "cleanAccuracy": clean_accuracy, "rows": rows}
    Path(options.out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
