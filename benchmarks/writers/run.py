"""Runs the filter job over files in hive folders of their own."""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa

from benchmarks.writers.look import Looked
from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.shards import Shard
from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.thrift import get
from tests import scored_runs
from tests.conftest import ROOT
from tests.jobs import environment

CUT = 0.5
# Exit status of a job that is refused.
REFUSED = 2


class JobError(Exception):
    """The filter job ended in a way that the table does not expect."""


@dataclass(frozen=True)
class Corpus:
    """A corpus of some of the files, with a scoring run over it."""

    folder: Path
    """Folder of the corpus, of the scoring run and of the filter's output."""

    @classmethod
    def make(cls, folder: Path, files: Sequence[Looked]) -> "Corpus":
        """Copy files into hive folders of their own, and fabricate a scoring run over them."""
        for one in files:
            place = folder / "corpus" / f"file={one.file.name}"
            place.mkdir(parents=True)
            shutil.copy(one.file.path, place / f"{one.file.name}.parquet")
        # pyarrow does not open all files, and the footers alone are enough here
        with patch.object(scored_runs, "plan", _plan):
            scored_runs.fabricate(folder / "scored", folder / "corpus", _rewards)
        return cls(folder)

    def run(self, output: str, *words: str) -> tuple[int, str]:
        """Run the filter job; return its exit status and its log."""
        command = [sys.executable, "jobs/filter.py", "--rewards.path", str(self.folder / "scored")]
        command += ["--output.path", str(self.folder / output), "--rule.min_reward", str(CUT)]
        done = subprocess.run(
            [*command, *words], cwd=ROOT, capture_output=True, text=True, check=False,
            env=environment(PYTHONPATH=os.fspath(ROOT)),
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def written(self, output: str, name: str) -> list[Path]:
        """List the output files of a file, in the order of the rows."""
        return sorted((self.folder / output / "corpus" / f"file={name}").glob("*.parquet"))


def is_kept(name: str, row: int) -> bool:
    """Return True if a row is kept: the first row of a file, and about half of the others."""
    return row == 0 or zlib.crc32(f"{name} {row}".encode()) % 2 == 0


def _plan(file: Any, shard_rows: int) -> PlannedFile:
    """Plan a file like tests.scored_runs, but without pyarrow."""
    with Path(file.path).open("rb") as opened:
        groups = StoredFooter.read(opened).row_groups
    rows = [get(group, 3) for group in groups]
    units = cut_file(
        file.path, file.partition, rows, [1.0] * len(rows), max_rows=shard_rows, max_tokens=1e12
    )
    return PlannedFile(file.path, file.size, file.version, units)


def _rewards(shard: Shard) -> pa.Table:
    """Return rewards on both sides of the cut."""
    span = range(shard.start, shard.stop)
    name = Path(shard.file).stem
    return pa.table(
        {
            "id": [str(row) for row in span],
            "reward": pa.array([float(is_kept(name, row)) for row in span], pa.float32()),
            "n_tokens": pa.array([10] * len(span), pa.int64()),
            "status": ["ok"] * len(span),
            "error": pa.nulls(len(span), pa.string()),
        }
    )
