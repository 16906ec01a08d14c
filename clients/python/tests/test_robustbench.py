"""The record of `rift export-run --robustbench`, read by RobustBench itself; RIFT_ROBUSTBENCH is the file.

RobustBench imports PyTorch, timm and its whole model zoo before it reads a file. Reading needs none of them, so they are stood in for;
everything that reads, checks and prints records is its own.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import types
import unittest
from importlib.metadata import distribution
from pathlib import Path
from unittest.mock import MagicMock

RECORD = Path(os.environ["RIFT_ROBUSTBENCH"])
NAME = "Me2026"

for name in ("gdown", "requests", "timm", "torch"):
    sys.modules[name] = MagicMock(name=name)
for name in ("robustbench", "robustbench.model_zoo"):
    package = types.ModuleType(name)
    package.__path__ = [str(distribution("robustbench").locate_file(name.replace(".", "/")))]
    sys.modules[name] = package
from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel  # noqa: E402

sys.modules["robustbench.model_zoo"].model_dicts = {BenchmarkDataset.cifar_10: {ThreatModel.Linf: {NAME: {}}}}
from robustbench import utils  # noqa: E402


class RobustBenchTest(unittest.TestCase):
    """Runs in a folder that holds the record where RobustBench keeps its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        place = Path(folder.name, "model_info", "cifar10", "Linf")
        place.mkdir(parents=True)
        (place / f"{NAME}.json").write_bytes(RECORD.read_bytes())
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(folder.name)
        self.record = json.loads(RECORD.read_bytes())

    def printed(self, what, *args, **options) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            what(*args, **options)
        return out.getvalue()

    def test_every_field_is_one_of_its_records(self) -> None:
        # "unreliable" stands in the published files and not yet in the class.
        fields = {name: value for name, value in self.record.items() if name != "unreliable"}
        info = utils.ModelInfo(**fields)
        self.assertEqual(info.eps, "48/255")
        self.assertIs(type(self.record["unreliable"]), bool)
        self.assertIs(type(info.additional_data), bool)
        self.assertIs(type(info.number_forward_passes), int)
        for text in (info.clean_acc, info.reported, info.autoattack_acc):
            self.assertRegex(text, r"^\d+\.\d\d$")

    def test_its_list_of_models_shows_it(self) -> None:
        said = self.printed(utils.list_available_models, "cifar10", "Linf")
        row = said.strip().splitlines()[-1]
        self.assertIn(f"**{NAME}**", row)
        self.assertIn(f"{float(self.record['clean_acc']):.2f}%", row)
        self.assertIn(f"{float(self.record['autoattack_acc']):.2f}%", row)
        self.assertIn("ResNet-18", row)

    def test_its_tables_for_papers_take_it(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            rows = utils.get_leaderboard_latex("cifar10", "Linf")
            entries, _ = utils.get_leaderboard_bibtex("cifar10", "Linf")
        self.assertIn(f"\\citet{{{NAME}}} & {self.record['clean_acc']} & {self.record['autoattack_acc']} & N & RN-18", rows)
        self.assertIn("author\t= {Me and You}", entries.pop())


if __name__ == "__main__":
    unittest.main()
