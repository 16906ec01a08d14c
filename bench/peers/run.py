#!/usr/bin/env python3
"""Runs one measured task on a peer's side. Reads a task as JSON from standard input, writes {seconds, ...} as JSON to standard output.

The clock starts after reading, building and a warm-up on a few images, and so does this project's side.
"""

import json
import resource
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
import published  # noqa: E402
from attacks import PGD, autoattack_standard  # noqa: E402
from networks import new_network, read_adversarial, read_images, read_network  # noqa: E402

WARM_UP = 32


def to_attack(task):
    network = read_network(task["network"])
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network, *read_images(task["images"], task["limit"])


def attack(task):
    network, images, labels = to_attack(task)
    settings = task["attack"]
    perturb = PGD[task["peer"]](network, settings)
    perturb(images[:WARM_UP], labels[:WARM_UP])
    began = time.perf_counter()
    alive = torch.ones(len(images), dtype=torch.bool)
    for _ in range(settings["restarts"]):
        for rows in torch.arange(len(images)).split(settings["batchSize"]):
            adv = perturb(images[rows], labels[rows])
            with torch.no_grad():
                alive[rows] &= network(adv).argmax(1) == labels[rows]
    return {"seconds": time.perf_counter() - began, "images": len(images), "accuracy": alive.float().mean().item()}


def autoattack(task):
    network, images, labels = to_attack(task)
    settings = task["attack"]
    with torch.no_grad():
        network(images)
    began = time.perf_counter()
    stages = []
    for rows in torch.arange(len(images)).split(settings["batchSize"]):
        stages.append(autoattack_standard(network, images[rows], labels[rows], settings))
    survivors = [sum(counts) for counts in zip(*stages)]
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "images": len(images), "accuracy": survivors[-1] / len(images), "stages": survivors}


def criticality(task):
    network = read_network(task["network"])
    images, labels = read_adversarial(task["adversarialSet"])
    with torch.no_grad():
        network(images[:WARM_UP])
    began = time.perf_counter()
    found = published.criticality(network, images, labels, task["batchSize"], task["modules"])
    return {"seconds": time.perf_counter() - began, "images": len(images), "mrc": found}


def train(task):
    network = new_network(task["width"], seed=0)
    images, labels = read_images(task["images"], task["limit"])
    published.training_epoch(new_network(task["width"], seed=1), images[:WARM_UP], labels[:WARM_UP], task["settings"], seed=1)
    began = time.perf_counter()
    loss = published.training_epoch(network, images, labels, task["settings"], seed=0)
    return {"seconds": time.perf_counter() - began, "images": len(images), "loss": loss}


def main():
    task = json.load(sys.stdin)
    torch.set_num_threads(task["threads"])
    torch.manual_seed(0)
    result = {"attack": attack, "autoattack": autoattack, "criticality": criticality, "train": train}[task["task"]](task)
    result["peakMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
