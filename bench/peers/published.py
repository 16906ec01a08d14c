"""The paper's published procedures, written out in PyTorch from their description: MRC and an epoch of PGD adversarial training."""

import copy

import torch
import torch.nn.functional as F


def evaluate(network, images, labels, batch_size):
    with torch.no_grad():
        losses = [
            F.cross_entropy(network(x), y, reduction="sum") for x, y in zip(images.split(batch_size), labels.split(batch_size))
        ]
    return sum(loss.item() for loss in losses) / len(images)


def criticality(network, images, labels, batch_size, modules=None, epsilon=0.1, epochs=10, rate=1.0):
    """MRC of every module: ten epochs of SGD on one weight, projected and evaluated once an epoch, the largest value counts."""
    base = evaluate(network, images, labels, batch_size)
    names = [name for name, part in network.named_modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    found = {}
    for name in names if modules is None else [f"network.{module}" for module in modules]:
        moved = copy.deepcopy(network).eval()
        for parameter in moved.parameters():
            parameter.requires_grad_(False)
        weight = moved.get_submodule(name).weight.requires_grad_(True)
        start = weight.detach().clone()
        radius = epsilon * start.norm()
        optimizer = torch.optim.SGD([weight], lr=rate)
        best = float("-inf")
        generator = torch.Generator().manual_seed(0)
        for _ in range(epochs):
            order = torch.randperm(len(images), generator=generator)
            for rows in order.split(batch_size):
                optimizer.zero_grad()
                (-F.cross_entropy(moved(images[rows]), labels[rows])).backward()
                optimizer.step()
            with torch.no_grad():
                change = weight - start
                if change.norm() > radius:
                    weight.copy_(start + change * (radius / change.norm()))
            best = max(best, evaluate(moved, images, labels, batch_size))
        found[name.removeprefix("network.")] = best - base
    return found


def training_epoch(network, images, labels, settings, seed):
    """One epoch as a plain PyTorch loop does it: PGD in evaluation mode, SGD with momentum in training mode."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(
        network.parameters(), lr=settings["learningRate"], momentum=settings["momentum"], weight_decay=settings["weightDecay"]
    )
    epsilon, step = settings["epsilon"], settings["stepSize"]
    loss = torch.zeros(())
    for rows in torch.randperm(len(images), generator=generator).split(settings["batchSize"]):
        x, y = augment(images[rows], generator), labels[rows]
        network.eval()
        adv = (x + (torch.rand(x.shape, generator=generator) * 2 - 1) * epsilon).clamp(0, 1)
        for _ in range(settings["steps"]):
            adv.requires_grad_(True)
            (gradient,) = torch.autograd.grad(F.cross_entropy(network(adv), y), adv)
            adv = (x + (adv.detach() + step * gradient.sign() - x).clamp(-epsilon, epsilon)).clamp(0, 1)
        network.train()
        loss = F.cross_entropy(network(adv), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def augment(images, generator):
    padded = F.pad(images, (4, 4, 4, 4))
    count = len(images)
    top, left = (torch.randint(0, 9, (count,), generator=generator) for _ in range(2))
    flip = torch.rand(count, generator=generator) < 0.5
    rows = [padded[i, :, top[i] : top[i] + 32, left[i] : left[i] + 32] for i in range(count)]
    return torch.stack([row.flip(-1) if flip[i] else row for i, row in enumerate(rows)])
