#!/usr/bin/env python3
"""Golden module robust criticality: the published procedure and the paper's algorithm 1, written out in PyTorch.

Run: python test/golden/criticality/make.py   (needs torch 2.13 and safetensors; writes beside itself)
One mini-batch holds the whole set, so no shuffle enters.
"""

import copy
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
from reference import CIFAR10, Normalized, ResNet, randomize  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

HERE = Path(__file__).parent
EPSILON, EPOCHS, RATE = 0.1, 10, 1.0


def measure(network, images, labels, module, stop):
    """Ascent on one weight with SGD; projection once an epoch. `stop` ends at the first violation (algorithm 1)."""
    model = copy.deepcopy(network).eval()
    run = Normalized(model, *CIFAR10)
    with torch.no_grad():
        base = F.cross_entropy(run(images), labels).item()
    weight = model.get_submodule(module).weight
    start = weight.detach().clone()
    radius = EPSILON * start.norm()
    best = None
    for _ in range(EPOCHS):
        (gradient,) = torch.autograd.grad(F.cross_entropy(run(images), labels), weight)
        with torch.no_grad():
            weight.add_(gradient, alpha=RATE)
            change = weight - start
            outside = change.norm() > radius
            if outside:
                weight.copy_(start + change * (radius / change.norm()))
            loss = F.cross_entropy(run(images), labels).item()
        best = loss if best is None or stop else max(best, loss)
        if stop and outside:
            break
    return best - base


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = randomize(ResNet([2, 2, 2, 2], width=4, classes=10), 5)
    adv, y = torch.rand(48, 3, 32, 32), torch.randint(0, 10, (48,))
    names = [name for name, part in network.named_modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    values = {
        profile: {name: measure(network, adv, y, name, profile == "paper") for name in names}
        for profile in ("code", "paper")
    }
    tensors = {f"state/{key}": value.contiguous() for key, value in network.state_dict().items()}
    save_file(tensors | {"adv": adv, "y": y}, HERE / "network.safetensors")
    (HERE / "values.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
