"""Compare the conversion of JSON Lines with DuckDB and Polars: seconds, and peak memory.

    python -m benchmarks.converting --mb 2000 --cores 1,2 --rounds 3

All write zstd Parquet of level 3 from the same two zstd files of documents with metadata. Each
contender is a process of its own with all its starts counted, pinned to so many cores.
"""

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import zstandard

ROOT = Path(__file__).parents[1]
FILES = 2

DUCKDB = """
import duckdb, sys
source, out, threads = sys.argv[1:]
duckdb.sql(f"SET threads={threads}; SET enable_progress_bar=false")
duckdb.sql(f"COPY (SELECT * FROM read_json('{source}/*.jsonl.zst')) TO '{out}/out.parquet' "
           "(FORMAT parquet, COMPRESSION zstd)")
"""
POLARS = """
import os, sys
source, out, threads = sys.argv[1:]
os.environ["POLARS_MAX_THREADS"] = threads
import polars as pl
pl.scan_ndjson(f"{source}/*.jsonl.zst").sink_parquet(f"{out}/out.parquet", compression="zstd")
"""


def document(number: int, words: list[str], chance: random.Random) -> dict:
    text = " ".join(chance.choices(words, k=int(chance.lognormvariate(5.8, 0.9))))
    return {
        "id": f"doc-{number:09d}",
        "text": text,
        "added": "2024-05-01T12:00:00Z",
        "created": f"2023-0{number % 9 + 1}-11T08:{number % 60:02d}:00.000Z",
        "source": "common-crawl",
        "metadata": {
            "url": f"https://example{number % 977}.org/a/{number}",
            "length": len(text),
            "language": "en",
            "language_score": round(chance.random(), 6),
            "provenance": f"cc-{number % 100:04d}.gz:{number}",
            "tags": chance.sample(["a", "b", "c", "dd"], k=chance.randint(0, 3)),
            "flags": {"duplicate": number % 7 == 0, "bad": None},
        },
    }


def make(folder: Path, megabytes: float) -> int:
    """Write the files; return the number of documents."""
    chance, number = random.Random(1), 0
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(30_000)]
    words += ["“quoted”", "naïve", "über", "\n", "\n\n", '"', "\t", "日本語"] * 40
    for file in range(FILES):
        size = 0
        with (
            (folder / f"{file}.jsonl.zst").open("wb") as raw,
            zstandard.ZstdCompressor(3).stream_writer(raw) as packed,
        ):
            while size < megabytes * 1e6 / FILES:
                line = json.dumps(document(number, words, chance), ensure_ascii=bool(number % 2))
                data = f"{line}\n".encode()
                packed.write(data)
                size, number = size + len(data), number + 1
    return number


class Watched:
    """The CPU and memory that a process and its children have used, ended children included."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._seconds: dict[int, float] = {}
        self.peak = 0

    def look(self) -> None:
        """Look once. Pages that processes share are counted once."""
        total = 0
        for one in [self._process, *self._process.children(recursive=True)]:
            try:
                times = one.cpu_times()
                self._seconds[one.pid] = times.user + times.system
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        self.peak = max(self.peak, total)

    @property
    def seconds(self) -> float:
        return sum(self._seconds.values())


def timed(command: list[str], cores: int) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and peak MiB of a command on so many cores."""
    pinned = ["taskset", "-c", f"0-{cores - 1}", *command]
    began = time.monotonic()
    with subprocess.Popen(pinned, cwd=ROOT, stderr=subprocess.DEVNULL) as job:
        watched = Watched(job.pid)
        while job.poll() is None:
            with contextlib.suppress(psutil.Error):
                watched.look()
            time.sleep(0.1)
        assert job.wait() == 0, command
    return time.monotonic() - began, watched.seconds, watched.peak / (1 << 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=2000)
    parser.add_argument("--cores", default="1,2")
    parser.add_argument("--rounds", type=int, default=3, help="the least of so many is shown")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        source, out = Path(scratch) / "in", Path(scratch) / "out"
        source.mkdir()
        documents = make(source, arguments.mb)
        print(f"{documents:,} documents, {arguments.mb:,.0f} MB decoded, {FILES} zstd files")
        for cores in map(int, arguments.cores.split(",")):
            contenders = {
                "jobs/convert.py": [
                    sys.executable, "jobs/convert.py", "--input.path", str(source),
                    "--output.path", str(out),
                ],
                "DuckDB": [sys.executable, "-c", DUCKDB, str(source), str(out), str(cores)],
                "Polars": [sys.executable, "-c", POLARS, str(source), str(out), str(cores)],
            }  # fmt: skip
            least: dict[str, tuple[float, float, float]] = {}
            sizes: dict[str, float] = {}
            for _ in range(arguments.rounds):
                for name, command in contenders.items():
                    shutil.rmtree(out, ignore_errors=True)
                    out.mkdir()
                    took = timed(command, cores)
                    seconds, cpu, mib = map(min, took, least.get(name, took))
                    least[name] = (seconds, cpu, mib)
                    rows = sum(pq.read_metadata(f).num_rows for f in out.rglob("*.parquet"))
                    assert rows == documents, (name, rows)
                    sizes[name] = sum(f.stat().st_size for f in out.rglob("*.parquet")) / 1e6
            for name, (seconds, used, peak) in least.items():
                print(
                    f"{cores} cores  {name:16s} {seconds:7.1f} s  {used:7.1f} s of CPU  "
                    f"{peak:6.0f} MiB  {sizes[name]:6.0f} MB written",
                    flush=True,
                )


if __name__ == "__main__":
    main()
