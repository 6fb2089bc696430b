"""Choosing the documents to show: the best, the worst, some at quantiles and next to cuts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.counts.order import least_at
from rm_ray.report.figures import Retained
from rm_ray.report.measure.measured import Measured
from rm_ray.report.measure.nights import ALL, name_of

Why = Literal["best", "worst", "quantile", "kept", "dropped"]
# A document is shown at each of these quantiles.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
# Documents are shown on either side of the cuts that keep these shares of the documents.
SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
# Documents shown on either side of a cut.
BESIDE = 2


@dataclass(frozen=True)
class Chosen:
    """A document to show."""

    why: Why
    """Why the document is shown; kept, dropped: it is next to a cut."""
    at: float | None
    """The quantile, or the threshold of the cut; None for the best and the worst."""
    group: str | None
    """Name of the group; None if there are no groups."""
    file: str
    """File of the corpus."""
    row: int
    """Row of the document in that file."""
    reward: float
    """Reward of the document."""
    tokens: int
    """Tokens of the document."""


def choose(measured: Measured, retained: Sequence[Retained], cut: float | None) -> list[Chosen]:
    """Choose documents: the best and the worst of all documents, and the others from the sample."""
    chosen = list(_of(measured.best, "best"))
    chosen += _of(measured.worst, "worst")
    sample = measured.sample.take(
        pa.array(np.argsort(measured.sample.column("reward").to_numpy(), kind="stable"))
    )
    if not len(sample):
        return chosen
    for share in QUANTILES:
        chosen += _of(sample.slice(int(share * (len(sample) - 1)), 1), "quantile", share)
    rewards = sample.column("reward").to_numpy()
    for threshold in _thresholds(retained, cut):
        least = np.float32(least_at("float32", threshold))
        at = int(np.searchsorted(rewards, least))
        chosen += _of(sample.slice(at, BESIDE), "kept", threshold)
        start = max(0, at - BESIDE)
        chosen += _of(sample.slice(start, at - start), "dropped", threshold)
    return chosen


def _thresholds(retained: Sequence[Retained], cut: float | None) -> list[float]:
    """Return the threshold in use, and others that keep about `SHARES` of the documents."""
    thresholds = [cut] if cut is not None else []
    for share in SHARES:
        documents = share * retained[-1].documents
        nearest = min(retained, key=lambda kept: abs(kept.documents - documents))
        thresholds.append(nearest.threshold)
    return list(dict.fromkeys(thresholds))


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


# Documents of a group with an alert are shown at these quantiles of the group.
GROUP_QUANTILES = (0.1, 0.5, 0.9)


def of_group(measured: Measured, label: str) -> list[Chosen]:
    """Choose documents of one group, from the sample, from low to high rewards."""
    sample = measured.sample.filter(pc.equal(measured.sample.column("group").cast("string"), label))
    sample = sample.take(pa.array(np.argsort(sample.column("reward").to_numpy(), kind="stable")))
    if not len(sample):
        return []
    found: dict[int, float] = {}
    for share in GROUP_QUANTILES:
        found.setdefault(round(share * (len(sample) - 1)), share)
    return [
        each for at, share in found.items() for each in _of(sample.slice(at, 1), "quantile", share)
    ]
