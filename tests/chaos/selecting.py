"""The job select in place of the scoring job: the same kept documents, to the byte."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

from tests import quality_engine
from tests.chaos.harness import ALL_FAULTS, BUCKET
from tests.chaos.scored_jobs import StoredJobChaos
from tests.jobs import options

DOCUMENTS = 1600
# Its engine raises nothing and writes nothing down.
FAULTS = tuple(fault for fault in ALL_FAULTS if fault != "judge raises")


class SelectChaos(StoredJobChaos):
    """On the cluster, store and proxy of another one."""

    prefix = "select-"
    folders: ClassVar = (
        *("stages/sample/rewards", "stages/main/rewards", "decided/rewards"),
        "kept/corpus",
    )

    def corpus(self, seed: int, files: int, rows: int) -> str:
        """A corpus whose documents differ in quality."""
        with tempfile.TemporaryDirectory() as folder:
            each = DOCUMENTS // files
            quality_engine.write_documents(Path(folder), files, each, words=300, seed=seed)
            self.direct.put(f"{folder}/", f"{BUCKET}/documents-{seed}/", recursive=True)
        return f"s3://{BUCKET}/documents-{seed}"

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = options(**{
            "input_path": corpus, "output_path": f"s3://{output}",
            "engine_name": quality_engine.NAME, "rule_keep_fraction": 0.3,
            "select_sample_documents": 700, "select_audit_documents": 100, "shard_rows": 100,
            "pool_min_actors": 2, "pool_max_actors": 3, "pool_wait_s": 60, "engine_threads": 1,
            **changes,
        })  # fmt: skip
        words += self.timeouts("input", "output")
        return self._start([sys.executable, "jobs/select.py", *words], log)
