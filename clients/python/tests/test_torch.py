"""Exported checkpoints in PyTorch and timm-style code; RIFT_CHECKPOINT (.pth) and RIFT_SAMPLES name the files."""

import os
import unittest
from pathlib import Path

import numpy as np
import rift
import torch
from rift import pytorch

SAMPLES = Path(os.environ["RIFT_SAMPLES"])
NETWORK = SAMPLES / "resnet18-w16.safetensors"
CHECKPOINT = os.environ["RIFT_CHECKPOINT"]


def accuracy(model: torch.nn.Module) -> float:
    """On the first 200 pictures of the sample's test split."""
    records = np.fromfile(SAMPLES / "cifar10" / "test_batch.bin", dtype=np.uint8).reshape(-1, 3073)[:200]
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()) / 255
    with torch.no_grad():
        return (model(images).argmax(1) == torch.from_numpy(records[:, 0].astype(np.int64))).float().mean().item()


class TorchTest(unittest.TestCase):
    def test_torch_load_takes_an_exported_checkpoint_in_one_line(self) -> None:
        model = pytorch.build("resnet18", width=16)
        model.load_state_dict(torch.load(CHECKPOINT, weights_only=True))
        original = pytorch.load(NETWORK)
        for name, tensor in original.network.state_dict().items():
            self.assertTrue(torch.equal(tensor, model.state_dict()[name]), name)

    def test_a_network_artifact_loads_in_one_line_and_classifies(self) -> None:
        self.assertGreater(accuracy(pytorch.load(NETWORK)), 0.55)

    def test_a_file_that_is_no_network_is_refused(self) -> None:
        from safetensors.torch import save_file

        path = Path(CHECKPOINT).with_name("plain.safetensors")
        save_file({"x": torch.zeros(1)}, path)
        with self.assertRaisesRegex(ValueError, "no network artifact"):
            pytorch.load(path)

    def test_an_unknown_architecture_is_refused(self) -> None:
        with self.assertRaisesRegex(ValueError, "'resnet19': it must be one of resnet18"):
            pytorch.build("resnet19")

    def test_tensors_go_through_perturb_and_stay_tensors(self) -> None:
        with rift.Client(os.environ["RIFT_ENDPOINT"]) as client:
            digest = client.import_network(NETWORK).digest
        images, labels = torch.rand(4, 3, 32, 32), torch.arange(4)
        with rift.Attacker(os.environ["RIFT_ATTACKER"]) as attacker, attacker.perturb(digest, rift.attack(steps=1)) as perturb:
            adversarial = perturb(images, labels).images
        self.assertIsInstance(adversarial, torch.Tensor)
        self.assertLessEqual((adversarial - images).abs().max().item(), 8 / 255 + 1e-6)


try:
    import timm
except ImportError:
    timm = None


class TimmTest(unittest.TestCase):
    @unittest.skipIf(timm is None, "timm is not installed")
    def test_timm_creates_the_network_from_an_exported_checkpoint_in_one_line(self) -> None:
        self.assertIn("rift_resnet18", pytorch.register_timm())
        model = timm.create_model("rift_resnet18", width=16, num_classes=10, checkpoint_path=CHECKPOINT)
        found = pytorch.manifest(NETWORK)["preprocess"]
        self.assertGreater(accuracy(pytorch.Normalized(model, found["mean"], found["std"]).eval()), 0.55)


if __name__ == "__main__":
    unittest.main()
