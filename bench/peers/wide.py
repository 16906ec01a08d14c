#!/usr/bin/env python3
"""Writes a ResNet-18 of width 64 with plausible random weights: speed does not depend on them. Usage: wide.py OUT.pth"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "golden" / "networks"))
from reference import ResNet, randomize  # noqa: E402

torch.save({"net": randomize(ResNet([2, 2, 2, 2], 64, 10), 0).state_dict()}, sys.argv[1])
