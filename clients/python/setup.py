"""Generates the message and service classes from proto/ while the package is built; none of them is kept under version control."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
CONTRACTS = HERE.parents[1] / "proto"


def generate(contracts: Path, target: Path) -> None:
    """Writes `rift/<area>/v1/*_pb2.py`, their gRPC stubs and type declarations under `target`.

    Raises FileNotFoundError when there are no contracts, RuntimeError when the compiler refuses them.
    """
    import grpc_tools
    from grpc_tools import protoc

    files = sorted(path.relative_to(contracts).as_posix() for path in contracts.glob("rift/**/*.proto"))
    if not files:
        raise FileNotFoundError(f"{contracts} holds no .proto file: build the package inside a checkout of the project.")
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    code = protoc.main(["protoc", f"-I{contracts}", f"-I{well_known}", *outputs, *files])
    if code != 0:
        raise RuntimeError(f"protoc ended with code {code}")
    for folder in {(target / file).parent for file in files}:
        for package in (folder, folder.parent):
            (package / "__init__.py").touch()


class BuildWithStubs(build_py):
    """The ordinary build, and the generated classes beside the package's own modules."""

    def run(self) -> None:
        super().run()
        target = HERE / "src" if self.editable_mode else Path(self.build_lib)
        generate(CONTRACTS, target)


setup(cmdclass={"build_py": BuildWithStubs})
