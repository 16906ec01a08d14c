#!/usr/bin/env python3
"""AutoAttack `standard` by its published code on a network and pictures of this project, for comparison with what `rift` says of them.

Usage: autoattack.py PUBLISHED NETWORK.safetensors TEST_BATCH.bin STATE.json [LIMIT [THREADS]]   (needs torch and numpy)

PUBLISHED is a copy of github.com/fra31/auto-attack, which is not part of this project. L-infinity, radius 8/255, on the first LIMIT
pictures (1,000). As in the published evaluation, each attack gets the survivors of the one before, here in chunks of 100 with a seed for
each; STATE is written after every chunk, and the same command goes on from it. NETWORK is a ResNet-18 with basic blocks. For speed, batch
norm is folded into the convolutions and forwards without gradients run through a frozen graph; both must give the plain network's scores
within 1e-4, and the plain network judges.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, str(Path(__file__).parents[1] / "golden" / "networks"))
from reference import Normalized, ResNet  # noqa: E402

EPSILON, CHUNK = 8 / 255, 100


def read_network(path):
    content = Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    manifest = json.loads(header.pop("__metadata__")["rift.manifest"])
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        values = np.frombuffer(content[8 + size + first : 8 + size + last], {"F32": np.float32, "I64": np.int64}[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    network = ResNet([2, 2, 2, 2], manifest["width"], manifest["classes"])
    network.load_state_dict(tensors)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    preprocess = manifest["preprocess"]
    return Normalized(network.eval(), preprocess["mean"], preprocess["std"]).eval()


class Folded(nn.Module):
    """The same network, batch norm folded into the convolutions."""

    def __init__(self, plain):
        super().__init__()
        network = plain.network
        self.mean, self.std, self.linear = plain.mean, plain.std, network.linear
        self.first = fuse_conv_bn_eval(network.conv1, network.bn1)
        self.blocks = nn.ModuleList()
        for block in (block for stage in range(1, 5) for block in getattr(network, f"layer{stage}")):
            parts = [fuse_conv_bn_eval(block.conv1, block.bn1), fuse_conv_bn_eval(block.conv2, block.bn2)]
            self.blocks.append(nn.ModuleList([*parts, *([fuse_conv_bn_eval(*block.shortcut)] if len(block.shortcut) else [])]))
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def forward(self, pixels):
        x = F.relu(self.first(((pixels - self.mean) / self.std).contiguous(memory_format=torch.channels_last)))
        for block in self.blocks:
            x = F.relu(block[1](F.relu(block[0](x))) + (block[2](x) if len(block) > 2 else x))
        return self.linear(torch.flatten(F.avg_pool2d(x, 4), 1))


def read_pictures(path, limit):
    records = np.fromfile(path, np.uint8).reshape(-1, 3073)[:limit]
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()).float() / 255, torch.from_numpy(records[:, 0].astype(np.int64))


def main():
    published, network, pictures, state_path = sys.argv[1:5]
    limit = int(sys.argv[5]) if len(sys.argv) > 5 else 1000
    torch.set_num_threads(int(sys.argv[6]) if len(sys.argv) > 6 else 1)
    torch.set_grad_enabled(False)
    sys.path.insert(0, published)
    from autoattack import AutoAttack

    plain = read_network(network)
    x, y = read_pictures(pictures, limit)
    folded = Folded(plain).eval().to(memory_format=torch.channels_last)
    frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(folded, x[:CHUNK]).eval()))
    for _ in range(3):
        frozen(x[:CHUNK])
    gap = max((fast(x[:n]) - plain(x[:n])).abs().max().item() for fast in (folded, frozen) for n in (CHUNK, 37, 1))
    assert gap < 1e-4, gap
    whole = AutoAttack(
        lambda batch: folded(batch) if torch.is_grad_enabled() else frozen(batch),
        norm="Linf", eps=EPSILON, version="standard", device="cpu", verbose=False, seed=0,
    )  # fmt: skip

    def attack(name, images, labels, seed):
        if name == "apgd-ce":
            whole.apgd.loss, whole.apgd.seed = "ce", seed
            return whole.apgd.perturb(images, labels)
        if name == "apgd-t":
            whole.apgd_targeted.seed = seed
            return whole.apgd_targeted.perturb(images, labels)
        if name == "fab-t":
            whole.fab.targeted, whole.fab.n_restarts, whole.fab.seed = True, 1, seed
            return whole.fab.perturb(images, labels)
        whole.square.seed = seed
        return whole.square.perturb(images, labels)

    if os.path.exists(state_path):
        state = json.loads(Path(state_path).read_text())
    else:
        right = (plain(x).argmax(1) == y).tolist()
        state = {"limit": limit, "clean": right, "alive": right, "attack": 0, "todo": None, "after": {}, "cpu": {}, "wall": {}, "worst": 0.0}

    def save():
        Path(f"{state_path}.new").write_text(json.dumps(state))
        os.replace(f"{state_path}.new", state_path)

    while state["attack"] < 4:
        name = whole.attacks_to_run[state["attack"]]
        if state["todo"] is None:
            state.update(todo=[index for index, alive in enumerate(state["alive"]) if alive], chunk=0, fell=[])
        while state["todo"]:
            rows = state["todo"][:CHUNK]
            cpu, wall = time.process_time(), time.time()
            adversarial = attack(name, x[rows].clone(), y[rows].clone(), 10_000 * state["attack"] + state["chunk"])
            state["cpu"][name] = state["cpu"].get(name, 0) + time.process_time() - cpu
            state["wall"][name] = state["wall"].get(name, 0) + time.time() - wall
            wrong = plain(adversarial).argmax(1) != y[rows]
            change = (adversarial - x[rows]).abs().flatten(1).amax(1)
            state["worst"] = max(state["worst"], (change * wrong).max().item())
            assert state["worst"] <= EPSILON + 1e-6 and adversarial.min() >= 0 and adversarial.max() <= 1
            state["fell"] += [row for row, is_wrong in zip(rows, wrong.tolist()) if is_wrong]
            state["todo"], state["chunk"] = state["todo"][CHUNK:], state["chunk"] + 1
            save()
            print(f"{name} chunk {state['chunk']}: {int(wrong.sum())} of {len(rows)} fell", flush=True)
        for row in state["fell"]:
            state["alive"][row] = False
        state["after"][name] = list(state["alive"])
        state["attack"], state["todo"] = state["attack"] + 1, None
        save()
    print({name: sum(alive) for name, alive in state["after"].items()})


if __name__ == "__main__":
    main()
