#!/usr/bin/env python3
"""Make the data files that the readers of native/rift-core/engine are tested with: what NumPy, pickle and Pillow write,
and files that must be refused. Needs numpy and Pillow; writes beside this script, the same bytes each time."""
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def npz(arrays, compression):
    """np.savez with a fixed date, so that the bytes are the same each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            with archive.open(info, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def main():
    arrays = {
        "bytes": np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
        "float": np.array([0.1, -2.5], np.float32),
        "double": np.array([[1e300]], np.float64),
        "long": np.array([-(2**40), 7], np.int64),
        "int": np.array([-3], np.int32),
        "flags": np.array([True, False]),
        "scalar": np.array(2.5, np.float32),
        "empty": np.zeros((0, 3), np.float32),
    }
    (HERE / "arrays.npz").write_bytes(npz(arrays, zipfile.ZIP_STORED))
    adversarial = {"adv": (np.arange(36, dtype=np.float32) / 36).reshape(3, 3, 2, 2), "y": np.array([2, 0, 1], np.int32)}
    deflated = npz(adversarial, zipfile.ZIP_DEFLATED)
    (HERE / "adversarial.npz").write_bytes(deflated)
    (HERE / "version2.npy").write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 54) + b"{'shape': (2,), \"descr\": '|u1', 'fortran_order':False}\n"[:54] + b"\x05\x06")

    # A lie about the size: the directory and the header say 100 bytes, or 3.75 GiB.
    real = struct.pack("<I", len(npy(adversarial["adv"])))
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("adv.npy", (1980, 1, 1, 0, 0, 0)), npy(adversarial["adv"]), zipfile.ZIP_DEFLATED)
    (HERE / "lying.npz").write_bytes(plain.getvalue().replace(real, struct.pack("<I", 100)))
    (HERE / "huge.npz").write_bytes(plain.getvalue().replace(real, struct.pack("<I", 0xF0000000)))

    (HERE / "fortran.npy").write_bytes(npy(np.asfortranarray(np.ones((2, 3), np.float32))))
    (HERE / "big_endian.npy").write_bytes(npy(np.ones(2, ">f4")))
    (HERE / "objects.npy").write_bytes(npy(np.array([{"a": 1}], object)))
    (HERE / "structured.npy").write_bytes(npy(np.zeros(1, [("a", "u1")])))
    (HERE / "complex.npy").write_bytes(npy(np.zeros(1, np.complex64)))
    (HERE / "truncated.npy").write_bytes(npy(np.ones((4, 4), np.float32))[:-5])

    pixels = (np.arange(2 * 3072) % 251).astype(np.uint8).reshape(2, 3072)
    batch = {"labels": [3, 9], "data": pixels, "filenames": ["a.png", "b.png"]}
    (HERE / "cifar_protocol4").write_bytes(pickle.dumps(batch, 4))
    (HERE / "cifar_protocol2").write_bytes(pickle.dumps(batch, 2))

    y, x = np.mgrid[0:8, 0:8]
    picture = np.stack([x * 32, y * 32, (x + y) * 16], -1).astype(np.uint8)
    for extension, options in (("png", {}), ("bmp", {}), ("webp", {"lossless": True}), ("jpeg", {"quality": 95, "subsampling": 0})):
        Image.fromarray(picture).save(HERE / f"picture.{extension}", **options)
    decoded = np.asarray(Image.open(HERE / "picture.jpeg")).tolist()
    (HERE / "expected.json").write_text(json.dumps({"picture": picture.tolist(), "jpeg": decoded}) + "\n")


if __name__ == "__main__":
    main()
