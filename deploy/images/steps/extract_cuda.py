"""Unpacks the shared libraries that libtorch needs for CUDA from Python wheels into one folder, where the loader finds them by $ORIGIN.

Usage: extract_cuda.py WHEEL_FOLDER OUT_FOLDER. Fails when libtorch_cuda.so is in none of the wheels.
"""

import pathlib
import re
import shutil
import sys
import zipfile

LIBRARY = re.compile(r"^(torch|nvidia)/.*/?lib/(lib[^/]+\.so(\.[0-9.]+)?)$")
# Python's own part of torch, and what the CPU set holds already (libtorch.so there is a stub that links no CUDA).
LEFT_OUT = {"libtorch_python.so", "libshm.so", "libtorch.so", "libtorch_cpu.so", "libc10.so", "libgomp.so.1"}


def main() -> None:
    wheels, out = (pathlib.Path(argument) for argument in sys.argv[1:3])
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                match = LIBRARY.match(name)
                if match is None or match.group(2) in LEFT_OUT:
                    continue
                with archive.open(name) as source, (out / match.group(2)).open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    if not (out / "libtorch_cuda.so").exists():
        sys.exit("libtorch_cuda.so is in none of the wheels")


if __name__ == "__main__":
    main()
