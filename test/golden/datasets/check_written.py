#!/usr/bin/env python3
"""Check with NumPy that written.npz, which the engine wrote from arrays.npz, holds the same arrays."""
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def main():
    ours, theirs = np.load(HERE / "written.npz"), np.load(HERE / "arrays.npz")
    assert ours.files == theirs.files, ours.files
    for name in theirs.files:
        assert ours[name].dtype == theirs[name].dtype and ours[name].shape == theirs[name].shape, name
        assert np.array_equal(ours[name], theirs[name]), name
    print(f"{len(ours.files)} arrays: ok")


if __name__ == "__main__":
    main()
