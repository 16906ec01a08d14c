"""The networks of the paper written out in PyTorch from their description: the independent side of the golden values."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, blocks, width=64, classes=10, size=32):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(BasicBlock(channels, width << stage, stride))
                channels = width << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(channels * (size // 32) ** 2, classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(torch.flatten(F.avg_pool2d(x, 4), 1))


class PreActBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.reshapes = stride != 1 or inputs != outputs
        if self.reshapes:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False))

    def forward(self, x):
        active = F.relu(self.bn1(x))
        skip = self.shortcut(active) if self.reshapes else x
        return skip + self.conv2(F.relu(self.bn2(self.conv1(active))))


class PreActResNet(nn.Module):
    def __init__(self, blocks, width=64, classes=10, size=32):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        channels = width
        for stage, count in enumerate(blocks):
            layers = []
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(PreActBlock(channels, width << stage, stride))
                channels = width << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.bn = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels * (size // 32) ** 2, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        return self.linear(torch.flatten(F.avg_pool2d(F.relu(self.bn(x)), 4), 1))


class WideBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.convShortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None

    def forward(self, x):
        active = F.relu(self.bn1(x))
        skip = self.convShortcut(active) if self.convShortcut is not None else x
        return skip + self.conv2(F.relu(self.bn2(self.conv1(active))))


class WideGroup(nn.Module):
    def __init__(self, count, inputs, outputs, stride):
        super().__init__()
        blocks = [WideBlock(inputs if at == 0 else outputs, outputs, stride if at == 0 else 1) for at in range(count)]
        self.layer = nn.Sequential(*blocks)

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    """With `dead`, it carries the group `sub_block1` that the published class builds and never runs."""

    def __init__(self, depth, widen, width=16, classes=10, size=32, dead=False):
        super().__init__()
        count = (depth - 4) // 6
        first, second, third = (width * widen << group for group in range(3))
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.block1 = WideGroup(count, width, first, 1)
        if dead:
            self.sub_block1 = WideGroup(count, width, first, 1)
        self.block2 = WideGroup(count, first, second, 2)
        self.block3 = WideGroup(count, second, third, 2)
        self.bn1 = nn.BatchNorm2d(third)
        self.fc = nn.Linear(third * (size // 32) ** 2, classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(torch.flatten(F.avg_pool2d(F.relu(self.bn1(x)), 8), 1))


class SwishBlock(nn.Module):
    """Block of the SiLU form: strided convolutions see zeros on the right and at the bottom only."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.batchnorm_0 = nn.BatchNorm2d(inputs, momentum=0.01)
        self.conv_0 = nn.Conv2d(inputs, outputs, 3, stride, 0, bias=False)
        self.batchnorm_1 = nn.BatchNorm2d(outputs, momentum=0.01)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if inputs != outputs else None
        self.border = (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1)

    def forward(self, x):
        active = F.silu(self.batchnorm_0(x))
        skip = self.shortcut(active) if self.shortcut is not None else x
        return skip + self.conv_1(F.silu(self.batchnorm_1(self.conv_0(F.pad(active, self.border)))))


class SwishGroup(nn.Module):
    def __init__(self, count, inputs, outputs, stride):
        super().__init__()
        blocks = [SwishBlock(inputs if at == 0 else outputs, outputs, stride if at == 0 else 1) for at in range(count)]
        self.block = nn.Sequential(*blocks)

    def forward(self, x):
        return self.block(x)


class WideSwish(nn.Module):
    def __init__(self, depth, widen, width=16, classes=10, size=32):
        super().__init__()
        count = (depth - 4) // 6
        first, second, third = (width * widen << group for group in range(3))
        self.init_conv = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.layer = nn.Sequential(
            SwishGroup(count, width, first, 1), SwishGroup(count, first, second, 2), SwishGroup(count, second, third, 2)
        )
        self.batchnorm = nn.BatchNorm2d(third, momentum=0.01)
        self.logits = nn.Linear(third * (size // 32) ** 2, classes)

    def forward(self, x):
        x = F.silu(self.batchnorm(self.layer(self.init_conv(x))))
        return self.logits(torch.flatten(F.avg_pool2d(x, 8), 1))


class Normalized(nn.Module):
    """A network on pixels in [0, 1]."""

    def __init__(self, network, mean, std):
        super().__init__()
        self.network = network
        self.mean, self.std = torch.tensor(mean).view(1, 3, 1, 1), torch.tensor(std).view(1, 3, 1, 1)

    def forward(self, x):
        return self.network((x - self.mean) / self.std)


CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616))


def randomize(network, seed):
    """Weights of a plausible trained network: PyTorch's initial ones, batch norm away from its identity."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.2, generator=generator)
            module.running_mean.normal_(0, 0.2, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(module, (nn.Conv2d, nn.Linear)):
            bound = module.weight[0].numel() ** -0.5
            module.weight.data.uniform_(-bound, bound, generator=generator)
            module.weight.data.mul_(1.7)
    return network.eval()
