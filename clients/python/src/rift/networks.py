"""The service's architectures in PyTorch, under the parameter names that its checkpoints use."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _conv3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class PreActBlock(nn.Module):
    """Batch norm and ReLU before each convolution; the shortcut starts after the first of them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3(outputs, outputs)
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        skip = self.shortcut(active) if hasattr(self, "shortcut") else x
        return self.conv2(F.relu(self.bn2(self.conv1(active)))) + skip


def _stages(network: nn.Module, block: type[nn.Module], counts: list[int], width: int) -> int:
    """Adds layer1 to layer4 and returns the channels of the last."""
    channels = width
    for stage, count in enumerate(counts):
        outputs = width << stage
        blocks = [block(channels if at == 0 else outputs, outputs, 2 if stage > 0 and at == 0 else 1) for at in range(count)]
        setattr(network, f"layer{stage + 1}", nn.Sequential(*blocks))
        channels = outputs
    return channels


class ResNet(nn.Module):
    """ResNet with a 3x3 stem and no pooling after it, as usual on small images. Input [N, 3, S, S], output [N, classes]."""

    def __init__(self, counts: list[int], width: int, classes: int, size: int) -> None:
        super().__init__()
        self.conv1 = _conv3(3, width)
        self.bn1 = nn.BatchNorm2d(width)
        channels = _stages(self, BasicBlock, counts, width)
        self.linear = nn.Linear(channels * (size // 32) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(torch.flatten(F.avg_pool2d(x, 4), 1))


class PreActResNet(nn.Module):
    """Pre-activation ResNet. Input [N, 3, S, S], output [N, classes]."""

    def __init__(self, counts: list[int], width: int, classes: int, size: int) -> None:
        super().__init__()
        self.conv1 = _conv3(3, width)
        channels = _stages(self, PreActBlock, counts, width)
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels * (size // 32) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(torch.flatten(F.avg_pool2d(F.relu(self.bn(x)), 4), 1))


class WideBlock(nn.Module):
    """Pre-activation block of WideResNet; the shortcut convolution is called convShortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = _conv3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3(outputs, outputs)
        self.convShortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        skip = x if self.convShortcut is None else self.convShortcut(active)
        return skip + self.conv2(F.relu(self.bn2(self.conv1(active))))


class WideGroup(nn.Module):
    """Blocks of one resolution."""

    def __init__(self, count: int, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        rest = [WideBlock(outputs, outputs, 1) for _ in range(count - 1)]
        self.layer = nn.Sequential(WideBlock(inputs, outputs, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class WideResNet(nn.Module):
    """WideResNet (Zagoruyko & Komodakis 2016). Input [N, 3, S, S], output [N, classes]."""

    def __init__(self, depth: int, widen: int, width: int, classes: int, size: int) -> None:
        super().__init__()
        count, channels = (depth - 4) // 6, [width, width * widen, width * widen * 2, width * widen * 4]
        self.conv1 = _conv3(3, width)
        self.block1 = WideGroup(count, channels[0], channels[1], 1)
        self.block2 = WideGroup(count, channels[1], channels[2], 2)
        self.block3 = WideGroup(count, channels[2], channels[3], 2)
        self.bn1 = nn.BatchNorm2d(channels[3])
        self.fc = nn.Linear(channels[3] * (size // 32) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(torch.flatten(F.avg_pool2d(F.relu(self.bn1(x)), 8), 1))


class SwishBlock(nn.Module):
    """Block of the SiLU form of WideResNet: strided convolutions see zeros on the right and at the bottom only."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs, momentum=0.01)
        self.conv_0 = nn.Conv2d(inputs, outputs, 3, stride, bias=False)
        self.batchnorm_1 = nn.BatchNorm2d(outputs, momentum=0.01)
        self.conv_1 = _conv3(outputs, outputs)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self._border = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        active = F.silu(self.batchnorm_0(x))
        skip = x if self.shortcut is None else self.shortcut(active)
        return skip + self.conv_1(F.silu(self.batchnorm_1(self.conv_0(F.pad(active, self._border)))))


class SwishGroup(nn.Module):
    """Blocks of one resolution."""

    def __init__(self, count: int, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            SwishBlock(inputs, outputs, stride), *[SwishBlock(outputs, outputs, 1) for _ in range(count - 1)]
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class WideSwishNet(nn.Module):
    """WideResNet with SiLU (Gowal et al. 2020), as trained on generated images. Input [N, 3, S, S], output [N, classes]."""

    def __init__(self, depth: int, widen: int, width: int, classes: int, size: int) -> None:
        super().__init__()
        count, channels = (depth - 4) // 6, [width, width * widen, width * widen * 2, width * widen * 4]
        self.init_conv = _conv3(3, width)
        strides = (1, 2, 2)
        groups = [SwishGroup(count, channels[at], channels[at + 1], stride) for at, stride in enumerate(strides)]
        self.layer = nn.Sequential(*groups)
        self.batchnorm = nn.BatchNorm2d(channels[3], momentum=0.01)
        self.logits = nn.Linear(channels[3] * (size // 32) ** 2, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.batchnorm(self.layer(self.init_conv(x))))
        return self.logits(torch.flatten(F.avg_pool2d(x, 8), 1))


_BUILDERS: dict[str, tuple[int, Callable[[int, int, int], nn.Module]]] = {
    "resnet18": (64, lambda width, classes, size: ResNet([2, 2, 2, 2], width, classes, size)),
    "resnet34": (64, lambda width, classes, size: ResNet([3, 4, 6, 3], width, classes, size)),
    "preact-resnet18": (64, lambda width, classes, size: PreActResNet([2, 2, 2, 2], width, classes, size)),
    "wrn-28-10": (16, lambda width, classes, size: WideResNet(28, 10, width, classes, size)),
    "wrn-34-10": (16, lambda width, classes, size: WideResNet(34, 10, width, classes, size)),
    "wrn-28-10-silu": (16, lambda width, classes, size: WideSwishNet(28, 10, width, classes, size)),
}

ARCHITECTURES = tuple(_BUILDERS)


def build(arch: str, *, width: int | None = None, classes: int = 10, input_size: int = 32) -> nn.Module:
    """A network of this architecture with PyTorch's initial weights; `width` is the published one unless given.

    Its `load_state_dict` takes what `rift export NETWORK -o FILE.pth` writes. It expects normalised pixels. Raises ValueError
    for an unknown architecture.
    """
    if arch not in _BUILDERS:
        raise ValueError(f"arch is {arch!r}: it must be one of {', '.join(ARCHITECTURES)}.")
    published, builder = _BUILDERS[arch]
    return builder(width or published, classes, input_size)
