#!/usr/bin/env python3
"""Make the checkpoints that the reader of native/rift-core/engine is tested with: what torch.save writes, and hostile
files that must be refused. Needs torch; writes valid/*.pth, hostile/*.pth and expected.json beside this script.

The values are the same each time; the old format holds memory addresses, so the bytes of legacy*.pth are not.
`exported.pth` is not made here: the engine writes it from valid/raw.pth, and check_export.py compares the two."""
import collections
import io
import json
import struct
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).parent
VALID, HOSTILE = HERE / "valid", HERE / "hostile"


def network(prefix=""):
    """A state dict with a convolution, a batch norm with its counter, and a linear layer, and its `_metadata`."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        collections.OrderedDict(conv1=torch.nn.Conv2d(3, 2, 3, bias=False), bn1=torch.nn.BatchNorm2d(2), linear=torch.nn.Linear(2, 3))
    )
    state = net.state_dict()
    renamed = collections.OrderedDict((prefix + name, tensor) for name, tensor in state.items())
    renamed._metadata = state._metadata
    return renamed


def valid_files():
    """File name → what is saved, whether in the old format, and what the reader must say of it."""
    plain = network()
    wrapped = collections.OrderedDict({"0.mean": torch.tensor([0.5, 0.25, 0.125]).view(1, 3, 1, 1), "0.std": torch.tensor([0.25] * 3)})
    wrapped.update(network("1.module."))
    base = torch.arange(24.0)
    shared = collections.OrderedDict(
        transposed=base[:6].view(2, 3).t(), sliced=base.view(4, 6)[1:3, ::2], expanded=base[5].expand(4), offset=base[20:], empty=torch.zeros(0, 3)
    )
    kinds = collections.OrderedDict(
        half=torch.tensor([1.5, -2.0]).half(), brain=torch.tensor([3.25]).bfloat16(), double=torch.tensor([0.1], dtype=torch.float64),
        long=torch.tensor(-7), int=torch.tensor([1, -1], dtype=torch.int32), short=torch.tensor([2], dtype=torch.int16),
        char=torch.tensor([-3], dtype=torch.int8), byte=torch.tensor([250], dtype=torch.uint8), bool=torch.tensor([True, False]),
    )
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], lr=0.1, momentum=0.9)
    trained = {"model": plain, "optimizer": optimizer.state_dict(), "epoch": 76, "acc": 0.5, "done": True, "arch": "resnet18"}
    parameters = collections.OrderedDict((name, torch.nn.Parameter(tensor) if tensor.is_floating_point() else tensor) for name, tensor in plain.items())
    return {
        "raw.pth": (plain, {}, "raw", {}),
        "net.pth": ({"net": plain, "acc": 93.5, "epoch": 199}, {}, "net", {"acc": "93.5", "epoch": "199"}),
        "state_dict_module.pth": ({"state_dict": network("module.")}, {}, "state_dict", {}),
        "model.pth": (trained, {}, "model", {"epoch": "76", "acc": "0.5", "done": "true", "arch": "resnet18"}),
        "normalized.pth": ({"model_state_dict": wrapped}, {}, "model_state_dict", {}),
        "compiled.pth": (network("_orig_mod.module."), {}, "raw", {}),
        "views.pth": (shared, {}, "raw", {}),
        "kinds.pth": (kinds, {}, "raw", {}),
        "parameters.pth": (parameters, {}, "raw", {}),
        "protocol4.pth": (plain, {"pickle_protocol": 4}, "raw", {}),
        "legacy.pth": ({"net": plain, "epoch": 3}, {"_use_new_zipfile_serialization": False}, "net", {"epoch": "3"}),
        "legacy_views.pth": (shared, {"_use_new_zipfile_serialization": False}, "raw", {}),
    }


def own_names(state):
    """Names as the reader must give them."""
    names = {}
    for name, tensor in state.items():
        if name in ("0.mean", "0.std"):
            continue
        for prefix in ("_orig_mod.", "1.", "module."):
            name = name.removeprefix(prefix)
        names[name] = tensor
    return names


def describe(tensor):
    tensor = tensor.detach()
    if tensor.is_floating_point():
        tensor = tensor.float()
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "values": tensor.flatten().tolist()}


# --- hostile files -------------------------------------------------------------------------------------------------


def archive(entries, compression=zipfile.ZIP_STORED):
    """A zip as bytes; `entries` is a list of (name, content)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target:
        for name, content in entries:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            target.writestr(info, content)
    return buffer.getvalue()


def checkpoint(pickle, storage=struct.pack("<4f", 1, 2, 3, 4), extra=()):
    return archive([("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", storage), *extra])


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value) if -(2**31) <= value < 2**31 else b"\x8a\x08" + struct.pack("<q", value)


STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"%stQ"


def tensor(numel=4, offset=0, size=(4,), stride=(1,), storage=None):
    storage = STORAGE % number(numel) if storage is None else storage
    shape = b"".join(b"(" + b"".join(map(number, dims)) + b"t" for dims in (size, stride))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + shape + b"\x89ccollections\nOrderedDict\n)RtR"


def state(*tensors):
    names = b"".join(text(f"w{index}") + tensor for index, tensor in enumerate(tensors))
    return b"\x80\x02}(" + names + b"u."


def patched(data, find, replace, at=0):
    """`data` with the occurrence number `at` of `find` replaced."""
    position = -1
    for _ in range(at + 1):
        position = data.index(find, position + 1)
    return data[:position] + replace + data[position + len(find) :]


