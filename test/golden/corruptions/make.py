#!/usr/bin/env python3
"""Make what the corruptions of native/rift-core/engine are tested with, by procedures.py:

  images.png            64 pictures of CIFAR-10's test split, 8 × 8; four neighbours in a row make one 64-pixel picture
  exact-32.png, -64.png results of the deterministic corruptions: a row for each corruption and picture, a column for
                        each severity
  statistics.json       figures of each corruption at each severity over all pictures

Needs numpy, scipy, scikit-image, opencv-python-headless and Pillow, the binary version of CIFAR-10, and the published
frost pictures: make.py --cifar FOLDER --frost FOLDER. statistics.json names the versions that made it."""
import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import PIL
import scipy
import skimage
from PIL import Image

import procedures
from constants import CONSTANTS

HERE = Path(__file__).parent
PICTURES = 64
EXACT = {32: [5, 12], 64: [3]}
DRAWS = {32: 16, 64: 32}
DETERMINISTIC = [
    "gaussian_blur",
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "saturate",
    "pixelate",
    "jpeg_compression",
]


def cifar(folder):
    records = np.fromfile(Path(folder) / "test_batch.bin", np.uint8).reshape(-1, 3073)[:PICTURES, 1:]
    return records.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def tiled(pictures, columns):
    rows = [np.hstack(pictures[at : at + columns]) for at in range(0, len(pictures), columns)]
    return np.vstack(rows)


def quadruples(pictures):
    """Pictures of 64 pixels, each of four pictures: two above, two below."""
    return np.stack([tiled(pictures[at : at + 4], 2) for at in range(0, len(pictures), 4)])


def corrupted(name, picture, severity, rng, frost):
    side = len(picture)
    constants = CONSTANTS[name][side][severity - 1]
    more = [frost[side]] if name == "frost" else []
    return np.uint8(getattr(procedures, name)(picture, constants, rng, *more))


def figures(before, after):
    before, after = before.astype(np.float64), after.astype(np.float64)
    return {
        "means": after.mean(axis=(0, 1, 2)).round(4).tolist(),
        "deviation": round(float(after.std()), 4),
        "change": round(float(np.sqrt(((after - before) ** 2).mean())), 4),
        "roughness": [round(float(np.sqrt((np.diff(after, axis=axis) ** 2).mean())), 4) for axis in (2, 1)],
        "unchanged": round(float((after == before).mean()), 5),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cifar", required=True)
    parser.add_argument("--frost", required=True)
    arguments = parser.parse_args()
    small = cifar(arguments.cifar)
    sets = {32: small, 64: quadruples(small)}
    Image.fromarray(tiled(small, 8)).save(HERE / "images.png", optimize=True)
    frost = {side: procedures.frost_pictures(arguments.frost, side) for side in sets}
    statistics = {
        "versions": {module.__name__: module.__version__ for module in (cv2, np, PIL, scipy, skimage)},
        "exact": {"corruptions": DETERMINISTIC, "pictures": {str(side): EXACT[side] for side in sets}},
        "figures": {},
    }
    for side, pictures in sets.items():
        rows = [
            corrupted(name, pictures[at], severity, None, frost)
            for name in DETERMINISTIC
            for at in EXACT[side]
            for severity in range(1, 6)
        ]
        Image.fromarray(tiled(rows, 5)).save(HERE / f"exact-{side}.png", optimize=True)
        for name in CONSTANTS:
            draws = 1 if name in DETERMINISTIC else DRAWS[side]
            before = np.repeat(pictures, draws, axis=0)
            for severity in range(1, 6):
                rng = np.random.default_rng([side, severity, *name.encode()])
                after = np.stack([corrupted(name, picture, severity, rng, frost) for picture in before])
                at_side = statistics["figures"].setdefault(str(side), {})
                at_side.setdefault(name, []).append(figures(before, after))
            print(side, name, flush=True)
    (HERE / "statistics.json").write_text(json.dumps(statistics, indent=1) + "\n")


if __name__ == "__main__":
    main()
