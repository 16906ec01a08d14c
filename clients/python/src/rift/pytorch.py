"""Networks of the service in PyTorch and timm. Needs `pip install rift-client[torch]`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rift.networks import ARCHITECTURES, build

__all__ = ["Normalized", "build", "load", "manifest", "register_timm"]


class Normalized(nn.Module):
    """A network that takes pixels in [0, 1] and normalises them itself, as attacks need it."""

    def __init__(self, network: nn.Module, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.network((x - self.mean) / self.std)


def manifest(path: Path | str) -> dict[str, Any]:
    """What a network artifact (.safetensors) says of itself. Raises ValueError for any other file."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        text = (file.metadata() or {}).get("rift.manifest")
    found = json.loads(text) if text is not None else {}
    if found.get("kind") != "network":
        raise ValueError(f"{path} is no network artifact of RiFT: its header holds no manifest of a network.")
    return found


def load(path: Path | str, *, device: torch.device | str = "cpu") -> nn.Module:
    """The network of an artifact (.safetensors) in eval mode, on pixels in [0, 1]; `.network` is the one without normalisation."""
    from safetensors.torch import load_file

    found = manifest(path)
    network = build(found["arch"], width=found["width"], classes=found["classes"], input_size=found["inputSize"])
    network.load_state_dict(load_file(path))
    preprocess = found["preprocess"]
    model = Normalized(network, preprocess["mean"] or [0.0], preprocess["std"] or [1.0])
    return model.to(device).eval()


def register_timm() -> list[str]:
    """Makes the architectures known to timm, as rift_resnet18 and so on, and returns these names.

    `timm.create_model("rift_resnet18", num_classes=10, checkpoint_path="net.pth")` then loads an exported checkpoint.
    """
    from timm.models import register_model

    names = []
    for arch in ARCHITECTURES:
        name = f"rift_{arch.replace('-', '_')}"
        register_model(_entry_point(name, arch))
        names.append(name)
    return names


def _entry_point(name: str, arch: str) -> Any:
    def create(
        pretrained: bool = False, num_classes: int = 10, width: int | None = None, img_size: int = 32, **_: Any
    ) -> nn.Module:
        if pretrained:
            raise ValueError(f"{name} has no weights of its own: pass checkpoint_path.")
        model = build(arch, width=width, classes=num_classes, input_size=img_size)
        model.num_classes = num_classes
        return model

    create.__name__ = name
    # timm takes the module of an entry point as the family of the model.
    create.__module__ = __name__
    return create
