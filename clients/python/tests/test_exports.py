"""What `rift export-run` wrote, read by TensorBoard and MLflow themselves; RIFT_TENSORBOARD and RIFT_MLFLOW are the run's folders."""

import os
import unittest
from pathlib import Path

# MLflow asks for this before it opens a folder instead of a database.
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"

from mlflow.tracking import MlflowClient  # noqa: E402
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: E402

TENSORBOARD = Path(os.environ["RIFT_TENSORBOARD"])
MLFLOW = Path(os.environ["RIFT_MLFLOW"])


class ExportsTest(unittest.TestCase):
    def test_tensorboard_and_mlflow_read_the_same_figures(self) -> None:
        events = EventAccumulator(str(TENSORBOARD))
        events.Reload()
        client = MlflowClient(MLFLOW.parents[1].as_uri())
        experiment = client.get_experiment_by_name("rift")
        (run,) = client.search_runs([experiment.experiment_id])
        self.assertEqual((run.info.run_id, run.info.status), (MLFLOW.name, "FINISHED"))
        tags = events.Tags()["scalars"]
        self.assertEqual(set(tags), set(run.data.metrics))
        self.assertIn("evaluate/adversarial", tags)
        for tag in tags:
            self.assertAlmostEqual(events.Scalars(tag)[-1].value, run.data.metrics[tag], places=6)

    def test_parameters_are_there(self) -> None:
        client = MlflowClient(MLFLOW.parents[1].as_uri())
        params = client.get_run(MLFLOW.name).data.params
        self.assertEqual(params["seed"], "0")
        self.assertEqual(len(params["network"]), 64)


if __name__ == "__main__":
    unittest.main()
