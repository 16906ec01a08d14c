#!/usr/bin/env python3
"""Golden logits, layer outputs and input gradients of every network: small instances saved as state dicts with their
outputs. One WRN is saved as the published code saves it instead: as a .pth with DataParallel's prefix and the weights of
`sub_block1`, which no forward pass reads.

Run: python test/golden/networks/make.py   (needs torch 2.13 and safetensors; writes beside itself)
"""

import json
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from reference import CIFAR10, Normalized, PreActResNet, ResNet, WideResNet, WideSwish, randomize
from safetensors.torch import save_file

HERE = Path(__file__).parent
CASES = {
    "resnet18": lambda: ResNet([2, 2, 2, 2], width=4, classes=10),
    "resnet34": lambda: ResNet([3, 4, 6, 3], width=2, classes=7),
    "resnet18-64px": lambda: ResNet([2, 2, 2, 2], width=2, classes=5, size=64),
    "preact-resnet18": lambda: PreActResNet([2, 2, 2, 2], width=4, classes=10),
    "preact-resnet18-64px": lambda: PreActResNet([2, 2, 2, 2], width=2, classes=6, size=64),
    "wrn-34-10": lambda: WideResNet(34, 10, width=1, classes=10, dead=True),
    "wrn-28-10": lambda: WideResNet(28, 10, width=1, classes=3),
    "wrn-28-10-64px": lambda: WideResNet(28, 10, width=1, classes=4, size=64),
    "wrn-28-10-silu": lambda: WideSwish(28, 10, width=1, classes=10),
}
PUBLISHED = {
    "resnet18": lambda: ResNet([2, 2, 2, 2]),
    "resnet34": lambda: ResNet([3, 4, 6, 3]),
    "preact-resnet18": lambda: PreActResNet([2, 2, 2, 2]),
    "wrn-34-10": lambda: WideResNet(34, 10),
    "wrn-28-10": lambda: WideResNet(28, 10),
    "wrn-28-10-silu": lambda: WideSwish(28, 10),
}
AS_PTH = "wrn-34-10"
# Values kept of each layer's output for the first image.
KEPT = 48


def thinned(output):
    flat = output[0].flatten()
    return flat[:: max(1, flat.numel() // KEPT)][:KEPT].clone()


def layers(network):
    """Modules of the network and a dictionary that their outputs go into on every forward pass."""
    outputs = {}
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and "sub" not in name:
            module.register_forward_hook(lambda _, __, output, name=name: outputs.__setitem__(name, output.detach()))
    return outputs


def main():
    torch.set_num_threads(1)
    for seed, (name, build) in enumerate(CASES.items()):
        torch.manual_seed(seed)
        network = randomize(build(), seed)
        size = 64 if name.endswith("64px") else 32
        images = torch.rand(4, 3, size, size)
        model = Normalized(network, *CIFAR10)
        outputs = layers(network)
        leaf = images.clone().requires_grad_()
        logits = model(leaf)
        labels = torch.arange(4) % logits.shape[1]
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), leaf)
        tensors = {f"layer/{key}": thinned(value) for key, value in outputs.items()}
        state = {key: value.clone().contiguous() for key, value in network.state_dict().items()}
        if name == AS_PTH:
            wrapped = {f"module.{key}": value for key, value in state.items()}
            torch.save({"state_dict": wrapped, "epoch": 76}, HERE / f"{name}.pth")
        else:
            tensors |= {f"state/{key}": value for key, value in state.items()}
        # One forward in train mode shows how running statistics move.
        network.train()
        with torch.no_grad():
            train_logits = model(images)
        moved = {key: value for key, value in network.state_dict().items() if "running" in key and "sub" not in key}
        tensors |= {f"moved/{key}": value.contiguous() for key, value in moved.items()}
        tensors |= {
            "images": images, "labels": labels, "logits": logits.detach(), "gradient": gradient,
            "train_logits": train_logits,
        }
        save_file(tensors, HERE / f"{name}.safetensors")
    published = {}
    for arch, build in PUBLISHED.items():
        network = build()
        published[arch] = {
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "modules": [name for name, module in network.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))],
            "tensors": list(network.state_dict()),
        }
    dead = WideResNet(34, 10, dead=True).sub_block1
    published["wrn-34-10"]["dead"] = sum(parameter.numel() for parameter in dead.parameters())
    (HERE / "published.json").write_text(json.dumps(published, indent=1) + "\n")


if __name__ == "__main__":
    main()
