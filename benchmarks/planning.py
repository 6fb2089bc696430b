"""Planning very many small files: seconds and memory of a dry run, of several checkouts.

    python -m benchmarks.planning --files 100000 --checkout ../before .

Each file has one row group of a few documents. Files beyond the first hundred are links to these.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peak_memory import watch
from tests.conftest import ROOT, TINY_JUDGE
from tests.jobs import environment, prose

DIFFERENT_FILES, ROWS, FILES_PER_FOLDER = 100, 4, 10_000
STAGES = {"driver": "jobs/score.py"}


def write_corpus(folder: Path, files: int) -> None:
    rng = random.Random(0)
    for number in range(files):
        path = folder / f"{number // FILES_PER_FOLDER:03d}" / f"{number:06d}.parquet"
        path.parent.mkdir(exist_ok=True)
        if number >= DIFFERENT_FILES:
            os.link(folder / "000" / f"{number % DIFFERENT_FILES:06d}.parquet", path)
            continue
        texts = [prose(rng, 200) for _ in range(ROWS)]
        table = pa.table({"id": [f"{number}-{row}" for row in range(ROWS)], "text": texts})
        pq.write_table(table, path)


def planned(checkout: Path, corpus: Path, out: Path) -> tuple[float, float]:
    """Seconds of a dry run, and the peak memory of its driver, MiB."""
    words = [sys.executable, "jobs/score.py", "--config", "jobs/demo.yaml", "--dry-run"]
    words += ["--judge.model", str(TINY_JUDGE), "--input.path", str(corpus)]
    words += ["--output.path", str(out)]
    began = time.monotonic()
    job = subprocess.Popen(
        words, cwd=checkout, env=environment(PYTHONPATH=str(checkout)), stdout=subprocess.DEVNULL
    )
    peaks = watch(job, STAGES)
    assert job.returncode == 0
    return time.monotonic() - began, peaks["driver"] / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--checkout", type=Path, nargs="+", default=[ROOT])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name, "corpus")
        corpus.mkdir()
        write_corpus(corpus, given.files)
        found: dict[Path, list[tuple[float, float]]] = {}
        for turn in range(given.rounds):
            for checkout in given.checkout:
                out = Path(name, f"out-{turn}-{len(found)}")
                result = planned(checkout.resolve(), corpus, out)
                found.setdefault(checkout, []).append(result)
    for checkout, results in found.items():
        seconds, memory = (statistics.median(column) for column in zip(*results, strict=True))
        print(f"{checkout}: {given.files:,} files, {seconds:.1f} s, driver {memory:,.0f} MiB")


if __name__ == "__main__":
    main()