def hostile_files():
    good = checkpoint(state(tensor()))
    nan = checkpoint(state(tensor()), struct.pack("<4f", 1, float("nan"), float("inf"), 4))
    doubling = b"\x80\x02]q\x00" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(200)) + b"."
    nested = b"\x80\x02" + b"(" * 5000 + b"."
    legacy = (VALID / "legacy.pth").read_bytes()
    two = archive([("a/data.pkl", state(tensor())), ("a/data/0", bytes(16)), ("a/data/1", bytes(16))])
    directory = good.index(b"PK\x01\x02")
    return {
        "system.pth": checkpoint(b"\x80\x02cposix\nsystem\n" + text("touch /tmp/rift-was-here") + b"\x85R."),
        "stack_global.pth": checkpoint(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93" + text("1") + b"\x85R."),
        "storage_class.pth": checkpoint(state(tensor(storage=b"(" + text("storage") + b"ctorch\nQInt8Storage\n" + text("0") + text("cpu") + b"K\x04tQ"))),
        "whole_module.pth": checkpoint(b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81."),
        "bomb.pth": checkpoint(doubling),
        "deep.pth": checkpoint(nested),
        "protocol5.pth": checkpoint(b"\x80\x05."),
        "cycle.pth": checkpoint(b"\x80\x02}q\x00" + text("net") + b"h\x00s."),
        "short_tuple.pth": checkpoint(b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + STORAGE % number(4) + b"K\x00tRs."),
        "no_arguments.pth": checkpoint(b"\x80\x02}" + text("w") + b"ctorch._utils\n_rebuild_parameter\n)Rs."),
        "huge_shape.pth": checkpoint(state(tensor(size=(2**40, 2**40), stride=(1, 1)))),
        "beyond_storage.pth": checkpoint(state(tensor(offset=1))),
        "negative_offset.pth": checkpoint(state(tensor(offset=-1, size=(1,)))),
        "negative_stride.pth": checkpoint(state(tensor(stride=(-1,)))),
        "stride_count.pth": checkpoint(state(tensor(stride=(1, 1)))),
        "huge_storage.pth": checkpoint(state(tensor(numel=2**62, size=(2**62,)))),
        "storage_size.pth": checkpoint(state(tensor(numel=5))),
        "missing_storage.pth": archive([("a/data.pkl", state(tensor())), ("a/data/1", bytes(16))]),
        "expanded.pth": checkpoint(state(tensor(size=(10**9,), stride=(0,)))),
        "two_descriptions.pth": checkpoint(state(tensor(), tensor(storage=(STORAGE % number(2)).replace(b"Float", b"Double"), size=(2,)))),
        "name_twice.pth": checkpoint(b"\x80\x02}(" + (text("w") + tensor()) * 2 + b"u."),
        "truncated.pth": good[: len(good) // 2],
        "no_pickle.pth": archive([("a/data/0", bytes(16))]),
        "two_folders.pth": archive([("a/data.pkl", state(tensor())), ("b/data/0", bytes(16))]),
        "traversal.pth": checkpoint(state(tensor()), extra=[("a/../../../tmp/rift-was-here", b"x")]),
        "absolute.pth": checkpoint(state(tensor()), extra=[("/tmp/rift-was-here", b"x")]),
        "duplicate.pth": two.replace(b"a/data/1", b"a/data/0"),
        "deflated.pth": archive([("a/data.pkl", state(tensor())), ("a/data/0", bytes(16))], zipfile.ZIP_DEFLATED),
        "encrypted.pth": patched(good, b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),
        "local_name.pth": patched(good, b"a/data/0", b"a/data/9"),
        "local_size.pth": good[:18] + struct.pack("<I", 1) + good[22:],
        "checksum.pth": patched(good, struct.pack("<f", 2), struct.pack("<f", 5)),
        "overlap.pth": overlap(two),
        "offset.pth": good[: directory + 42] + struct.pack("<I", 2**31) + good[directory + 46 :],
        "big_endian.pth": archive([("a/data.pkl", state(tensor())), ("a/byteorder", b"big"), ("a/data/0", bytes(16))]),
        "torchscript.pth": checkpoint(state(tensor()), extra=[("a/constants.pkl", b"x"), ("a/code/__torch__.py", b"x")]),
        "nan.pth": nan,
        "list.pth": checkpoint(b"\x80\x02](K\x01K\x02e."),
        "no_tensors.pth": checkpoint(b"\x80\x02}" + text("weights") + b"}s."),
        "after_stop.pth": checkpoint(state(tensor()) + b"more"),
        "bad_text.pth": checkpoint(b"\x80\x02X\x02\x00\x00\x00\xff\xfe."),
        "long_text.pth": checkpoint(b"\x80\x02X" + struct.pack("<I", 2**31) + b"."),
        "legacy_truncated.pth": legacy[:-3],
        "legacy_longer.pth": legacy + b"\0",
        "plain_text.pth": b"this is not a checkpoint\n",
        "empty.pth": b"",
    }


def overlap(data):
    """Both storages at one place: the directory entry of the second points at the first, whose name it takes."""
    second = data.rindex(b"PK\x01\x02")
    first = data.index(b"PK\x03\x04", data.index(b"PK\x03\x04") + 4)
    return data[: second + 42] + struct.pack("<I", first) + data[second + 46 :]


def main():
    for folder in (VALID, HOSTILE):
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.pth"):
            old.unlink()
    expected = {}
    for name, (content, options, layout, notes) in valid_files().items():
        torch.save(content, VALID / name, **options)
        found = content if layout == "raw" else content[layout]
        expected[name] = {"layout": layout, "notes": notes, "tensors": {key: describe(value) for key, value in own_names(found).items()}}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for name, data in hostile_files().items():
        (HOSTILE / name).write_bytes(data)


if __name__ == "__main__":
    main()
