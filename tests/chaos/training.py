"""The training in place of the scoring job: the same weights, to the byte."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

from tests.chaos.harness import ALL_FAULTS, BUCKET
from tests.chaos.scored_jobs import StoredJobChaos
from tests.conftest import TINY_JUDGE
from tests.convert.lines import options
from tests.train.tables import write_pairs

# It has no engine until its end, no reading tasks, and no parts.
FAULTS = tuple(
    fault
    for fault in ALL_FAULTS
    if fault not in ("judge raises", "reader killed", "store lagging", "store full")
)


class TrainChaos(StoredJobChaos):
    """A short training of the tiny judge, on one worker."""

    titles: ClassVar = {"judge": "RayTrainWorker"}
    worker = "RayTrainWorker"
    prefix = "train-"
    folders: ClassVar = ("judge/model.safetensors", "judge/tokenizer.json")

    def corpus(self, seed: int, files: int, rows: int) -> str:
        """Write a finished run of the job pairs to the store."""
        with tempfile.TemporaryDirectory() as folder:
            pairs = write_pairs(Path(folder) / "pairs", documents=rows, seed=seed)
            self.direct.put(f"{pairs}/", f"{BUCKET}/pairs-{seed}/", recursive=True)
        return f"s3://{BUCKET}/pairs-{seed}"

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = options(**{
            "pairs_path": corpus, "output_path": f"s3://{output}", "judge_model": TINY_JUDGE,
            "judge_context_tokens": 256, "train_objective": "pairs", "train_steps": 40,
            "train_batch_windows": 8, "workers_gpus": 0, "workers_cpus": 1, "workers_count": 1,
            "checkpoints_every_steps": 4, "validation_every_steps": 20, "validation_pairs": 16,
            "verify_windows": 8, "verify_engines": "transformers", **changes,
        })  # fmt: skip
        words += self.timeouts("pairs", "output")
        return self._start([sys.executable, "jobs/train.py", *words], log)
