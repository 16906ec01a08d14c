#!/usr/bin/env python3
"""Golden module robust criticality, written out in PyTorch: the published procedure and the paper's algorithm 1, the
first-order estimates in three norms, and the maximum over a whole ball of two dimensions by brute force.

Run: python test/golden/criticality/make.py   (needs torch 2.13 and safetensors; writes beside itself)
One mini-batch holds the whole set, so no shuffle enters.
"""

import copy
import json
import math
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
from reference import CIFAR10, Normalized, ResNet, randomize  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

HERE = Path(__file__).parent
EPSILON, EPOCHS, RATE = 0.1, 10, 1.0
# Norm of the ball and its dual.
NORMS = {"l2": (2, 2), "linf": (math.inf, 1), "l1": (1, math.inf)}
# A module whose weight has two values when the network is one channel wide, and radii of its ball.
PAIR, PAIR_EPSILONS = "layer2.0.shortcut.0", (0.1, 0.5)
ANGLES, SHARES = 360, (0.25, 0.5, 0.75, 1.0)


def judged(run, images, labels):
    """Cross-entropy of every image, and the share that is classified right."""
    with torch.no_grad():
        logits = run(images)
    return F.cross_entropy(logits, labels, reduction="none").double(), (logits.argmax(1) == labels).double().mean().item()


def measure(network, images, labels, module, stop):
    """Ascent on one weight with SGD; projection once an epoch. `stop` ends at the first violation (algorithm 1).

    Returns the rise, its standard error over images, the fall of accuracy, and whether the last epoch gave them."""
    model = copy.deepcopy(network).eval()
    run = Normalized(model, *CIFAR10)
    base, base_accuracy = judged(run, images, labels)
    weight = model.get_submodule(module).weight
    start = weight.detach().clone()
    radius = EPSILON * start.norm()
    best = None
    for epoch in range(EPOCHS):
        (gradient,) = torch.autograd.grad(F.cross_entropy(run(images), labels), weight)
        with torch.no_grad():
            weight.add_(gradient, alpha=RATE)
            change = weight - start
            outside = change.norm() > radius
            if outside:
                weight.copy_(start + change * (radius / change.norm()))
        losses, accuracy = judged(run, images, labels)
        if best is None or stop or losses.mean() > best[0].mean():
            best = losses, accuracy, epoch
        if stop and outside:
            break
    rises = best[0] - base
    error = (rises.std(correction=1) / len(labels) ** 0.5).item()
    return rises.mean().item(), error, base_accuracy - best[1], best[2] == epoch


def first_order(network, images, labels, module, norm, dual):
    model = copy.deepcopy(network).eval()
    weight = model.get_submodule(module).weight
    (gradient,) = torch.autograd.grad(F.cross_entropy(Normalized(model, *CIFAR10)(images), labels), weight)
    return (EPSILON * weight.detach().flatten().norm(norm) * gradient.flatten().norm(dual)).item()


def brute_force(network, images, labels, norm, epsilon):
    """Largest rise of the loss over a polar grid of the ball of PAIR's two values."""
    model = copy.deepcopy(network).eval()
    run = Normalized(model, *CIFAR10)
    base = judged(run, images, labels)[0].mean()
    weight = model.get_submodule(PAIR).weight
    start = weight.detach().clone()
    assert start.numel() == 2
    radius = epsilon * start.flatten().norm(norm)
    highest = 0.0
    for angle in range(ANGLES):
        turn = 2 * math.pi * angle / ANGLES
        direction = torch.tensor([math.cos(turn), math.sin(turn)])
        edge = radius * direction / direction.norm(norm)
        for share in SHARES:
            with torch.no_grad():
                weight.copy_(start + share * edge.view_as(start))
            highest = max(highest, (judged(run, images, labels)[0].mean() - base).item())
    return highest


def stored(network, images, labels):
    tensors = {f"state/{key}": value.contiguous() for key, value in network.state_dict().items()}
    return tensors | {"adv": images, "y": labels}


def tell(values, title, found):
    """Puts the figures of every module into `values`; returns the modules whose largest value is not the last."""
    for at, what in enumerate(("", " standard error", " accuracy drop")):
        values[title + what] = {name: figures[at] for name, figures in found.items()}
    return [name for name, figures in found.items() if not figures[3]]


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = randomize(ResNet([2, 2, 2, 2], width=4, classes=10), 5)
    adv, y = torch.rand(48, 3, 32, 32), torch.randint(0, 10, (48,))
    names = [name for name, part in network.named_modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    values = {}
    for profile in ("code", "paper"):
        earlier = tell(values, profile, {name: measure(network, adv, y, name, profile == "paper") for name in names})
        assert earlier or profile == "paper", "somewhere the published code's largest value is not its last"
    for norm, (own, dual) in NORMS.items():
        values[f"first order {norm}"] = {name: first_order(network, adv, y, name, own, dual) for name in names}
    save_file(stored(network, adv, y), HERE / "network.safetensors")

    # Labels are what the network sees but for every third image, so that there is accuracy to lose.
    torch.manual_seed(0)
    narrow = randomize(ResNet([2, 2, 2, 2], width=1, classes=10), 16).eval()
    adv = torch.rand(24, 3, 32, 32)
    y = (Normalized(narrow, *CIFAR10)(adv).argmax(1) + (torch.arange(24) % 3 == 0)) % 10
    tell(values, "narrow", {name: measure(narrow, adv, y, name, False) for name in names})
    assert max(values["narrow accuracy drop"].values()) > 0.3
    for norm, (own, _) in NORMS.items():
        values[f"brute force {norm}"] = {str(size): brute_force(narrow, adv, y, own, size) for size in PAIR_EPSILONS}
    save_file(stored(narrow, adv, y), HERE / "narrow.safetensors")
    (HERE / "values.json").write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
