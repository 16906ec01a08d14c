"""Reads the artifacts that this project's engine reads, so that both sides compute on the same weights and images."""

import json
import struct
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "golden" / "networks"))
from reference import CIFAR10, Normalized, ResNet, WideResNet  # noqa: E402


def manifest(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(json.loads(file.read(length))["__metadata__"]["rift.manifest"])


def read_network(path):
    """The network on pixels in [0, 1], in evaluation mode."""
    described = manifest(path)
    shape = described["width"], described["classes"], described["inputSize"]
    if described["arch"] == "resnet18":
        network = ResNet([2, 2, 2, 2], *shape)
    elif described["arch"] == "wrn-28-10":
        network = WideResNet(28, 10, *shape)
    else:
        raise SystemExit(f"{path}: the peers' side knows resnet18 and wrn-28-10 only, not {described['arch']}")
    network.load_state_dict(load_file(path))
    return Normalized(network, *CIFAR10).eval()


def new_network(width, seed):
    """Initial weights of PyTorch, for training."""
    torch.manual_seed(seed)
    return Normalized(ResNet([2, 2, 2, 2], width, 10), *CIFAR10)


def read_images(path, limit):
    tensors = load_file(path)
    return tensors["images"][:limit].float() / 255, tensors["labels"][:limit]


def read_adversarial(path):
    tensors = load_file(path)
    return tensors["adv"], tensors["y"]
