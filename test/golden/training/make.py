#!/usr/bin/env python3
"""Golden trajectories of training: SGD on clean images and PGD adversarial training, written out in PyTorch.

Run: python test/golden/training/make.py   (needs torch 2.13 and safetensors; writes beside itself)
One batch holds the whole data set, nothing is augmented and PGD starts at the image, so nothing random enters.
"""

import copy
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "networks"))
from reference import CIFAR10, Normalized, ResNet, randomize  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

HERE = Path(__file__).parent
EPOCHS, PEAK, PCT_START = 4, 0.01, 0.5
EPSILON, STEP, STEPS = 8 / 255, 2 / 255, 3


def rate(epoch):
    progress = epoch / EPOCHS
    return PEAK * progress / PCT_START if progress < PCT_START else PEAK * (1 - progress) / (1 - PCT_START)


def attack(model, images, labels):
    """PGD in evaluation mode from the image itself."""
    model.network.eval()
    adversarial = images.clone()
    for _ in range(STEPS):
        leaf = adversarial.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels), leaf)
        delta = (adversarial + STEP * gradient.sign() - images).clamp(-EPSILON, EPSILON)
        adversarial = (images + delta).clamp(0, 1)
    model.network.train()
    return adversarial


def main():
    torch.set_num_threads(1)
    torch.manual_seed(3)
    pixels = torch.randint(0, 256, (16, 3, 32, 32), dtype=torch.uint8)
    labels = torch.arange(16) % 10
    images = pixels.float() / 255
    out = {"pixels": pixels, "labels": labels}
    start = randomize(ResNet([2, 2, 2, 2], width=4), 11)
    out |= {f"start/{key}": value.clone() for key, value in start.state_dict().items()}
    for name in ("standard", "pgd"):
        network = copy.deepcopy(start)
        model = Normalized(network, *CIFAR10)
        network.train()
        optimizer = torch.optim.SGD(network.parameters(), lr=1, momentum=0.9, weight_decay=5e-4, nesterov=True)
        losses = []
        for epoch in range(EPOCHS):
            for group in optimizer.param_groups:
                group["lr"] = rate(epoch)
            batch = attack(model, images, labels) if name == "pgd" else images
            loss = F.cross_entropy(model(batch), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        out |= {f"{name}/{key}": value.clone() for key, value in network.state_dict().items()}
        out[f"{name}-losses"] = torch.tensor(losses)
    save_file(out, HERE / "trajectories.safetensors")


if __name__ == "__main__":
    main()
