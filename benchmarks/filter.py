"""The filter job against other ways to do the same, and over many documents.

    python -m benchmarks.filter copy --files 8 --megabytes 64
    python -m benchmarks.filter many --documents 10_000_000 --parts 1000

copy: the whole job at several fractions, against one process of pyarrow that copies the same files
with the same row groups and codec, and against DuckDB's COPY of a join at the same cut. many: cuts
by group from parts that hold only rewards.
"""

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import documents
from benchmarks.peak_memory import watch
from rm_ray.corpus.shards import Shard
from tests.conftest import ROOT
from tests.filter.runs import options
from tests.jobs import environment
from tests.scored_runs import fabricate

STAGES = {"driver": "jobs/filter.py", "tasks": "multiprocessing.forkserver"}
GROUP_ROWS = 1000

PYARROW = """
import sys, pathlib, pyarrow.parquet as pq
source, target = map(pathlib.Path, sys.argv[1:3])
target.mkdir()
for path in sorted(source.iterdir()):
    file = pq.ParquetFile(path)
    with pq.ParquetWriter(target / path.name, file.schema_arrow, compression="zstd") as writer:
        for group in range(file.num_row_groups):
            writer.write_table(file.read_row_group(group))
"""
DUCKDB = """
import sys, duckdb
source, target, rewards, cut = sys.argv[1:5]
duckdb.sql(f'''COPY (
    SELECT corpus.* EXCLUDE (filename, file_row_number)
    FROM read_parquet('{source}/*.parquet', filename = true, file_row_number = true) corpus
    JOIN '{rewards}/rewards/*.parquet' r
        ON corpus.filename = r.source_file AND corpus.file_row_number = r.row
    WHERE r.reward >= {cut} ORDER BY corpus.filename, corpus.file_row_number
) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 1000)''')
"""


def write_corpus(folder: Path, files: int, megabytes: int) -> int:
    """Write files of about this many MiB, with shuffled sentences of real text; return the
    documents.
    """
    sentences = [s for text in documents(0) for s in text.split(". ") if 20 < len(s) < 2000]
    rng, rows = random.Random(0), 0
    folder.mkdir()
    for number in range(files):
        path = folder / f"{number:04d}.parquet"
        schema = pa.schema([("id", pa.string()), ("text", pa.string())])
        with path.open("wb") as sink, pq.ParquetWriter(sink, schema, compression="zstd") as writer:
            while sink.tell() < megabytes << 20:
                texts = [". ".join(rng.choices(sentences, k=20)) for _ in range(GROUP_ROWS)]
                ids = [str(rows + i) for i in range(GROUP_ROWS)]
                writer.write_table(pa.table({"id": ids, "text": texts}, schema))
                rows += GROUP_ROWS
    return rows


def rewards(groups: int, shard: Shard) -> pa.Table:
    rng = np.random.default_rng([*shard.file.encode(), shard.start])
    n = shard.stop - shard.start
    names = np.array([f"source-{i}" for i in range(groups)])
    return pa.table(
        {
            "id": [f"{shard.start + i}" for i in range(n)],
            "reward": rng.normal(size=n).astype(np.float32),
            "n_tokens": rng.integers(20, 5000, n),
            "status": ["ok"] * n,
            "error": pa.nulls(n, pa.string()),
            "source": names[rng.integers(0, groups, n)],
        }
    )


def timed(
    words: list[str], stages: dict[str, str], log: Path = Path("/dev/null")
) -> tuple[float, dict[str, float]]:
    """Return the seconds of a process, and the peak memory of its stages in MiB."""
    began = time.monotonic()
    with log.open("w") as out:
        job = subprocess.Popen(
            words, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), stderr=out, stdout=out
        )
        peaks = watch(job, stages)
    assert job.returncode == 0, words
    return time.monotonic() - began, {name: peak / 2**20 for name, peak in peaks.items()}


def filtered(out: Path, **changes: object) -> tuple[float, dict[str, float]]:
    """Return the seconds of the job, and its peak memory."""
    words = [sys.executable, "jobs/filter.py", *options(output_path=out, **changes)]
    return timed(words, STAGES, out.with_suffix(".log"))


def copy(folder: Path, files: int, megabytes: int, rounds: int) -> None:
    corpus, scored = folder / "corpus", folder / "scored"
    rows = write_corpus(corpus, files, megabytes)
    fabricate(scored, corpus, partial(rewards, 1), shard_rows=50_000)
    size = sum(path.stat().st_size for path in corpus.iterdir()) / 2**20
    print(f"{rows:,} documents, {size:,.0f} MiB in {files} files, row groups of {GROUP_ROWS}")
    every = pq.read_table(scored / "rewards").column("reward").to_numpy()
    results: dict[str, list[tuple[float, ...]]] = {}
    for turn in range(rounds):
        for fraction in (1.0, 0.1):
            cut = float(np.sort(every)[-round(len(every) * fraction)])
            out = folder / f"{turn}-{fraction}"
            seconds, peaks = filtered(
                Path(f"{out}-rm_ray"), rewards_path=scored, rule_keep_fraction=fraction,
                output_file_mb=megabytes,
            )  # fmt: skip
            found = results.setdefault(f"rm_ray, keep_fraction {fraction}", [])
            found.append((seconds, peaks["driver"], peaks["tasks"]))
            script = [sys.executable, "-c", DUCKDB, str(corpus), f"{out}-duckdb", str(scored)]
            seconds, peaks = timed([*script, repr(cut)], {"all": "-c"})
            results.setdefault(f"DuckDB, the best {fraction}", []).append((seconds, peaks["all"]))
        seconds, peaks = timed(
            [sys.executable, "-c", PYARROW, str(corpus), str(folder / f"{turn}-pyarrow")],
            {"all": "-c"},
        )
        results.setdefault("pyarrow, all", []).append((seconds, peaks["all"]))
    plain = statistics.median(one[0] for one in results["pyarrow, all"])
    print(f"{'':<28}{'seconds':>9}{'speed':>8}{'MiB':>14}")
    for name, found in results.items():
        seconds = statistics.median(one[0] for one in found)
        memory = "+".join(
            f"{max(peak):,.0f}" for peak in zip(*(one[1:3] for one in found), strict=True)
        )
        print(f"{name:<28}{seconds:>9.1f}{plain / seconds:>8.2f}{memory:>14}")


def many(folder: Path, count: int, parts: int) -> None:
    each = count // parts
    for groups in (1, 100, 1000):
        corpus, scored = folder / f"corpus-{groups}", folder / f"scored-{groups}"
        corpus.mkdir()
        for number in range(parts):
            empty = pa.table({"text": pa.nulls(each, pa.string())})
            pq.write_table(empty, corpus / f"{number:06d}.parquet")
        fabricate(scored, corpus, partial(rewards, groups), shard_rows=each)
        seconds, peaks = filtered(
            folder / f"out-{groups}", rewards_path=scored, rule_keep_fraction=0.1,
            rule_by="source", output_kind="ids",
        )  # fmt: skip
        print(
            f"{count:,} documents in {parts:,} parts, {groups:>5,} groups: {seconds:6.1f} s; "
            f"driver {peaks['driver']:,.0f} MiB, a task "
            f"{peaks['tasks']:,.0f} MiB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["copy", "many"])
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--parts", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.what == "copy":
            copy(folder, given.files, given.megabytes, given.rounds)
        else:
            many(folder, given.documents, given.parts)


if __name__ == "__main__":
    main()
