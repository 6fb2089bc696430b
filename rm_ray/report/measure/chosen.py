"""Which documents are shown: the best, the worst, those at quantiles and next to cuts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from rm_ray.counts.order import least_at
from rm_ray.report.figures import Retained
from rm_ray.report.measure.measured import Measured
from rm_ray.report.measure.nights import ALL, name_of

Why = Literal["best", "worst", "quantile", "kept", "dropped"]
# At which a document is shown.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Shares of the documents, whose cuts have documents on either side shown.
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
# On either side of a cut.
BESIDE = 2


@dataclass(frozen=True)
class Chosen:
    """A document to be shown. `at`: the quantile, or the cut's threshold."""

    why: Why
    at: float | None
    group: str | None
    file: str
    row: int
    reward: float
    tokens: int


def choose(measured: Measured, retained: Sequence[Retained], cut: float | None) -> list[Chosen]:
    """From the documents that were remembered: the best and the worst of all, the others of the
    sample.
    """
    found = list(_of(measured.best, "best"))
    found += _of(measured.worst, "worst")
    sample = measured.sample.take(
        pa.array(np.argsort(measured.sample.column("reward").to_numpy(), kind="stable"))
    )
    if not len(sample):
        return found
    for share in QUANTILES:
        found += _of(sample.slice(int(share * (len(sample) - 1)), 1), "quantile", share)
    rewards = sample.column("reward").to_numpy()
    for threshold in _thresholds(retained, cut):
        least = np.float32(least_at("float32", threshold))
        at = int(np.searchsorted(rewards, least))
        found += _of(sample.slice(at, BESIDE), "kept", threshold)
        start = max(0, at - BESIDE)
        found += _of(sample.slice(start, at - start), "dropped", threshold)
    return found


def _thresholds(retained: Sequence[Retained], cut: float | None) -> list[float]:
    """The cut in use, and some others, of which each keeps another share."""
    found = [cut] if cut is not None else []
    for share in SHARES:
        wanted = share * retained[-1].documents
        near = min(retained, key=lambda one: abs(one.documents - wanted))
        found.append(near.threshold)
    return list(dict.fromkeys(found))


def _of(rows: pa.Table, why: Why, at: float | None = None) -> Iterator[Chosen]:
    for row in rows.to_pylist():
        group = None if row["group"] == ALL else name_of(row["group"])
        yield Chosen(
            why=why,
            at=at,
            group=group,
            file=row["file"],
            row=row["row"],
            reward=row["reward"],
            tokens=row["tokens"],
        )
