"""The pipeline at scale, with an engine that only sleeps.

    python -m benchmarks.scale actors --counts 1 16 64 --rate 2000
    python -m benchmarks.scale shards --count 100000
    python -m benchmarks.scale plan --files 100000 --shards 1000000

actors: throughput by the number of actors, with the memory of each, and the CPU of the driver and
of the tally. shards: no-op shards end to end, and the same command again when all is done. plan:
planning alone, and the time until the first shard could begin.
"""

import argparse
import contextlib
import json
import math
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from ray.cluster_utils import Cluster

from benchmarks import sleep_engine
from tests.conftest import ROOT
from tests.jobs import command, environment, prose

# The least share of a CPU that an actor may ask for.
LEAST_CPUS = 0.1
# Seconds of an engine's work that a shard has.
SHARD_SECONDS = 5


def write_tokens(folder: Path, files: int, documents: int) -> None:
    """Write files of documents of about 2,500 tokens each."""
    rng = random.Random(0)
    folder.mkdir(parents=True)
    texts = [prose(rng, 2000) for _ in range(documents)]
    for f in range(files):
        ids = [f"{f}-{i}" for i in range(documents)]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / f"{f:05d}.parquet",
                       row_group_size=10)  # fmt: skip


@contextlib.contextmanager
def machine(actors: int, rate: float) -> Iterator[str]:
    """Start a cluster of one machine that says it has room for so many actors; yield its address.

    The readers and the commits have two more CPUs each.
    """
    env = environment(PYTHONPATH=str(ROOT), **{sleep_engine.RATE: str(rate)})
    with patch.dict(os.environ, env):
        cpus = math.ceil(actors * LEAST_CPUS) + 4
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def run_job(address: str, corpus: Path, output: Path, rate: float, **changes: object) -> dict:
    """Run the real job; return its metrics, with the seconds, the driver's peak memory and the
    memory of an actor in MiB, and the CPU seconds of the driver and of the tally.
    """
    words = command(
        input_path=corpus, output_path=output, engine_name=sleep_engine.NAME,
        pool_cpus=LEAST_CPUS, run_progress_s=10, **changes,
    )  # fmt: skip
    env = environment(PYTHONPATH=str(ROOT), RAY_ADDRESS=address, **{sleep_engine.RATE: str(rate)})
    began = time.monotonic()
    log = output.with_suffix(".log")
    with log.open("w") as out:
        job = psutil.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)
        watched = Watched(job)
        while job.poll() is None:
            watched.look()
            time.sleep(1)
    if job.wait():
        raise SystemExit(log.read_text()[-3000:])
    metrics = json.loads((output / "_rm_ray" / "metrics.json").read_text())
    return metrics | vars(watched) | {"seconds": time.monotonic() - began}


class Watched:
    """The memory and the CPU seconds of a run's processes, up to the last look."""

    def __init__(self, job: psutil.Popen) -> None:
        self._job = job
        self.driver_mib = self.actor_mib = self.driver_cpu = self.tally_cpu = 0.0

    def look(self) -> None:
        """Look at the driver, at its tally, and at its actors."""
        actors = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                title = " ".join(process.cmdline())
                times = process.cpu_times()
                if process.pid == self._job.pid:
                    self.driver_cpu = times.user + times.system
                    self.driver_mib = max(self.driver_mib, uss_mib(process))
                elif "ray::Tally" in title:
                    self.tally_cpu = times.user + times.system
                elif "JudgeActor" in title:
                    actors.append(uss_mib(process))
        if actors:
            self.actor_mib = max(self.actor_mib, sum(actors) / len(actors))


def uss_mib(process: psutil.Process) -> float:
    """Return the memory that no other process shares, in MiB."""
    return process.memory_full_info().uss / 2**20


