"""The calibrated stop rule on simulated corpora: its true error, and its cost beside the least.

    python -m benchmarks.stop_rule --quick
    python -m benchmarks.stop_rule --corpora 200 --kinds normal,t3 --documents 20000
    python -m benchmarks.stop_rule --corpora 8 --kinds normal --documents 100000 --sample 3000

A row is a kind of corpus. Its columns:

    over         corpora in which wrong keeps are more than `max_wrong` of the kept documents
    everything   corpora in which no strictness passed, so that everything was judged
    outside      corpora in which the documents judged whole did not suffice for the exact count
    wrong        wrong keeps over kept documents at the end, after the exact count; mean
    cost         tokens as a share of judging everything: without the sample, and with it
    least        the least cost of any stop rule at the same error, on Gaussian chunks; and how many
                 times as much the cost is, without the sample and with it
    today        cost and wrong keeps of the rule that `judge.adaptive` had up to 0.9, at its
                 default confidence, in blocks; its least cost at the same error, in blocks and from
                 the front; and what the cost with the sample is of each. Its cut is known, and no
                 sample is paid

A ratio is the standard deviation of chunks over that of documents' means.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from benchmarks.least_cost import least_cost
from benchmarks.t_rule import t_rule
from rm_ray.select.statistics.calibrate import calibrate
from rm_ray.select.statistics.chain import Cost, cost_share
from rm_ray.select.statistics.limits import propose_sample
from rm_ray.select.statistics.wanted import Wanted
from tests.select.simulated import KINDS, corpus, sample_of, wrong_keeps

Floats = npt.NDArray[np.float64]
FAILURE = 0.05
# Corpora of a row on which today's rule is played: it is slow.
PLAYED = 3


@dataclass(frozen=True)
class Row:
    """A Row is one kind of corpus, and what is wanted."""

    kind: str
    documents: int
    chunks: int
    ratio: float
    kept: float
    max_wrong: float = 0.05


@dataclass(frozen=True)
class Run:
    """A Run is the decision on one corpus."""

    wrong: float
    """Wrong keeps over kept documents, after the exact count."""
    cost: float
    """Tokens as a share of judging everything, without the sample."""
    sample: float
    """Documents of the sample as a share of all."""
    everything: bool
    """Everything was judged."""
    outside: bool
    """Documents judged whole did not suffice for the exact count; the run would judge more."""


def run(row: Row, seed: int, sample: int = 0) -> Run:
    """Draw one corpus, sample it, calibrate, decide, and count what is wrong."""
    rng = np.random.default_rng([seed, hash_of(row)])
    chunk_rewards = corpus(row.kind, row.ratio, row.documents, row.chunks, rng)
    return decided(row, chunk_rewards, rng, sample)


def decided(row: Row, chunk_rewards: Floats, rng: np.random.Generator, sample: int = 0) -> Run:
    """Decide on one corpus; `sample` documents are judged whole first, or what is proposed."""
    whole = sample_of(chunk_rewards)
    sample = sample or propose_sample(row.documents, row.max_wrong * row.kept, FAILURE)
    drawn = rng.permutation(row.documents)[:sample]
    wanted = Wanted(kept=(row.kept,), max_wrong=row.max_wrong, failure=FAILURE)
    chain = calibrate(whole.take(drawn), wanted, seed=0).chain if sample else None
    if chain is None:
        return Run(0.0, 1.0, sample / row.documents, everything=True, outside=False)
    decisions = chain.decide(whole)
    decisions.sides[drawn] = 0
    main = np.ones(row.documents, bool)
    main[drawn] = False
    count = round(row.documents * row.kept)
    wrong, outside = wrong_keeps(decisions.sides, whole.rewards, count)
    cost = cost_share(Cost(), decisions.judged[main], whole.chunks[main])
    return Run(wrong / count, cost, sample / row.documents, everything=False, outside=outside)


def hash_of(row: Row) -> int:
    """Return a number of the row's corpora, the same for all that is wanted of them."""
    return [*KINDS].index(row.kind) * 10_000 + row.chunks * 100 + int(row.ratio * 10)


