"""Planning very many small files: seconds and memory of a dry run, of several checkouts.

    python -m benchmarks.planning --files 100000 --checkout ../before .
    python -m benchmarks.planning --files 512 --store-ms 50 --checkout ../before .

Each file has one row group of a few documents. Files beyond the first hundred are links to these.
With --store-ms they are in an S3 server behind a proxy, which waits so long before each request.
"""

import argparse
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.peak_memory import watch
from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from tests.chaos.proxy import FaultyProxy
from tests.conftest import ROOT, S3_DUMMIES, TINY_JUDGE, s3_server
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


@contextlib.contextmanager
def stored(corpus: Path, wait_ms: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Put the corpus into an S3 server that waits before each request.

    Yields:
        Its address there, and the environment of a process that reads it.
    """
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(s3_server())
        stack.enter_context(patch.dict(os.environ, {**S3_DUMMIES, "AWS_ENDPOINT_URL": endpoint}))
        fs = open_filesystem("s3://", StorageConfig())
        fs.mkdirs("planning", exist_ok=True)
        fs.put(str(corpus), "planning/in", recursive=True)
        proxy = FaultyProxy(endpoint, stall=1)
        stack.callback(proxy.close)
        proxy.slow = wait_ms / 1000
        yield "s3://planning/in", {**S3_DUMMIES, "AWS_ENDPOINT_URL": proxy.url}


def planned(checkout: Path, corpus: str, out: Path, store: dict[str, str]) -> tuple[float, float]:
    """Seconds of a dry run, and the peak memory of its driver, MiB."""
    words = [sys.executable, "jobs/score.py", "--config", "jobs/demo.yaml", "--dry-run"]
    words += ["--judge.model", str(TINY_JUDGE), "--input.path", corpus]
    words += ["--output.path", str(out)]
    began = time.monotonic()
    job = subprocess.Popen(
        words,
        cwd=checkout,
        env=environment(PYTHONPATH=str(checkout), **store),
        stdout=subprocess.DEVNULL,
    )
    peaks = watch(job, STAGES)
    assert job.returncode == 0
    return time.monotonic() - began, peaks["driver"] / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--checkout", type=Path, nargs="+", default=[ROOT])
    parser.add_argument("--store-ms", type=float, help="milliseconds before each request")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name, "corpus")
        folder.mkdir()
        write_corpus(folder, given.files)
        corpus, store = str(folder), dict[str, str]()
        if given.store_ms is not None:
            corpus, store = stack.enter_context(stored(folder, given.store_ms))
        found: dict[Path, list[tuple[float, float]]] = {}
        for turn in range(given.rounds):
            for checkout in given.checkout:
                out = Path(name, f"out-{turn}-{len(found)}")
                result = planned(checkout.resolve(), corpus, out, store)
                found.setdefault(checkout, []).append(result)
    for checkout, results in found.items():
        seconds, memory = (statistics.median(column) for column in zip(*results, strict=True))
        print(f"{checkout}: {given.files:,} files, {seconds:.1f} s, driver {memory:,.0f} MiB")


if __name__ == "__main__":
    main()
