"""The conversion in place of the scoring job: the same Parquet files and receipts, to the byte."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from tests.chaos.harness import BUCKET
from tests.chaos.scored_jobs import StoredJobChaos
from tests.convert.lines import options
from tests.jobs import prose

# One line in so many is no JSON, and is rejected.
SPOILED = 50


class ConvertChaos(StoredJobChaos):
    """The conversion of JSON Lines files, plain ones and gzip's."""

    titles: ClassVar = {"reader": "UnitTasks"}
    worker = "UnitTasks"
    prefix = "convert-"
    slow = 0.03  # or a shard would be done before it is hurt
    folders: ClassVar = ("corpus", "rejects", "manifest.json", "_rm_ray/done")

    def corpus(self, seed: int, files: int, rows: int) -> str:
        """Write a corpus of JSON Lines to the store."""
        rng = random.Random(seed)
        for f in range(files):
            lines = [json.dumps({"id": f"{f}-{r}", "text": prose(rng, 60)}) for r in range(rows)]
            lines = [line[:-1] if r % SPOILED == 7 else line for r, line in enumerate(lines)]
            data, name = "\n".join(lines).encode(), f"{f}.jsonl"
            if f % 2:
                data, name = gzip.compress(data, mtime=0), f"{name}.gz"
            self.direct.pipe(f"{BUCKET}/lines-{seed}/{name}", data)
        return f"s3://{BUCKET}/lines-{seed}"

    def start(
        self, log: Path, corpus: str, output: str, engine: str, **changes: object
    ) -> subprocess.Popen:
        words = options(**{
            "input_path": corpus, "output_path": f"s3://{output}", "shard_mb": 0.02,
            "output_file_mb": 0.01, "output_row_group_mb": 0.01,
            "run_max_rejected_fraction": 0.5, **changes,
        })  # fmt: skip
        words += self.timeouts("input", "output")
        return self._start([sys.executable, "jobs/convert.py", *words], log)
