"""Measures how well scores separate good text from junk. Pure functions without models."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

REAL = "real"
Floats = npt.NDArray[np.float64]


def auc(good: Sequence[float] | Floats, bad: Sequence[float] | Floats) -> float:
    """Return the probability that a good text scores above a bad one, ties counting half."""
    ordered = np.sort(np.asarray(bad, dtype=np.float64))
    values = np.asarray(good, dtype=np.float64)
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    return float((below + not_above).mean() / 2 / len(ordered))


def zlib_ratio(text: str) -> float:
    """Return compressed bytes over bytes: low for repetition, high for noise."""
    data = text.encode()
    return len(zlib.compress(data)) / max(1, len(data))


@dataclass(frozen=True)
class Comparison:
    """AUC of real documents against one kind of junk, or against all kinds ("all kinds").

    Each baseline is read in the direction that is better over all kinds, so it looks as good as it
    can.
    """

    kind: str
    """Kind of junk."""
    documents: int
    """Number of junk documents."""
    mean_reward: float
    """Mean reward of the junk documents."""
    reward: float
    """AUC of the reward."""
    length: float
    """AUC of the length in characters."""
    zlib: float
    """AUC of the zlib ratio."""


def compare(
    kinds: Sequence[str], texts: Sequence[str], rewards: Sequence[float]
) -> list[Comparison]:
    """Return one row per kind of junk, in alphabetical order, then one row over all kinds."""
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