def line(row: Row, corpora: int, processes: int, documents: int) -> str:
    """Run a row with so many documents in the sample, and return its line of the table."""
    with ProcessPoolExecutor(processes) as pool:
        runs = list(pool.map(partial(run, row, sample=documents), range(corpora)))
    over = sum(one.wrong > row.max_wrong for one in runs)
    everything = sum(one.everything for one in runs)
    outside = sum(one.outside for one in runs)
    wrong = float(np.mean([one.wrong for one in runs]))
    cost = float(np.mean([one.cost for one in runs]))
    sample = runs[0].sample
    total = cost * (1 - sample) + sample
    name = f"{row.kind} | {row.documents:,} | {row.chunks} | {row.ratio:g} | {row.kept:.0%}"
    counts = f"{over} of {corpora} | {everything} | {outside} | {wrong:.1%}"
    if everything == corpora:
        return f"| {name} | {counts} | all | | |"
    least = least_cost(row.chunks, row.ratio, row.kept, 2 * wrong * row.kept)
    times = f"{least:.1%} ({cost / least:.2f}, {total / least:.2f})"
    today = today_of(row, wrong, total)
    return f"| {name} | {counts} | {cost:.1%}, {total:.1%} | {times} | {today} |"


def today_of(row: Row, wrong: float, total: float) -> str:
    """Return the cost of today's rule: at its default, and at the same error in both orders."""
    rng = np.random.default_rng([12345, hash_of(row)])
    documents = min(row.documents, 20_000)
    chunk_rewards = corpus(row.kind, row.ratio, documents, row.chunks, rng)
    blocks = t_rule(chunk_rewards, row.kept, "blocks", rng)
    front = t_rule(chunk_rewards, row.kept, "front", rng)
    default = next(point for point in blocks if point.confidence == 0.995)
    same = [
        min((point.cost for point in points if point.wrong <= max(wrong, 1e-9)), default=1.0)
        for points in (blocks, front)
    ]
    said = f"{default.cost:.1%} at {default.wrong:.1%}"
    shares = ", ".join(f"{total / cost:.2f}" for cost in same)
    return f"{said}; {same[0]:.1%}, {same[1]:.1%} ({shares})"


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows that the options ask for."""
    ratios, kept = numbers(options.ratios), numbers(options.kept)
    documents, chunks = numbers(options.documents), numbers(options.chunks)
    for kind in options.kinds.split(","):
        for many, length, ratio, share in product(documents, chunks, ratios, kept):
            yield Row(kind, int(many), int(length), ratio, share, options.max_wrong)


def numbers(text: str) -> list[float]:
    """Return the numbers of a list with commas."""
    return [float(number) for number in text.split(",")]


COLUMNS = (
    "corpus, documents, chunks, ratio, kept, over, everything, outside, wrong, cost, least, today"
)
HEAD = f"| {COLUMNS.replace(', ', ' | ')} |\n| --- |{' ---: |' * COLUMNS.count(',')}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="10 corpora of normal and lognormal")
    parser.add_argument("--corpora", type=int, default=200, help="corpora of each row")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--documents", default="20000,100000")
    parser.add_argument("--chunks", default="20,60")
    parser.add_argument("--ratios", default="1,2,3", help="chunks' deviation over documents'")
    parser.add_argument("--kept", default="0.1,0.3")
    parser.add_argument("--max-wrong", type=float, default=0.05)
    parser.add_argument("--sample", type=int, default=0, help="its documents; 0 as proposed")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.quick:
        options.corpora, options.kinds = 10, "normal,lognormal"
        options.documents, options.chunks, options.ratios = "20000", "20", "1"
    print(HEAD, flush=True)
    for row in rows(options):
        print(line(row, options.corpora, options.processes, options.sample), flush=True)


if __name__ == "__main__":
    main()
