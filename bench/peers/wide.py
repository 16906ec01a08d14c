#!/usr/bin/env python3
"""Writes a ResNet-18 of width 64 and a WRN-28-10 with plausible random weights: speed does not depend on them.

Usage: wide.py OUT_FOLDER WRN_WIDTH
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "golden" / "networks"))
from reference import ResNet, WideResNet, randomize  # noqa: E402

out, width = Path(sys.argv[1]), int(sys.argv[2])
torch.save({"net": randomize(ResNet([2, 2, 2, 2], 64, 10), 0).state_dict()}, out / "w64.pth")
torch.save({"net": randomize(WideResNet(28, 10, width), 0).state_dict()}, out / "wrn.pth")
