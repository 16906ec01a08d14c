#!/usr/bin/env python3
"""Golden values of every training method: its loss with gradients, its crafting, and two steps of it, in PyTorch.

Run: python test/golden/training/methods.py   (needs torch 2.13 and safetensors; writes methods.safetensors beside itself)
Written from the papers' equations (docs/method.md names them). Crafting starts at given points, so nothing random enters.
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
CLASSES, BETA, SMOOTHING, GAMMA = 10, 6.0, 0.1, 0.01
EPSILON, STEP, STEPS = 8 / 255, 2 / 255, 3


def kl(p, q):
    """KL(p || q) of each row of probabilities."""
    return (p * (p.log() - q.log())).sum(1)


def square(a, b):
    return ((a - b) ** 2).sum(1)


def bound(clip):
    return clip**2 + clip**2 / (CLASSES - 1)


def onehot(y, smoothing=0.0):
    share = smoothing / (CLASSES - 1)
    return torch.full((len(y), CLASSES), share).scatter(1, y[:, None], 1 - smoothing)


def pgd(clean, crafted, y):
    return F.cross_entropy(crafted, y)


def smoothed(clean, crafted, y):
    target = (1 - SMOOTHING) * F.one_hot(y, CLASSES) + SMOOTHING / CLASSES
    return -(target * crafted.log_softmax(1)).sum(1).mean()


def trades(clean, crafted, y):
    return F.cross_entropy(clean, y) + BETA * kl(clean.softmax(1), crafted.softmax(1)).mean()


def mart(clean, crafted, y):
    p, q = clean.softmax(1), crafted.softmax(1)
    top = q.argsort(1)[:, -2:]
    rival = torch.where(top[:, 1] == y, top[:, 0], top[:, 1])
    rows = torch.arange(len(y))
    margin = F.cross_entropy(crafted, y) - (1.0001 - q + 1e-12).log()[rows, rival].mean()
    distance = (p * (p.log() - (q + 1e-12).log())).sum(1)
    return margin + BETA * (distance * (1.0000001 - p[rows, y])).mean()


def score(clean, crafted, y):
    return (square(crafted.softmax(1), onehot(y)) - bound(0.4)).clamp(min=0).mean()


def score_smoothed(clean, crafted, y):
    return square(crafted.softmax(1), onehot(y, SMOOTHING)).mean()


def score_trades(clean, crafted, y):
    p, q = clean.softmax(1), crafted.softmax(1)
    return (square(p, onehot(y)) + BETA * square(q, p) - bound(0.3)).clamp(min=0).mean()


def score_second(clean, crafted, y):
    p, q = clean.softmax(1), crafted.softmax(1)
    return (square(p, onehot(y)) + (BETA * square(q, p) - bound(0.3)).clamp(min=0)).mean()


LOSSES = dict(
    pgd=pgd, smoothed=smoothed, trades=trades, mart=mart, score=score, score_smoothed=score_smoothed,
    score_trades=score_trades, score_second=score_second,
)  # fmt: skip

# name: (loss, which forwards in their order, mode while crafting, weight perturbation, clean forwards before and after)
METHODS = {
    "pgd": (pgd, "a", "eval", False, "both"),
    "fast": (pgd, "a", "train", False, "none"),
    "trades": (trades, "ca", "eval", False, "before"),
    "mart": (mart, "ca", "eval", False, "none"),
    "awp": (pgd, "a", "train", True, "after"),
    "trades_awp": (trades, "ac", "eval", True, "before"),
    "score": (score, "a", "untracked", False, "none"),
    "score_trades": (score_trades, "ac", "eval", False, "none"),
}


def craft(name, model, images, start, labels):
    """Iterates of the method's attack; train mode moves the running statistics, untracked does not."""
    mode = METHODS[name][2]
    model.network.train(mode != "eval")
    if mode == "untracked":
        kept = copy.deepcopy(model.network.state_dict())
    natural = None
    if name in ("trades", "trades_awp", "score_trades"):
        natural = model(images).softmax(1).detach()
    steps, size = (1, 1.25 * EPSILON) if name == "fast" else (STEPS, STEP)
    crafted = start.clone()
    for _ in range(steps):
        leaf = crafted.clone().requires_grad_()
        logits = model(leaf)
        if name in ("trades", "trades_awp"):
            loss = kl(natural, logits.softmax(1)).sum()
        elif name == "score":
            loss = square(logits.softmax(1), onehot(labels)).sum()
        elif name == "score_trades":
            loss = square(logits.softmax(1), natural).sum()
        else:
            loss = F.cross_entropy(logits, labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
        delta = (crafted + size * gradient.sign() - images).clamp(-EPSILON, EPSILON)
        crafted = (images + delta).clamp(0, 1)
    if mode == "untracked":
        model.network.load_state_dict(kept)
    model.network.train()
    return crafted


def forward(name, model, images, crafted):
    """Logits of clean and crafted images, each with its own batch statistics, in the reference's order."""
    found = {"c": None, "a": None}
    for which in METHODS[name][1]:
        found[which] = model(images if which == "c" else crafted)
    return found["c"], found["a"]


def perturb(name, model, images, crafted, labels):
    """Moves every weight of more than one dimension by gamma times its norm along the gradient; the statistics stay."""
    proxy = copy.deepcopy(model)
    loss = METHODS[name][0](*forward(name, proxy, images, crafted), labels)
    loss.backward()
    moves = {}
    with torch.no_grad():
        gradients = dict(proxy.network.named_parameters())
        for key, weight in model.network.named_parameters():
            if weight.dim() > 1:
                gradient = gradients[key].grad
                moves[key] = GAMMA * weight.norm() / (gradient.norm() + 1e-20) * gradient
                weight.add_(moves[key])
    return moves


def two_steps(name, start_network, images, start, labels, out):
    loss_of, _, _, perturbs, clean = METHODS[name]
    model = Normalized(copy.deepcopy(start_network), *CIFAR10)
    optimizer = torch.optim.SGD(model.network.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    losses = []
    for step in range(2):
        crafted = craft(name, model, images, start, labels)
        out[f"{name}/crafted/{step}"] = crafted
        moves = perturb(name, model, images, crafted, labels) if perturbs else {}
        if perturbs and step == 0:
            out |= {f"{name}/perturbed/{key}": model.network.get_parameter(key).detach().clone() for key in moves}
        loss = loss_of(*forward(name, model, images, crafted), labels)
        losses.append(loss.item())
        if clean in ("before", "both"):
            with torch.no_grad():
                model(images)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            for key, parameter in model.network.named_parameters():
                out[f"{name}/gradient/{key}"] = parameter.grad.clone()
        optimizer.step()
        with torch.no_grad():
            for key, move in moves.items():
                model.network.get_parameter(key).sub_(move)
            if clean in ("after", "both"):
                model(images)
    out[f"{name}/losses"] = torch.tensor(losses, dtype=torch.float64)
    out |= {f"{name}/state/{key}": value.clone() for key, value in model.network.state_dict().items()}


def schedule(out):
    """Rate and momentum of OneCycleLR, one step an epoch."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.2, momentum=0.9, nesterov=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.2, total_steps=40, pct_start=0.1)
    rates, momenta = [], []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        if len(rates) < 40:
            cycle.step()
    out["cycle/rate"] = torch.tensor(rates, dtype=torch.float64)
    out["cycle/momentum"] = torch.tensor(momenta, dtype=torch.float64)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(5)
    out = {}
    labels = torch.tensor([3, 8, 0, 5, 5, 1])
    clean, crafted = torch.randn(6, CLASSES) * 2, torch.randn(6, CLASSES) * 2
    # One image that is right with certainty, below the clip bound, and a wrong one that the attack hardly moved, whose second
    # term alone is below it.
    clean[0, 3] = crafted[0, 3] = 12.0
    crafted[1] = clean[1] + 0.01 * crafted[1]
    out |= {"labels": labels, "logits/clean": clean, "logits/crafted": crafted}
    for name, loss_of in LOSSES.items():
        a, b = clean.clone().requires_grad_(), crafted.clone().requires_grad_()
        loss = loss_of(a, b, labels)
        loss.backward()
        out[f"loss/{name}"] = loss.detach()
        out[f"loss/{name}/clean"] = torch.zeros_like(a) if a.grad is None else a.grad
        out[f"loss/{name}/crafted"] = b.grad

    images = torch.rand(6, 3, 32, 32)
    uniform = (images + (torch.rand(images.shape) * 2 - 1) * EPSILON).clamp(0, 1)
    gaussian = images + 0.001 * torch.randn(images.shape)
    network = randomize(ResNet([2, 2, 2, 2], width=2), 17)
    out |= {"images": images, "start/uniform": uniform, "start/gaussian": gaussian}
    out |= {f"network/{key}": value.clone() for key, value in network.state_dict().items()}
    for name in METHODS:
        noisy = name in ("trades", "trades_awp", "mart", "score_trades")
        two_steps(name, network, images, gaussian if noisy else uniform, labels, out)
    schedule(out)
    save_file({key: value.contiguous() for key, value in out.items()}, HERE / "methods.safetensors")


if __name__ == "__main__":
    main()
