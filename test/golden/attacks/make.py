#!/usr/bin/env python3
"""Make the values that the attacks of native/rift-core/engine are compared with. Everything is written here from the
formulas of the papers (Madry et al. 2018; Croce & Hein 2020, 2021; Andriushchenko et al. 2020), image by image and in
other ways than the engine: projections by bisection in float64, Auto-PGD over a list of losses per image.
Needs torch, numpy and safetensors; writes golden.safetensors and golden.json beside this script."""
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
SHAPE, HIDDEN, CLASSES, COUNT = (3, 6, 6), 16, 5, 6
# A seed with which no gradient element comes so near to 0 that rounding could turn its sign.
torch.manual_seed(1)
torch.set_num_threads(1)
SMALLEST = math.inf


class Net:
    """108 → 16 → 5 with tanh, which has no kinks at which rounding could choose sides."""

    def __init__(self):
        self.first = torch.randn(math.prod(SHAPE), HIDDEN) * 0.3
        self.second = torch.randn(HIDDEN, CLASSES) * 0.7

    def __call__(self, x):
        return torch.tanh((x.flatten(1) - 0.5) @ self.first) @ self.second


NET = Net()
OUT = {"net.first": NET.first, "net.second": NET.second}
CLEAN = torch.rand(COUNT, *SHAPE)
LABELS = NET(CLEAN).argmax(1)
OUT["clean"], OUT["labels"] = CLEAN, LABELS


def ce_and_gradient(x, label):
    """Cross-entropy and its gradient for one image."""
    x = x.clone().requires_grad_(True)
    loss = F.cross_entropy(NET(x[None]), label[None])
    loss.backward()
    global SMALLEST
    SMALLEST = min(SMALLEST, x.grad.abs().min().item())
    return loss.item(), x.grad


# --- projections -----------------------------------------------------------------------------------------------------


def bisect(value, target, high):
    """λ in [0, high] with value(λ) = target for a value that does not fall."""
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if value(middle) < target else (low, middle)
    return (low + high) / 2


def project_l1_box(clean, delta, epsilon):
    """Nearest δ with ‖δ‖₁ ≤ ε and clean + δ in [0, 1]: shrink every |δ_i| by one λ, but at least into the box."""
    x, d = clean.double().numpy().ravel(), delta.double().numpy().ravel()
    room = np.where(d > 0, 1 - x, x)

    def sizes(shrink):
        return np.minimum(np.maximum(np.abs(d) - shrink, 0), room)

    shrink = 0.0 if sizes(0).sum() <= epsilon else bisect(lambda l: -sizes(l).sum(), -epsilon, np.abs(d).max())
    return torch.from_numpy(np.sign(d) * sizes(shrink)).float().view_as(delta)


def onto_plane(norm, point, normal, offset):
    """Shortest step from `point` onto {v : w·v = b} inside the box; all the way to the box where it is out of reach."""
    t, w = point.double().numpy(), normal.double().numpy()
    c = float(w @ t - offset)
    if c < 0:
        w, c = -w, -c
    room = np.where(w > 0, t, 1 - t) * (w != 0)
    size = np.abs(w)
    if norm == "l1":
        amount, left = np.zeros_like(t), c
        for i in np.argsort(-size, kind="stable"):
            if size[i] > 0 and left > 0:
                amount[i] = min(room[i], left / size[i])
                left -= amount[i] * size[i]
    else:
        slope = np.ones_like(size) if norm == "linf" else size

        def amounts(level):
            return np.minimum(level * slope, room)

        reach = float((size * room).sum())
        level = 1e9 if c >= reach else bisect(lambda l: float((size * amounts(l)).sum()), c, 1e6)
        amount = amounts(level)
    return torch.from_numpy(-np.sign(w) * amount).float()


# --- PGD -------------------------------------------------------------------------------------------------------------


def pgd(norm, epsilon, step, steps, start):
    path = []
    for x, y, s in zip(CLEAN, LABELS, start):
        delta, track = s - x, []
        for _ in range(steps):
            _, g = ce_and_gradient(x + delta, y)
            if norm == "linf":
                delta = (delta + step * g.sign()).clamp(-epsilon, epsilon)
            else:
                delta = delta + step * g / (g.norm() + 1e-10)
                delta = delta * min(1.0, epsilon / max(delta.norm().item(), 1e-10))
            delta = (x + delta).clamp(0, 1) - x
            track.append(x + delta)
        path.append(torch.stack(track))
    return torch.stack(path, 1)


# --- Auto-PGD --------------------------------------------------------------------------------------------------------


def inside(norm, x, v, epsilon):
    d = v - x
    if norm == "linf":
        d = d.clamp(-epsilon, epsilon)
    else:
        size = d.norm()
        d = d / (size + 1e-12) * min(epsilon, size.item())
    return (x + d).clamp(0, 1)


def checkpoint_iterations(steps):
    """Iterations (from 1) after which the step size is looked at."""
    length, at, points = max(int(0.22 * steps), 1), 0, []
    while at + length <= steps:
        at += length
        points.append(at)
        length = max(length - max(int(0.03 * steps), 1), max(int(0.06 * steps), 1))
    return points


