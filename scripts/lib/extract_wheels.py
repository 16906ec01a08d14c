"""Unpacks from Python wheels what a C++ program needs of libtorch: headers and the libraries named here.

Usage: extract_wheels.py WHEEL_FOLDER OUT_FOLDER. Fails, naming them, when a library is in none of the wheels.
"""

import pathlib
import shutil
import sys
import zipfile

HEADERS = "torch/include/"
LIBRARIES = {
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "nvidia/cu13/lib/libcudart.so.13",
    "nvidia/cu13/lib/libcupti.so.13",
}


def target_of(name: str, out: pathlib.Path) -> "pathlib.Path | None":
    if name.endswith("/"):
        return None
    if name.startswith(HEADERS):
        return out / "include" / name[len(HEADERS) :]
    if name in LIBRARIES:
        return out / "lib" / name.rsplit("/", 1)[1]
    return None


def main() -> None:
    wheels, out = (pathlib.Path(argument) for argument in sys.argv[1:3])
    missing = set(LIBRARIES)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                target = target_of(name, out)
                if target is None:
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                missing.discard(name)
    if missing:
        sys.exit(f"not in the wheels: {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
