"""The pipeline at scale, with an engine that only sleeps.

    python -m benchmarks.scale actors --most 16
    python -m benchmarks.scale shards --count 100000
    python -m benchmarks.scale plan --files 100000 --shards 1000000

actors: throughput from 1 to 16 actors, at 20,000 tokens/s each. shards: no-op shards end to end.
plan: planning alone, and the time until the first shard could begin.
"""

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import sleep_engine
from tests.conftest import ROOT
from tests.jobs import command, environment, prose

SHARD_TOKENS = 100_000


def write_tokens(folder: Path, files: int, documents: int) -> None:
    """Write files of documents of about 2,500 tokens each."""
    rng = random.Random(0)
    folder.mkdir(parents=True)
    texts = [prose(rng, 2000) for _ in range(documents)]
    for f in range(files):
        ids = [f"{f}-{i}" for i in range(documents)]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / f"{f:05d}.parquet",
                       row_group_size=10)  # fmt: skip


def run_job(corpus: Path, output: Path, rate: float, **changes: object) -> dict:
    """Run the real job; return its metrics, with the driver's peak memory in MiB and the
    seconds.
    """
    words = command(
        input_path=corpus, output_path=output, engine_name=sleep_engine.NAME,
        pool_cpus=0.05, run_progress_s=10, **changes,
    )  # fmt: skip
    env = environment(PYTHONPATH=str(ROOT), **{sleep_engine.RATE: str(rate)})
    began = time.monotonic()
    log = output.with_suffix(".log")
    with log.open("w") as out:
        job = psutil.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)
        peak = 0
        while job.poll() is None:
            try:
                peak = max(peak, job.memory_full_info().uss)
            except psutil.Error:
                break
            time.sleep(0.2)
    if job.wait():
        raise SystemExit(log.read_text()[-3000:])
    metrics = json.loads((output / "_rm_ray" / "metrics.json").read_text())
    return metrics | {"driver_mib": peak / 2**20, "seconds": time.monotonic() - began}


def actors(most: int, seconds: int) -> None:
    """Measure each number of actors, with work that takes the same time."""
    print("| actors | tokens | tokens/s | of linear | waiting for shards |\n"
          "| ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    one = None
    count = 1
    while count <= most:
        with tempfile.TemporaryDirectory() as folder:
            files = max(1, round(count * seconds * 20_000 / (40 * 2_500)))
            write_tokens(Path(folder) / "in", files, 40)
            found = run_job(
                Path(folder) / "in", Path(folder) / "out", 20_000,
                pool_min_actors=count, pool_max_actors=count, shard_tokens=SHARD_TOKENS,
            )  # fmt: skip
            now = found["this_invocation"]
            rate = now["tokens_per_second"]
            one = one or rate
            print(f"| {count} | {now['work']['tokens']:,} | {rate:,.0f} | {rate / count / one:.1%} "
                  f"| {now['wait_share']:.1%} |", flush=True)  # fmt: skip
        count *= 2


def shards(count: int) -> None:
    """Measure shards of one short document, a hundred per file, and an engine that does nothing."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "in"
        corpus.mkdir()
        for f in range(count // 100):
            table = pa.table(
                {"id": [f"{f}-{i}" for i in range(100)], "text": ["a word or two"] * 100}
            )
            pq.write_table(table, corpus / f"{f:06d}.parquet")
        found = run_job(
            corpus, Path(folder) / "out", 0, pool_min_actors=4, pool_max_actors=4, shard_rows=1
        )
        judging = found["this_invocation"]["judging_seconds"]
        print(f"{count:,} shards in {found['seconds']:.0f} s, {judging:.0f} s of these after the "
              f"first engine was ready: {count / judging:,.0f} shards/s; driver "
              f"{found['driver_mib']:,.0f} MiB")  # fmt: skip


def write_links(corpus: Path, files: int, rows: int) -> None:
    """Write this many files; most are links, at most 65,000 to one file."""
    table = pa.table({"id": [str(i) for i in range(rows)], "text": ["a word or two"] * rows})
    for start in range(0, files, 1000):
        folder = corpus / f"{start // 1000:05d}"
        folder.mkdir(parents=True)
        names = [folder / f"{f:06d}.parquet" for f in range(start, min(files, start + 1000))]
        pq.write_table(table, names[0])
        for name in names[1:]:
            os.link(names[0], name)


def plan(files: int, count: int) -> None:
    """Plan `files` files of `count / files` shards each, and stop after the first committed
    shard.
    """
    with tempfile.TemporaryDirectory() as folder:
        corpus, output = Path(folder) / "in", Path(folder) / "out"
        write_links(corpus, files, count // files)
        words = command(input_path=corpus, output_path=output, shard_rows=1, pool_cpus=0.05,
                        engine_name=sleep_engine.NAME)  # fmt: skip
        env = environment(PYTHONPATH=str(ROOT), **{sleep_engine.RATE: "0"})
        began = time.monotonic()
        with (Path(folder) / "log").open("w") as log:
            job = psutil.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log)
        peak, planned = 0, None
        while job.poll() is None and not list((output / "rewards").glob("*.parquet")):
            peak = max(peak, job.memory_full_info().uss)
            if planned is None and list((output / "_rm_ray" / "plan").glob("segment*")):
                planned = time.monotonic() - began, peak
            time.sleep(0.2)
        if planned is None:
            raise SystemExit((Path(folder) / "log").read_text()[-3000:])
        first = time.monotonic() - began
        size = sum(path.stat().st_size for path in (output / "_rm_ray" / "plan").iterdir())
        job.terminate()
        job.wait()
        print(
            f"{files:,} files, {count:,} shards: planned in {planned[0]:.0f} s (driver "
            f"{planned[1] / 2**20:,.0f} MiB), the plan is {size / 2**20:.1f} MiB; first part "
            f"committed after {first:.0f} s (driver {peak / 2**20:,.0f} MiB)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = parser.add_subparsers(dest="way", required=True)
    way = ways.add_parser("actors")
    way.add_argument("--most", type=int, default=16)
    way.add_argument("--seconds", type=int, default=100)
    way = ways.add_parser("shards")
    way.add_argument("--count", type=int, default=100_000)
    way = ways.add_parser("plan")
    way.add_argument("--files", type=int, default=100_000)
    way.add_argument("--shards", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.way == "actors":
        actors(options.most, options.seconds)
    elif options.way == "shards":
        shards(options.count)
    else:
        plan(options.files, options.shards)


if __name__ == "__main__":
    main()
