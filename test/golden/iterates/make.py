#!/usr/bin/env python3
"""Golden iterates of PGD on a real network in PyTorch: what `--precision fp32 --plain` has to reproduce.

The network and images are those of test/golden/networks/resnet18.safetensors. Ten signed steps of 2/255 from the images
themselves, in the ball of 8/255 and the image box.
Run: python test/golden/iterates/make.py   (needs torch 2.13 and safetensors; writes beside itself)
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "networks"))
from reference import CIFAR10, Normalized, ResNet  # noqa: E402

EPSILON, STEP, STEPS = 8 / 255, 2 / 255, 10


def main():
    torch.set_num_threads(1)
    tensors = load_file(HERE.parent / "networks" / "resnet18.safetensors")
    network = ResNet([2, 2, 2, 2], width=4, classes=10)
    network.load_state_dict({key.removeprefix("state/"): value for key, value in tensors.items() if key.startswith("state/")})
    model = Normalized(network, *CIFAR10).eval()
    clean, labels = tensors["images"], tensors["labels"]
    adv = clean.clone()
    for _ in range(STEPS):
        leaf = adv.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), labels, reduction="sum"), leaf)
        adv = (clean + (adv + STEP * gradient.sign() - clean).clamp(-EPSILON, EPSILON)).clamp(0, 1)
    with torch.no_grad():
        loss = F.cross_entropy(model(adv), labels, reduction="none")
    save_file({"adv": adv, "loss": loss}, HERE / "pgd.safetensors")


if __name__ == "__main__":
    main()
