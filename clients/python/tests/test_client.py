"""The client against real services, whose addresses are in RIFT_ENDPOINT and RIFT_ATTACKER; RIFT_SAMPLES is the folder of samples."""

import os
import unittest
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rift
from rift.client import result
from rift.common.v1 import dataset_pb2, stage_pb2
from rift.orchestrator.v1 import plan_pb2 as plans
from rift.orchestrator.v1 import run_service_pb2 as runs

ENDPOINT = os.environ["RIFT_ENDPOINT"]
ATTACKER = os.environ["RIFT_ATTACKER"]
SAMPLES = Path(os.environ["RIFT_SAMPLES"])
NETWORK = SAMPLES / "resnet18-w16.safetensors"
EPS = 8 / 255


def sample_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first pictures of the sample's test split and their classes."""
    records = np.fromfile(SAMPLES / "cifar10" / "test_batch.bin", dtype=np.uint8).reshape(-1, 3073)[:count]
    return (records[:, 1:].reshape(-1, 3, 32, 32) / np.float32(255)).astype(np.float32), records[:, 0].astype(np.int64)


class RunsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.client = rift.Client(ENDPOINT)
        cls.network = cls.client.import_network(NETWORK)
        cls.client.import_dataset("python", SAMPLES / "cifar10", format="cifar10")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.client.close()

    def evaluation(self) -> plans.Plan:
        """Standard accuracy and PGD-2 on 16 test images."""
        return plans.Plan(
            stages=[
                plans.Stage(
                    id="evaluate",
                    evaluate=plans.EvaluateStage(
                        network=plans.NetworkSource(network=""),
                        data=plans.DataSource(split="test", limit=16),
                        spec=stage_pb2.EvaluateSpec(standard=True, attacks=[rift.attack("pgd", steps=2, to_the_end=False)]),
                    ),
                )
            ]
        )

    def test_a_run_is_submitted_and_waited_for(self) -> None:
        run = self.client.submit(network=self.network.digest, dataset="python", plan=self.evaluation(), name="from Python")
        states = []
        done = self.client.wait(run.id, on_event=lambda event: states.append(event.WhichOneof("event")))
        evaluation = result(done, "evaluate")
        self.assertEqual(evaluation.standard.total, 16)
        self.assertLessEqual(evaluation.attacks[0].outcome.correct, evaluation.standard.correct)
        self.assertIn("run_state", states)
        self.assertIn(run.id, [each.id for each in self.client.list_runs()])

    def test_the_same_request_id_gives_the_same_run(self) -> None:
        request_id = str(uuid.uuid4())
        ids = {
            self.client.submit(network=self.network.digest, dataset="python", plan=self.evaluation(), request_id=request_id).id
            for _ in range(2)
        }
        self.assertEqual(len(ids), 1)
        self.client.wait(ids.pop())

    def test_a_plan_is_expanded_from_settings(self) -> None:
        from rift.client import settings

        plan = self.client.expand(settings(network=self.network.digest, dataset="python", profile="paper", limits={"test": 10}))
        kinds = [stage.WhichOneof("kind") for stage in plan.stages]
        self.assertEqual(kinds.count("report"), 1)
        self.assertIn("interpolate", kinds)

    def test_a_refusal_names_the_fields_at_fault(self) -> None:
        plan = self.evaluation()
        plan.stages[0].evaluate.spec.attacks[0].steps = 0
        with self.assertRaises(rift.InvalidArgument) as caught:
            self.client.submit(network=self.network.digest, dataset="python", plan=plan)
        self.assertTrue(any("steps" in violation.field for violation in caught.exception.violations), caught.exception.violations)

    def test_a_run_that_is_not_there_is_not_found(self) -> None:
        with self.assertRaises(rift.NotFound):
            self.client.run("none")

    def test_a_cancelled_run_raises_run_failed_with_its_record(self) -> None:
        plan = self.evaluation()
        plan.stages[0].evaluate.data.limit = 0
        plan.stages[0].evaluate.spec.attacks[0].CopyFrom(rift.attack("pgd", steps=1000, restarts=5))
        run = self.client.submit(network=self.network.digest, dataset="python", plan=plan)
        self.client.cancel(run.id)
        with self.assertRaises(rift.RunFailed) as caught:
            self.client.wait(run.id)
        self.assertEqual(caught.exception.run.state, runs.RUN_STATE_CANCELLED)

    def test_a_checkpoint_comes_back_as_it_went(self) -> None:
        with TemporaryDirectory() as folder:
            copy = self.client.artifacts.download(self.network.digest, Path(folder) / "copy.safetensors")
            self.assertEqual(copy.read_bytes(), NETWORK.read_bytes())
            exported = self.client.export_network(self.network.digest, Path(folder) / "net.pth")
            self.assertEqual(exported.read_bytes()[:2], b"PK")
            self.assertEqual(sorted(path.name for path in Path(folder).iterdir()), ["copy.safetensors", "net.pth"])

    def test_no_connection_is_unavailable(self) -> None:
        with self.assertRaises(rift.Unavailable):
            rift.Client("127.0.0.1:1", connect_timeout=0.5)

    def test_a_data_set_says_its_splits(self) -> None:
        info = self.client.dataset("python")
        self.assertIsInstance(info, dataset_pb2.DatasetInfo)
        self.assertEqual(set(info.splits), {"train", "val", "test"})


class PerturbTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        with rift.Client(ENDPOINT) as client:
            cls.digest = client.import_network(NETWORK).digest
        cls.attacker = rift.Attacker(ATTACKER)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.attacker.close()

    def test_images_stay_within_the_ball_and_fool_the_network(self) -> None:
        images, labels = sample_images(48)
        with self.attacker.perturb(self.digest, rift.attack("pgd", eps=EPS, steps=5)) as perturb:
            batch = perturb(images, labels)
        self.assertEqual((batch.images.shape, batch.images.dtype), (images.shape, np.float32))
        change = np.abs(batch.images - images).max()
        self.assertTrue(0.9 * EPS < change <= EPS + 1e-6, change)
        self.assertTrue(0 <= batch.images.min() and batch.images.max() <= 1)
        self.assertTrue(batch.robust.dtype == bool and 0 < batch.robust.mean() < 0.75, batch.robust.mean())
        self.assertTrue(all(audit.nan_count == 0 for audit in batch.audits))

    def test_the_same_seed_gives_the_same_images_and_another_does_not(self) -> None:
        images, labels = sample_images(8)

        def crafted(seed: int) -> np.ndarray:
            with self.attacker.perturb(self.digest, rift.attack(steps=2), seed=seed) as perturb:
                return perturb(images, labels).images

        np.testing.assert_array_equal(crafted(1), crafted(1))
        self.assertFalse(np.array_equal(crafted(1), crafted(2)))

    def test_a_batch_larger_than_a_message_travels_in_several(self) -> None:
        images, labels = sample_images(400)
        with self.attacker.perturb(self.digest, rift.attack("fgsm")) as perturb:
            batch = perturb(images, labels)
        self.assertEqual(batch.images.shape, images.shape)
        self.assertGreater(len(batch.audits), 1)

    def test_wrong_shapes_and_values_are_refused_by_name(self) -> None:
        images, labels = sample_images(4)
        with self.attacker.perturb(self.digest) as perturb:
            with self.assertRaisesRegex(ValueError, r"\[4, 3, 32, 32\] and labels \[3\]"):
                perturb(images, labels[:3])
            with self.assertRaisesRegex(rift.InvalidArgument, "images"):
                perturb(images * 2, labels)

    def test_an_unknown_network_is_refused_with_the_first_batch(self) -> None:
        images, labels = sample_images(1)
        with self.attacker.perturb("0" * 64) as perturb, self.assertRaises(rift.RiftError) as caught:
            perturb(images, labels)
        self.assertIn("0" * 64, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