def apgd_one(norm, epsilon, steps, x, y, start):
    """Points proposed, step size used for each, best point; one image, ρ = .75, momentum .75."""
    loss, g = ce_and_gradient(start, y)
    best, best_g, best_loss = start, g, loss
    now, before, eta = start, start, 2 * epsilon
    losses, last_best, halved, last_checkpoint = [], best_loss, True, 0
    points = set(checkpoint_iterations(steps))
    path, etas = [], []
    for k in range(steps):
        direction = g.sign() if norm == "linf" else g / (g.norm() + 1e-12)
        u = inside(norm, x, now + eta * direction, epsilon)
        a = 1.0 if k == 0 else 0.75
        new = inside(norm, x, now + a * (u - now) + (1 - a) * (now - before), epsilon)
        etas.append(eta)
        path.append(new)
        before, now = now, new
        loss, g = ce_and_gradient(now, y)
        losses.append(loss)
        if loss > best_loss:
            best, best_g, best_loss = now, g, loss
        if k + 1 in points:
            # The first loss is compared with 0, as published: the row before the first is the last of a zero array.
            previous = [0.0] + losses
            rises = sum(losses[i] > previous[i] for i in range(last_checkpoint, k + 1))
            seldom = rises <= 0.75 * (k + 1 - last_checkpoint)
            stuck = not halved and last_best >= best_loss
            halved, last_best, last_checkpoint = seldom or stuck, best_loss, k + 1
            if halved:
                eta, now, g = eta / 2, best, best_g
    return torch.stack(path), torch.tensor(etas), best


def sparse_apgd_one(epsilon, steps, x, y, start):
    """The same in the L1 ball: sparse steps and a support that follows the best point."""
    loss, g = ce_and_gradient(start, y)
    best, best_g, best_loss, now = start, g, loss, start
    size = x.numel()
    support = int((start != x).sum())
    share, eta, path = support / size / 1.5, epsilon, []
    every = max(int(0.04 * steps), 1)
    for k in range(steps):
        order = g.abs().flatten().sort()[0]
        # In float32, like the engine: the index is a rounded-down product.
        index = int((np.float32(1) - np.float32(share)) * np.float32(size))
        threshold = order[min(max(index, 0), size - 1)]
        sign = g.sign() * (g.abs() >= threshold)
        moved = now + eta * sign / (sign.abs().sum() + 1e-10)
        now = (x + project_l1_box(x, moved - x, epsilon)).clamp(0, 1)
        path.append(now)
        loss, g = ce_and_gradient(now, y)
        if loss > best_loss:
            best, best_g, best_loss = now, g, loss
        if (k + 1) % every == 0:
            new = int((best != x).sum())
            if new / support < 0.95:
                eta, now, g = epsilon, best, best_g
            else:
                eta = max(eta / 1.5, epsilon / 10)
            support, share = new, new / size / 1.5
    return torch.stack(path), best


STEPS = 20
noise = torch.rand(COUNT, *SHAPE) * 2 - 1
gauss = torch.randn(COUNT, *SHAPE)
starts = {
    "linf": (CLEAN + 0.1 * noise).clamp(0, 1),
    "l2": (CLEAN + 0.4 * gauss / gauss.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).clamp(0, 1),
    "l1": torch.stack([(x + project_l1_box(x, g, 3.0)).clamp(0, 1) for x, g in zip(CLEAN, gauss)]),
}
radii = {"linf": 0.1, "l2": 0.8, "l1": 3.0}
for norm in ("linf", "l2"):
    OUT[f"{norm}.start"] = starts[norm]
    OUT[f"pgd.{norm}"] = pgd(norm, radii[norm], radii[norm] / 4, 10, starts[norm])
    runs = [apgd_one(norm, radii[norm], STEPS, x, y, s) for x, y, s in zip(CLEAN, LABELS, starts[norm])]
    OUT[f"apgd.{norm}.path"] = torch.stack([run[0] for run in runs], 1)
    OUT[f"apgd.{norm}.step"] = torch.stack([run[1] for run in runs], 1)
    OUT[f"apgd.{norm}.best"] = torch.stack([run[2] for run in runs])
OUT["l1.start"] = starts["l1"]
runs = [sparse_apgd_one(radii["l1"], STEPS, x, y, s) for x, y, s in zip(CLEAN, LABELS, starts["l1"])]
OUT["apgd.l1.path"] = torch.stack([run[0] for run in runs], 1)
OUT["apgd.l1.best"] = torch.stack([run[1] for run in runs])

# --- losses ----------------------------------------------------------------------------------------------------------

logits = torch.randn(12, 6) * 3
labels = torch.randint(0, 6, (12,))
targets = (labels + torch.randint(1, 6, (12,))) % 6
dlr, targeted = [], []
for z, y, t in zip(logits.double(), labels, targets):
    ranked = sorted(z.tolist(), reverse=True)
    other = max(value for i, value in enumerate(z.tolist()) if i != y)
    dlr.append(-(z[y] - other) / (ranked[0] - ranked[2] + 1e-12))
    targeted.append(-(z[y] - z[t]) / (ranked[0] - (ranked[2] + ranked[3]) / 2 + 1e-12))
