"""How well scores tell good from junk. Pure; knows nothing of models."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REAL = "real"
Floats = npt.NDArray[np.float64]


def auc(good: Sequence[float] | Floats, bad: Sequence[float] | Floats) -> float:
    """Probability that a good one scores above a bad one, ties counting half (Mann-Whitney)."""
    ordered = np.sort(np.asarray(bad, dtype=np.float64))
    values = np.asarray(good, dtype=np.float64)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    return float((below + not_above).mean() / 2 / len(ordered))


def zlib_ratio(text: str) -> float:
    """Compressed bytes over bytes: low for repetition, high for noise."""
    data = text.encode()
    return len(zlib.compress(data)) / max(1, len(data))


@dataclass(frozen=True)
class Comparison:
    """AUC of real documents against one kind of junk, or against all ("all kinds").

    The baselines' direction is the better of the two over all kinds: the kindest reading of them.
    """

    kind: str
    documents: int
    mean_reward: float
    reward: float
    length: float
    zlib: float


def compare(
    kinds: Sequence[str], texts: Sequence[str], rewards: Sequence[float]
) -> list[Comparison]:
    """One row for each kind of junk, in alphabetical order, then one over all of them."""
    kind = np.asarray(kinds)
    reward = np.asarray(rewards, dtype=np.float64)
    length = _best_direction(np.asarray([len(text) for text in texts], dtype=np.float64), kind)
    ratio = _best_direction(np.asarray([zlib_ratio(text) for text in texts]), kind)
    real = kind == REAL
    rows = []
    for name in [*sorted(set(kinds) - {REAL}), "all kinds"]:
        junk = ~real if name == "all kinds" else kind == name
        rows.append(
            Comparison(
                kind=name,
                documents=int(junk.sum()),
                mean_reward=float(reward[junk].mean()),
                reward=auc(reward[real], reward[junk]),
                length=auc(length[real], length[junk]),
                zlib=auc(ratio[real], ratio[junk]),
            )
        )
    return rows


def _best_direction(values: Floats, kind: npt.NDArray[np.str_]) -> Floats:
    real = kind == REAL
    return values if auc(values[real], values[~real]) >= 0.5 else -values
