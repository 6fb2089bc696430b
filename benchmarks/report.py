"""The report job: many documents, a long history, and how often chance alone alerts.

    python -m benchmarks.report many --documents 10_000_000 --parts 1000
    python -m benchmarks.report history --nights 1000
    python -m benchmarks.report floors --simulations 2000
    python -m benchmarks.report alarms --nights 1000
    python -m benchmarks.report quiet --histories 20 --nights 60
    python -m benchmarks.report seen --histories 40
    python -m benchmarks.report told

many: the whole job over simulated rewards of 20 groups, compared with the night before. history:
the same night with one night before it, and with many. floors: how many quiet nights are above the
shown floor. alarms: on how many nights of 20 groups chance alone alerts, if every effect mattered.
quiet: how often nights alert without a break, though volumes vary, weekends come or rewards are
tied. seen: after how many nights a change alerts. told: how far a count must fall to alert
(benchmarks/report_nights.py).
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import report_nights
from benchmarks.filter import rewards, timed
from rm_ray.report.compare.alerts import fired
from rm_ray.report.compare.baseline import BaselineGroup
from rm_ray.report.compare.comparison import Comparison
from rm_ray.report.compare.effects import DRAWS, effects, noise
from rm_ray.report.config import AlertsConfig
from tests.counts.histograms import histogram
from tests.report.compare.group_nights import group
from tests.scored_runs import fabricate

STAGES = {"driver": "jobs/report.py", "tasks": "multiprocessing.forkserver"}
KINDS = ("wasserstein", "psi", "mean", "spread")
GROUPS = 20


def write_run(folder: Path, documents: int, parts: int) -> Path:
    """Write a scoring run of documents without text."""
    corpus, scored = folder / f"corpus-{documents}", folder / f"scored-{documents}"
    corpus.mkdir()
    each = documents // parts
    empty = pa.table({"text": pa.nulls(each, pa.string())})
    for number in range(parts):
        pq.write_table(empty, corpus / f"{number:06d}.parquet")
    fabricate(scored, corpus, partial(rewards, GROUPS), shard_rows=each)
    return scored


def reported(folder: Path, scored: Path, night: str) -> tuple[float, dict[str, float], Path]:
    """Run the whole job; return its seconds, its peak memory, and the report."""
    out = folder / f"report-{scored.name}-{night}"
    options = {"rewards.path": scored, "output.path": out, "history.path": folder / "history",
               "by": "source", "night": night}  # fmt: skip
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    log = folder / f"{night}.log"
    seconds, peaks = timed([sys.executable, "jobs/report.py", *words], STAGES, log)
    return seconds, peaks, out


def many(folder: Path, documents: int, parts: int) -> None:
    for count in (1_000, 1_000_000, documents):
        shutil.rmtree(folder / "history", ignore_errors=True)
        scored = write_run(folder, count, max(1, min(parts, count // 1000)))
        reported(folder, scored, "n1")
        seconds, peaks, out = reported(folder, scored, "n2")
        page = (out / "report.html").stat().st_size / 1024
        (night,) = (folder / "history").glob("*n2*")
        print(
            f"{count:>12,} documents: {seconds:5.1f} s, driver {peaks['driver']:,.0f} MiB, a task "
            f"{peaks['tasks']:,.0f} MiB, page {page:,.0f} KiB, history "
            f"{night.stat().st_size / 1024:,.0f} KiB a night",
            flush=True,
        )


def history(folder: Path, nights: int) -> None:
    scored = write_run(folder, 100_000, 10)
    reported(folder, scored, "n000000")
    (first,) = (folder / "history").iterdir()
    few, _, _ = reported(folder, scored, "n999999")
    for number in range(1, nights):
        shutil.copy(first, folder / "history" / f"night-n{number:06d}.parquet")
    again, _, _ = reported(folder, scored, "n999999")
    print(f"a report after 1 night {few:.1f} s, after {nights:,} nights {again:.1f} s")


def floors(simulations: int) -> None:
    print(f"{'documents':<16}{'rewards':<10}" + "".join(f"{kind:>13}" for kind in KINDS))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for tonight, baseline in ((50, 50), (50, 350), (500, 3_500), (50_000, 50_000)):
            for name in ("normal", "t3"):
                above: Counter[str] = Counter()
                seeds = np.array_split(np.arange(simulations), 2 * (os.cpu_count() or 1))
                for found in pool.map(partial(_above, tonight, baseline, name), seeds):
                    above += found
                shares = "".join(f"{above[kind] / simulations:>13.2%}" for kind in KINDS)
                print(f"{f'{tonight:,}/{baseline:,}':<16}{name:<10}{shares}", flush=True)


def _above(tonight: int, baseline: int, name: str, seeds: np.ndarray) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds.tolist():
        rng = np.random.default_rng([tonight, baseline, seed])
        draw = rng.standard_normal if name == "normal" else partial(rng.standard_t, 3)
        one, other = histogram(draw(size=tonight) + 5), histogram(draw(size=baseline) + 5)
        now, chance = effects(one, other), noise(one, other, DRAWS, seed)
        for kind in KINDS:
            floor, effect = chance.point(kind, 0.05), getattr(now, kind)
            found[kind] += effect < floor if kind == "spread" else effect > floor
    return found


def alarms(nights: int, rate: float) -> None:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        alarmed = sum(pool.map(partial(_alarms, rate), range(nights), chunksize=10))
    error = (rate * (1 - rate) / nights) ** 0.5
    print(
        f"{nights:,} nights of {GROUPS} groups, false_per_night {rate}: {alarmed} alarms, "
        f"{alarmed / nights:.2%}; {(alarmed / nights - rate) / error:+.1f} standard errors"
    )


def _alarms(rate: float, night: int) -> bool:
    rules = AlertsConfig.model_validate(
        {"false_per_night": rate, "drift": {"above": 0, "psi_above": 0},
         **{rule: {"level": "ignore"} for rule in ("spread", "volume", "failed", "missing", "new")}}
    )  # fmt: skip
    rng = np.random.default_rng(night)
    comparisons: dict[str | None, Comparison] = {}
    for number in range(GROUPS):
        size = int(rng.integers(50, 400))
        before = BaselineGroup(group(None, rng.standard_t(4, 7 * size)), 7)
        label = f'["{number}"]'
        tonight = group(label, rng.standard_t(4, size))
        comparisons[label] = Comparison.of(tonight, before, str(night))
    return bool(fired(comparisons, rules)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=["many", "history", "floors", "alarms", "quiet", "seen", "told"]
    )
    parser.add_argument("--documents", type=int, default=10_000_000)
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("--nights", type=int, default=1000)
    parser.add_argument("--simulations", type=int, default=2000)
    parser.add_argument("--histories", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.05)
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        match given.what:
            case "many":
                many(Path(name), given.documents, given.parts)
            case "history":
                history(Path(name), given.nights)
            case "floors":
                floors(given.simulations)
            case "alarms":
                alarms(given.nights, given.rate)
            case "quiet":
                report_nights.quiet(given.histories, min(given.nights, 60))
            case "told":
                report_nights.told()
            case "seen":
                report_nights.seen(given.histories)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
