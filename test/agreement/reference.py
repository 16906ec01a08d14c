#!/usr/bin/env python3
"""A network made and measured by PyTorch alone, for comparison with what this project says of the same file.

Usage: reference.py CIFAR10_BINARY_FOLDER OUT_FOLDER [THREADS]   (needs torch and numpy)

Trains a ResNet-18 of width 8 briefly with one-step adversarial examples (enough for a robust accuracy far from 0 and 1) and writes
  net.pth           {"net": state dict}, the layout of the paper's code
  adversarial.npz   adv, y: PGD-10 on the first 512 test pictures
  reference.json    logits of 16 pictures, accuracy under PGD-10 worst of three on 1,000 test pictures, MRC of all modules in the profiles
                    code and paper on adversarial.npz as one mini-batch
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN / "networks"))
sys.path.insert(0, str(GOLDEN / "criticality"))
from make import measure  # noqa: E402
from reference import CIFAR10, Normalized, ResNet  # noqa: E402

EPSILON, STEP = 8 / 255, 2 / 255


def read(path):
    records = np.fromfile(path, np.uint8).reshape(-1, 3073)
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255, torch.from_numpy(records[:, 0].astype(np.int64))


def pgd(run, images, labels, steps, step, generator):
    adv = images + (torch.rand(images.shape, generator=generator) * 2 - 1) * EPSILON
    adv = adv.clamp(0, 1)
    for _ in range(steps):
        adv.requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(run(adv), labels, reduction="sum"), adv)
        adv = (images + (adv.detach() + step * gradient.sign() - images).clamp(-EPSILON, EPSILON)).clamp(0, 1)
    return adv.detach()


def train(images, labels, epochs, generator):
    torch.manual_seed(0)
    network = ResNet([2, 2, 2, 2], width=8, classes=10)
    run = Normalized(network, *CIFAR10)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    steps = len(images) // 128
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.2, total_steps=epochs * steps)
    for epoch in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for at in range(steps):
            rows = order[at * 128 : (at + 1) * 128]
            adv = pgd(run.eval(), images[rows], labels[rows], 1, 1.25 * EPSILON, generator)
            run.train()
            loss = F.cross_entropy(run(adv), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1} of {epochs}: loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return network.eval()


def robust(run, images, labels, generator):
    alive = torch.ones(len(images), dtype=torch.bool)
    for _ in range(3):
        for rows in torch.arange(len(images)).split(250):
            adv = pgd(run, images[rows], labels[rows], 10, STEP, generator)
            with torch.no_grad():
                alive[rows] &= run(adv).argmax(1) == labels[rows]
    return alive


def main():
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(int(sys.argv[3]) if len(sys.argv) > 3 else 2)
    out.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(0)
    images, labels = read(data / "data_batch_1.bin")
    network = train(images, labels, 4, generator)
    torch.save({"net": network.state_dict(), "epoch": 4}, out / "net.pth")
    run = Normalized(network, *CIFAR10)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    images, labels = (part[:1000] for part in read(data / "test_batch.bin"))
    with torch.no_grad():
        logits = run(images)
    alive = robust(run, images, labels, generator)
    adv = pgd(run, images[:512], labels[:512], 10, STEP, generator)
    np.savez(out / "adversarial.npz", adv=adv.numpy(), y=labels[:512].numpy())
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    names = [name for name, part in network.named_modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Linear))]
    values = {}
    for profile in ("code", "paper"):
        values[profile] = {}
        for name in names:
            values[profile][name] = measure(network, adv, labels[:512], name, profile == "paper")
            print(f"{profile} {name} {values[profile][name]:.6f}", file=sys.stderr, flush=True)
    with torch.no_grad():
        base = F.cross_entropy(run(adv), labels[:512]).item()
    result = {
        "logits": logits[:16].tolist(),
        "standard": (logits.argmax(1) == labels).float().mean().item(),
        "adversarial": alive.float().mean().item(),
        "alive": alive.int().tolist(),
        "baseLoss": base,
        "mrc": values,
    }
    (out / "reference.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
