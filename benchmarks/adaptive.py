"""The cost of judging only until a document is clear, and how often the decision is the same.

    python -m benchmarks.adaptive RUN [--seeds 5]

RUN is the output folder of a run that judged every chunk. The script plays the job's rule on the
chunk rewards of RUN, for thresholds at the 25th, 50th and 75th percentile of the rewards. The cost
is the exact minimum of forwarded tokens, against the cost of every chunk. No engine is needed,
because a chunk's reward does not depend on the other judged chunks.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import mean

import numpy as np
import pyarrow.parquet as pq

from rm_ray.judges.preference.chunks import StopRule
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.tokens import read_tokenizer

ORDERS = ("front", "blocks", "spread")
CONFIDENCES = (0.8, 0.9, 0.95, 0.99, 0.995)
LEAST = (4, 8, 16)


@dataclass(frozen=True)
class Scored:
    """A document with the rewards of all its chunks."""

    tokens: int
    """Length of the document, in tokens."""
    rewards: np.ndarray
    """Reward of each chunk."""


@dataclass(frozen=True)
class Trial:
    """The result of judging until documents are clear, as shares of judging everything."""

    agreement: float
    """Share of the documents with the same decision."""
    cost: float
    """Share of the cost."""
    stopped: float
    """Share of the documents that stopped early."""


def load(run: Path) -> tuple[PreferenceJudge, list[Scored]]:
    """Return the judge of a run, and the documents that it scored whole."""
    config = PreferenceConfig(
        **json.loads((run / "_rm_ray" / "run.json").read_text())["config"]["judge"]
    )
    rows = pq.read_table(run / "rewards").to_pylist()
    documents = [
        Scored(row["n_tokens"], np.float64(row["chunk_rewards"]))
        for row in rows
        if row["status"] == "ok" and row.get("judged_chunks") is None
    ]
    files = read_tokenizer(config.model, config.revision)
    return PreferenceJudge.of(config, files), documents


def play(rule: StopRule, document: Scored, judge: PreferenceJudge, seed: int) -> list[int]:
    """Return the numbers of the chunks that would be judged."""
    chunks = judge.judgeable(document.tokens)
    judged: list[int] = []
    for look in rule.looks(chunks, seed):
        judged += look
        rewards = document.rewards[np.array(judged) - chunks.start]
        if rule.decides(rewards, len(chunks)):
            break
    return sorted(judged)


def trial(rule: StopRule, documents: list[Scored], judge: PreferenceJudge, seed: int) -> Trial:
    """Play the rule on every document once."""
    agree = stopped = cost = whole = 0
    for number, document in enumerate(documents):
        judged = play(rule, document, judge, seed * len(documents) + number)
        some = document.rewards[np.array(judged) - judge.judgeable(document.tokens).start].mean()
        agree += (some > rule.threshold) == (document.rewards.mean() > rule.threshold)
        stopped += len(judged) < len(document.rewards)
        cost += judge.exact_minimum(document.tokens, judged)
        whole += judge.exact_minimum(document.tokens)
    n = len(documents)
    return Trial(agree / n, cost / whole, stopped / n)


def average(trials: list[Trial]) -> Trial:
    """Return the mean of trials."""
    return Trial(**{name: mean(vars(t)[name] for t in trials) for name in vars(trials[0])})


HEAD = """
| order | confidence | first look | agreement @ cost, at each | agreement | cost | stopped early |
| --- | ---: | ---: | --- | ---: | ---: | ---: |"""


def line(rule: StopRule, each: list[Trial]) -> str:
    """Return a line of the table: each threshold, then the mean."""
    by = ", ".join(f"{t.agreement:.3f} @ {t.cost:.2f}" for t in each)
    t = average(each)
    numbers = f"{t.agreement:.4f} | {t.cost:.3f} | {t.stopped:.2f}"
    return f"| {rule.order} | {rule.confidence} | {rule.least} | {by} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    judge, documents = load(options.run)
    thresholds = np.percentile([d.rewards.mean() for d in documents], [25, 50, 75])
    print(f"{len(documents)} documents; thresholds {', '.join(f'{t:.3f}' for t in thresholds)}")
    print(HEAD)
    found: dict[StopRule, list[Trial]] = {}
    for order, confidence, least in product(ORDERS, CONFIDENCES, LEAST):
        seeds = range(options.seeds if order == "blocks" else 1)  # the others draw nothing
        rules = [StopRule(float(threshold), confidence, order, least) for threshold in thresholds]
        each = [average([trial(rule, documents, judge, s) for s in seeds]) for rule in rules]
        found[rules[0]] = each
        print(line(rules[0], each), flush=True)
    agreeing = [rule for rule, each in found.items() if average(each).agreement >= 0.99]
    if agreeing:
        best = min(agreeing, key=lambda rule: average(found[rule]).cost)
        print(f"\nthe cheapest with 99% agreement:\n{line(best, found[best])}")
    data = [
        {"order": rule.order, "confidence": rule.confidence, "first_look": rule.least}
        | {"by_threshold": [asdict(t) for t in each]}
        for rule, each in found.items()
    ]
    out = Path("outputs/bench")
    out.mkdir(parents=True, exist_ok=True)
    (out / "adaptive.json").write_text(json.dumps(data, indent=1))


if __name__ == "__main__":
    main()
