"""Plays selections of a real corpus: their cost, and the share of wrong decisions.

    python -m benchmarks.selecting RUN [--cheap CHEAP] [--kept 0.1 0.3] [--seeds 20]

RUN is the output folder of a scoring run that judged every chunk, and CHEAP that of a cheap judge
over the same corpus. The script draws samples, calibrates on them, and plays the chain on all
documents. No engine is needed, because a chunk does not depend on the other judged chunks. So one
run gives the whole curve; `jobs/select.py` itself is one of its points.

With a cheap judge, the last column is what two thresholds of its rewards would leave to the judge
at the same share of wrong keeps, if both rewards were normal with their correlation.
"""

import argparse
from dataclasses import dataclass
from itertools import product

import duckdb
import numpy as np
from scipy import optimize, stats

from rm_ray.select.statistics.calibrate import calibrate
from rm_ray.select.statistics.chain import Cost, cost_share
from rm_ray.select.statistics.sampled import Sampled
from rm_ray.select.statistics.wanted import Wanted
from tests.select.simulated import wrong_keeps

MAX_WRONG = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Played:
    """A Played is one selection."""

    cost: float
    """Tokens of the judge as a share of judging everything, with the sample."""
    wrong: float
    """Wrong keeps as a share of the kept documents."""
    left: float
    """Share of the documents that the cheap judge leaves to the judge, without the sample."""


def load(run: str, cheap: str | None) -> Sampled:
    """Return the documents of a run that have a reward, with their cheap rewards."""
    join = f"left join read_parquet('{cheap}/rewards/*.parquet') c using (source_file, row)"
    rows = duckdb.sql(
        f"select w.chunk_rewards, {'c.reward' if cheap else 'null'} as cheap "
        f"from read_parquet('{run}/rewards/*.parquet') w {join if cheap else ''} "
        "where w.status = 'ok' order by w.source_file, w.row"
    ).fetchall()
    chunks = [np.asarray(rewards, np.float64) for rewards, _ in rows]
    offsets = np.concatenate([[0], np.cumsum([len(rewards) for rewards in chunks])])
    numbers = np.array([np.nan if number is None else number for _, number in rows])
    return Sampled(np.concatenate(chunks), offsets, numbers if cheap else None)


def play(documents: Sampled, kept: float, max_wrong: float, sample: int, seed: int) -> Played:
    """Draw a sample, calibrate, decide on all other documents, and make the exact cut."""
    order = np.random.default_rng(seed).permutation(len(documents))
    wanted = Wanted(kept=(kept,), max_wrong=max_wrong, cost=Cost())
    found = calibrate(documents.take(np.sort(order[:sample])), wanted, seed)
    sides = np.zeros(len(documents), np.int8)
    judged = documents.chunks.copy()
    if found.chain:
        decisions = found.chain.decide(documents)
        rest = order[sample:]
        sides[rest], judged[rest] = decisions.sides[rest], decisions.judged[rest]
    count = round(kept * len(documents))
    wrong, _ = wrong_keeps(sides, documents.rewards, count)
    return Played(
        cost_share(Cost(), judged, documents.chunks),
        wrong / count,
        float((judged[order[sample:]] > 0).mean()),
    )


def correlation(documents: Sampled) -> float:
    """Return the correlation of the two judges' rewards."""
    assert documents.cheap is not None
    known = np.isfinite(documents.cheap)
    return float(np.corrcoef(documents.cheap[known], documents.rewards[known])[0, 1])


def left_by_normal(near: float, kept: float, wrong: float) -> float:
    """Return the share of documents between two thresholds of a standard normal cheap reward.

    Args:
        near: its correlation with the judge's reward.
        kept: share of the documents that is kept.
        wrong: wrong keeps, and wrong drops, as a share of all documents.
    """
    cut = stats.norm.isf(kept)
    both = stats.multivariate_normal([0, 0], [[1, near], [near, 1]])
    keep = optimize.brentq(lambda at: stats.norm.cdf(cut) - both.cdf([at, cut]) - wrong, -8, 8)
    drop = optimize.brentq(lambda at: stats.norm.cdf(at) - both.cdf([at, cut]) - wrong, -8, 8)
    return max(0.0, float(stats.norm.cdf(keep) - stats.norm.cdf(drop)))


def described(documents: Sampled) -> str:
    """Say how long documents are, how much chunks vary, and how near the cheap judge is."""
    each = documents.chunks
    squares = np.add.reduceat(documents.chunk_rewards**2, documents.offsets[:-1]) / each
    deviations = np.sqrt(np.maximum(squares - documents.rewards**2, 0))
    ratio = float(deviations[each > 1].mean() / documents.rewards.std())
    said = (
        f"{len(documents):,} documents of {each.mean():.1f} chunks; chunks vary {ratio:.2f} times "
        "as much as documents"
    )
    if documents.cheap is None:
        return said
    return f"{said}; correlation with the cheap judge {correlation(documents):.3f}"


def main() -> None:
    """Print the curve as a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", help="folder of a scoring run that judged every chunk")
    parser.add_argument("--cheap", help="folder of the cheap judge's run over the same corpus")
    parser.add_argument("--kept", type=float, nargs="+", default=[0.1, 0.3])
    parser.add_argument("--samples", type=int, nargs="+", default=[1000, 2000])
    parser.add_argument("--seeds", type=int, default=20)
    asked = parser.parse_args()
    documents = load(asked.run, asked.cheap)
    print(described(documents))
    columns = "kept, allowed, sample, cost, wrong keeps (mean and worst), left to the judge, normal"
    print(f"| {columns.replace(', ', ' | ')} |\n|{' ---: |' * (columns.count(', ') + 1)}")
    for kept, max_wrong, sample in product(asked.kept, MAX_WRONG, asked.samples):
        runs = [play(documents, kept, max_wrong, sample, seed) for seed in range(asked.seeds)]
        cost, wrong, left = (
            np.array([getattr(run, name) for run in runs]) for name in ("cost", "wrong", "left")
        )
        normal = ""
        if documents.cheap is not None and wrong.mean() > 0:
            normal = f"{left_by_normal(correlation(documents), kept, kept * wrong.mean()):.1%}"
        print(
            f"| {kept:.0%} | {max_wrong:.0%} | {sample:,} | {cost.mean():.1%} | "
            f"{wrong.mean():.2%}, {wrong.max():.2%} | {left.mean():.1%} | {normal} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
