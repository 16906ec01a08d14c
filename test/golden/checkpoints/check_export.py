#!/usr/bin/env python3
"""Check with real PyTorch that an exported checkpoint is what its user expects: `check_export.py EXPORTED [ORIGINAL]`
opens EXPORTED with weights_only=True and, where given, compares it with the state dict in ORIGINAL, bit for bit."""
import collections
import sys

import torch


def main():
    exported = torch.load(sys.argv[1], weights_only=True)
    assert type(exported) is collections.OrderedDict, type(exported)
    mapped = torch.load(sys.argv[1], weights_only=True, mmap=True)
    for name, tensor in exported.items():
        assert isinstance(name, str) and type(tensor) is torch.Tensor, name
        assert tensor.is_contiguous() and not tensor.requires_grad and tensor.device.type == "cpu", name
        assert torch.equal(tensor, mapped[name]), f"{name} differs when the file is mapped"
    if len(sys.argv) > 2:
        original = torch.load(sys.argv[2], weights_only=True)
        assert list(original) == list(exported), (list(original), list(exported))
        for name, tensor in original.items():
            assert tensor.dtype == exported[name].dtype and torch.equal(tensor, exported[name]), name
    print(f"{len(exported)} tensors, {sum(t.numel() for t in exported.values())} values: ok")


if __name__ == "__main__":
    main()