def actors(counts: list[int], seconds: int, rate: int) -> None:
    """Measure each number of actors, with work that takes the same time."""
    print("| actors | tokens | tokens/s | of the rate | waiting for shards | MiB of an actor, of "
          "the driver | CPU s of the driver, of the tally | s |\n"
          "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")  # fmt: skip
    for count in counts:
        with tempfile.TemporaryDirectory() as folder, machine(count, rate) as address:
            files = max(1, round(count * seconds * rate / (40 * 2_500)))
            write_tokens(Path(folder) / "in", files, 40)
            found = run_job(
                address, Path(folder) / "in", Path(folder) / "out", rate,
                pool_min_actors=count, pool_max_actors=count, pool_wait_s=900,
                shard_tokens=SHARD_SECONDS * rate,
            )  # fmt: skip
            now = found["this_invocation"]
            done = now["tokens_per_second"]
            print(f"| {count} | {now['work']['tokens']:,} | {done:,.0f} "
                  f"| {done / count / rate:.1%} | {now['wait_share']:.1%} "
                  f"| {found['actor_mib']:,.0f}, {found['driver_mib']:,.0f} "
                  f"| {found['driver_cpu']:,.0f}, {found['tally_cpu']:,.0f} "
                  f"| {found['seconds']:,.0f} |", flush=True)  # fmt: skip


def shards(count: int) -> None:
    """Measure shards of one short document, a hundred per file, and an engine that does nothing."""
    with tempfile.TemporaryDirectory() as folder, machine(4, 0) as address:
        corpus = Path(folder) / "in"
        corpus.mkdir()
        for f in range(count // 100):
            table = pa.table(
                {"id": [f"{f}-{i}" for i in range(100)], "text": ["a word or two"] * 100}
            )
            pq.write_table(table, corpus / f"{f:06d}.parquet")
        found, again = (
            run_job(
                address,
                corpus,
                Path(folder) / "out",
                0,
                pool_min_actors=4,
                pool_max_actors=4,
                shard_rows=1,
            )
            for _ in range(2)
        )
        judging = found["this_invocation"]["judging_seconds"]
        print(f"{count:,} shards in {found['seconds']:.0f} s, {judging:.0f} s of these after the "
              f"first engine was ready: {count / judging:,.0f} shards/s; driver "
              f"{found['driver_mib']:,.0f} MiB; the same command again, with nothing left: "
              f"{again['seconds']:.0f} s, driver {again['driver_mib']:,.0f} MiB")  # fmt: skip


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
        words = command(input_path=corpus, output_path=output, shard_rows=1, pool_cpus=LEAST_CPUS,
                        engine_name=sleep_engine.NAME)  # fmt: skip
        env = environment(PYTHONPATH=str(ROOT), **{sleep_engine.RATE: "0"})
        began = time.monotonic()
        with (Path(folder) / "log").open("w") as log:
            job = psutil.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log)
        peak, planned = 0.0, None
        while job.poll() is None and not list((output / "rewards").glob("*.parquet")):
            peak = max(peak, uss_mib(job))
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
            f"{planned[1]:,.0f} MiB), the plan is {size / 2**20:.1f} MiB; first part "
            f"committed after {first:.0f} s (driver {peak:,.0f} MiB)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ways = parser.add_subparsers(dest="way", required=True)
    way = ways.add_parser("actors")
    way.add_argument("--counts", type=int, nargs="+", default=[1, 4, 16])
    way.add_argument("--seconds", type=int, default=100, help="of judging")
    way.add_argument("--rate", type=int, default=20_000, help="tokens/s of an engine")
    way = ways.add_parser("shards")
    way.add_argument("--count", type=int, default=100_000)
    way = ways.add_parser("plan")
    way.add_argument("--files", type=int, default=100_000)
    way.add_argument("--shards", type=int, default=1_000_000)
    options = parser.parse_args()
    if options.way == "actors":
        actors(options.counts, options.seconds, options.rate)
    elif options.way == "shards":
        shards(options.count)
    else:
        plan(options.files, options.shards)


if __name__ == "__main__":
    main()
