#!/usr/bin/env python3
"""Golden logits and input gradients of every network: small instances saved as state dicts with their outputs.

Run: python test/golden/networks/make.py   (needs torch 2.13 and safetensors; writes beside itself)
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from reference import CIFAR10, Normalized, ResNet, randomize
from safetensors.torch import save_file

HERE = Path(__file__).parent
CASES = {
    "resnet18": lambda: ResNet([2, 2, 2, 2], width=4, classes=10),
    "resnet34": lambda: ResNet([3, 4, 6, 3], width=2, classes=7),
    "resnet18-64px": lambda: ResNet([2, 2, 2, 2], width=2, classes=5, size=64),
}


def main():
    torch.set_num_threads(1)
    for seed, (name, build) in enumerate(CASES.items()):
        torch.manual_seed(seed)
        network = randomize(build(), seed)
        size = 64 if name.endswith("64px") else 32
        images = torch.rand(4, 3, size, size)
        model = Normalized(network, *CIFAR10)
        labels = torch.arange(4) % network.linear.out_features
        leaf = images.clone().requires_grad_()
        logits = model(leaf)
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), leaf)
        tensors = {f"state/{key}": value.clone().contiguous() for key, value in network.state_dict().items()}
        # One forward in train mode shows how running statistics move.
        network.train()
        with torch.no_grad():
            train_logits = model(images)
        moved = {key: value for key, value in network.state_dict().items() if "running" in key}
        tensors |= {f"moved/{key}": value.contiguous() for key, value in moved.items()}
        tensors |= {
            "images": images, "labels": labels, "logits": logits.detach(), "gradient": gradient,
            "train_logits": train_logits,
        }
        save_file(tensors, HERE / f"{name}.safetensors")


if __name__ == "__main__":
    main()