OUT |= {"loss.logits": logits, "loss.labels": labels, "loss.targets": targets}
OUT |= {"loss.dlr": torch.stack(dlr).float(), "loss.targeted": torch.stack(targeted).float()}

# --- projections and FAB ---------------------------------------------------------------------------------------------

wide = torch.randn(8, *SHAPE) * torch.tensor([0.01, 0.05, 0.1, 0.3, 0.5, 1, 2, 5]).view(-1, 1, 1, 1)
centre = torch.rand(8, *SHAPE)
centre[0, 0, 0] = 0.0
centre[1, 0, 0] = 1.0
OUT |= {"l1.centre": centre, "l1.delta": wide}
OUT["l1.nearest"] = torch.stack([project_l1_box(x, d, 4.0) for x, d in zip(centre, wide)])

point, normal = torch.rand(10, 40), torch.randn(10, 40)
normal[0, :10] = 0
point[1, :10] = 0
point[2, :10] = 1
shift = torch.tensor([0.1, -0.1, 0.5, -0.5, 1, -1, 3, -3, 500, -500])
offset = ((point.double() * normal.double()).sum(1) + shift.double()).float()
OUT |= {"plane.point": point, "plane.normal": normal, "plane.offset": offset}
for norm in ("linf", "l2", "l1"):
    steps = [onto_plane(norm, p, w, b.double().item()) for p, w, b in zip(point, normal, offset)]
    OUT[f"plane.{norm}"] = torch.stack(steps)

size_of = {"linf": lambda d: d.abs().max(), "l2": lambda d: d.norm(), "l1": lambda d: d.abs().sum()}
target_class = NET(CLEAN).argsort(1, descending=True)[:, 1]
OUT["fab.target"] = target_class
for norm in ("linf", "l2", "l1"):
    path, nows = [], [x.clone() for x in CLEAN]
    for _ in range(4):
        for i, (x, y, t) in enumerate(zip(CLEAN, LABELS, target_class)):
            v = nows[i].clone().requires_grad_(True)
            z = NET(v[None])[0]
            f = -(z[y] - z[t])
            (w,) = torch.autograd.grad(f, v)
            b = float(-f.detach().double() + (w.double() * nows[i].double()).sum())
            here = onto_plane(norm, nows[i].flatten(), w.flatten(), b).view_as(x)
            there = onto_plane(norm, x.flatten(), w.flatten(), b).view_as(x)
            near, far = (max(size_of[norm](d).item(), 1e-8) for d in (here, there))
            bias = min(near / (near + far), 0.1)
            new = ((1 - bias) * (nows[i] + 1.05 * here) + bias * (x + 1.05 * there)).clamp(0, 1)
            nows[i] = new
        path.append(torch.stack(nows))
        # Back towards the original where the network is fooled.
        nows = [x + 0.9 * (v - x) if NET(v[None]).argmax() != y else v for x, v, y in zip(CLEAN, nows, LABELS)]
    OUT[f"fab.{norm}"] = torch.stack(path)

# --- Square ----------------------------------------------------------------------------------------------------------


def square_share(query):
    limits = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000]
    return 0.8 / 2 ** sum(query > limit for limit in limits)


def ring_sum(height, width, power):
    """Σ over rings j of 1/(j+1)^power on the rectangle of half-sides j round the centre."""
    rows, columns = torch.arange(height).view(-1, 1), torch.arange(width).view(1, -1)
    reach = torch.maximum((rows - height // 2).abs(), (columns - width // 2).abs())
    last = max(height // 2, width // 2)
    total = torch.zeros(height, width, dtype=torch.float64)
    for ring in range(last + 1):
        total += (reach <= ring) / (ring + 1) ** power
    return total


def bump(side, norm):
    power, size = (2, lambda v: v.square().sum().sqrt()) if norm == "l2" else (4, lambda v: v.abs().sum())
    parts = []
    for height, sign in ((side // 2, 1), (side - side // 2, -1)):
        half = ring_sum(height, side, power)
        parts.append(sign * half / size(half))
    whole = torch.cat(parts)
    return (whole / size(whole)).float()


for norm in ("l2", "l1"):
    for side in (3, 7, 12):
        OUT[f"bump.{norm}.{side}"] = bump(side, norm)

queries = [0, 5, 10, 11, 50, 51, 200, 201, 500, 501, 1000, 1001, 2000, 2001, 4000, 4001, 6000, 6001, 8000, 8001, 20000]
text = {
    "checkpoints": {str(steps): checkpoint_iterations(steps) for steps in (1, 3, 10, 20, 50, 100, 300, 1000)},
    "squareShare": [[query, square_share(query)] for query in queries],
    "radii": radii,
}
assert SMALLEST > 2e-6, f"a gradient element is {SMALLEST}: choose another seed"
(HERE / "golden.json").write_text(json.dumps(text, indent=1) + "\n")
save_file({name: tensor.detach().contiguous() for name, tensor in OUT.items()}, HERE / "golden.safetensors")
