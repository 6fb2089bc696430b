"""How many engines one tally serves: every report that real actors make, made by threads.

    python -m benchmarks.scale_tally --actors 256 1024 --tokens-per-second 20000 1000000

A thread stands for an actor with an engine that takes its time. It makes the calls that
`rm_ray/score/engine_actor.py` makes: one before each bunch of documents, which it waits for, one
after it, one if it has made none for three seconds, and five around each shard. The tally is the
real one, an actor of Ray. The table says the calls a second that were wanted and that came through,
how long a call before a bunch takes, and which share of an engine's time that is. `--bunch 16384`
makes bunches of so many tokens, however fast the engine is.
"""

import argparse
import logging
import os
import threading
import time
from typing import Any, cast

import numpy as np
import psutil
import ray

from rm_ray.corpus.shards import Shard
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.run.faults.tally_actor import start_tally_actor
from rm_ray.score.bunches import BUNCH_SECONDS, BUNCH_TOKENS
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.engine_actor import REPORT_SECONDS
from tests.jobs import environment

SHARD_TOKENS = 8_000_000
# Processes that hold the threads.
PROCESSES = 4


class Actors:
    """Many pretended actors in one process."""

    def __init__(self, tally: TallyHandle, count: int, rate: float, bunch: int) -> None:
        self.tally, self.count, self.rate, self.bunch = tally, count, rate, bunch

    def run(self, seconds: float) -> tuple[int, list[float]]:
        """Run all of them for so long; return the calls made, and the seconds of each wait."""
        self.calls, self.waits = 0, []
        end = time.monotonic() + seconds
        each = [
            threading.Thread(target=self._one, args=(number, end)) for number in range(self.count)
        ]
        for thread in each:
            thread.start()
        for thread in each:
            thread.join()
        return self.calls, self.waits

    def _one(self, number: int, end: float) -> None:
        span = self.bunch / self.rate
        next_bunch = time.monotonic() + np.random.default_rng(number).uniform(0, span)
        reported, tokens, shard = time.monotonic(), SHARD_TOKENS, None
        while time.monotonic() < end:
            time.sleep(max(0, next_bunch - time.monotonic()))
            if tokens >= SHARD_TOKENS:
                shard = self._next_shard(number, shard)
                tokens = 0
            began = time.monotonic()
            self.tally.call(Tally.asking, shard.part, tokens, tokens + 1)
            self.waits.append(time.monotonic() - began)
            next_bunch = time.monotonic() + span
            if time.monotonic() - reported > REPORT_SECONDS:
                self.tally.tell(Tally.progressed, ScoreCounts(tokens=tokens))
                self.calls += 1
            self.tally.tell(Tally.answered, shard.part, tokens, 1, ScoreCounts(tokens=tokens))
            self.calls, reported = self.calls + 2, time.monotonic()
            tokens += self.bunch

    def _next_shard(self, number: int, last: Shard | None) -> Shard:
        if last is not None:
            self.tally.call(Tally.done, last.part, {})
            self.tally.tell(Tally.add, ScoreCounts(wait_seconds=0.0))
        shard = Shard(
            f"{os.getpid()}-{number}", last.stop if last else 0, (last.stop if last else 0) + 1
        )
        self.tally.call(Tally.may_begin, shard, ())
        self.tally.tell(Tally.note_engine, str(number), "node")
        self.tally.call(Tally.begin, shard, "node", str(number))
        self.calls += 5
        return shard


def measure(actors: int, rate: float, bunch: int | None, seconds: float) -> None:
    """Print a row of the table."""
    bunch = bunch or int(max(BUNCH_TOKENS, rate * BUNCH_SECONDS))
    tally = start_tally_actor(ScoreCounts, actors, 600, 600)
    kind = ray.remote(num_cpus=0)(Actors)
    hosts: list[Any] = [
        kind.remote(tally, actors // PROCESSES, rate, bunch) for _ in range(PROCESSES)
    ]
    process = _process_of("Tally")
    before = process.cpu_times()
    found: list[Any] = ray.get([host.run.remote(seconds) for host in hosts])
    after = process.cpu_times()
    calls = sum(made for made, _ in found)
    waits = np.concatenate([each for _, each in found])
    wanted = actors * (2 * rate / bunch + 5 * rate / SHARD_TOKENS)
    cpu = after.user + after.system - before.user - before.system
    print(
        f"| {actors:,} | {rate:,.0f} | {wanted:,.0f} | {calls / seconds:,.0f} | "
        f"{1000 * np.median(waits):,.1f} | {1000 * np.quantile(waits, 0.99):,.1f} | "
        f"{np.mean(waits) / (np.mean(waits) + bunch / rate):.1%} | {cpu / seconds:.0%} |",
        flush=True,
    )
    for host in hosts:
        ray.kill(host)
    ray.kill(cast(Any, tally.actor))


def _process_of(title: str) -> psutil.Process:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["cmdline"]):
            if (process.info["cmdline"] or [""])[0].startswith(f"ray::{title}"):
                return process
        time.sleep(0.2)
    raise SystemExit(f"there is no process ray::{title}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actors", type=int, nargs="*", default=[256, 1024])
    parser.add_argument("--tokens-per-second", type=float, nargs="*", default=[20_000.0])
    parser.add_argument("--bunch", type=int, help="tokens of a bunch; by default by the speed")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    os.environ.update(environment())
    ray.init(num_cpus=8, include_dashboard=False, logging_level=logging.ERROR)
    print(
        "| actors | tokens/s of each | calls/s wanted | calls/s | wait before a bunch, ms | p99, ms"
        " | of the engines' time is waiting | one core |\n|" + " ---: |" * 8
    )
    for rate in options.tokens_per_second:
        for actors in options.actors:
            measure(actors, rate, options.bunch, options.seconds)


if __name__ == "__main__":
    main()
