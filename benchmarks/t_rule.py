"""The rule of `judge.adaptive`, played on the chunk rewards of many documents at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from rm_ray.judges.preference.chunks import BLOCK_CHUNKS, JUDGED_OF_BLOCK, StopRule
from rm_ray.judges.preference.keys import ChunkOrder

Floats = npt.NDArray[np.float64]
CONFIDENCES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.9995, 0.9999)
LEAST = 8
# Tokens of a judged chunk (twice 64 and 23 of markers), of a chunk that is only context, and less
# for the last chunk, which is context of none.
JUDGED, SKIPPED, LAST = 151, 64, -64


@dataclass(frozen=True)
class Point:
    """A Point is what the rule costs at a confidence, and how much of it is wrong."""

    confidence: float
    cost: float
    """Tokens as a share of judging everything."""
    wrong: float
    """The larger number of wrong keeps and wrong drops, over kept documents."""


def t_rule(
    chunk_rewards: Floats, kept: float, order: ChunkOrder, rng: np.random.Generator
) -> list[Point]:
    """Play the rule at each confidence, against the true cut.

    Args:
        chunk_rewards: rewards of all chunks, [documents, chunks].
        kept: share of the documents that is kept.
        order: front or blocks.
        rng: draws the order of blocks.
    """
    documents, chunks = chunk_rewards.shape
    places = _places(documents, chunks, order, rng)
    ordered = np.take_along_axis(chunk_rewards, places, axis=1)
    last = np.maximum.accumulate(places, axis=1) + 1  # the context reaches so far
    rewards = chunk_rewards.mean(axis=1)
    cut = np.sort(rewards)[-round(kept * documents)]
    looks = [len(look) for look in StopRule(0.0, 0.5, "front", LEAST).looks(range(chunks), 0)]
    stops = np.cumsum(looks)[:-1]
    sums, squares = np.cumsum(ordered, axis=1), np.cumsum(ordered**2, axis=1)
    found = []
    for confidence in CONFIDENCES:
        sides, judged = np.zeros(documents, np.int8), np.full(documents, chunks)
        for stop in stops:
            mean = sums[:, stop - 1] / stop
            spread = np.sqrt(np.maximum(0, squares[:, stop - 1] - stop * mean**2) / (stop - 1))
            error = spread / np.sqrt(stop) * np.sqrt(1 - stop / chunks)
            quantile = special.stdtrit(stop - 1, 1 - (1 - confidence) / len(stops))
            decided = (sides == 0) & (np.abs(mean - cut) > quantile * error)
            sides[decided], judged[decided] = np.sign(mean - cut)[decided], stop
        reached = last[np.arange(documents), judged - 1]
        cost = (judged * JUDGED + (reached - judged) * SKIPPED + LAST).sum()
        keeps = ((sides == 1) & (rewards < cut)).sum()
        drops = ((sides == -1) & (rewards >= cut)).sum()
        whole = documents * (chunks * JUDGED + LAST)
        found.append(Point(confidence, cost / whole, max(keeps, drops) / (kept * documents)))
    return found


def _places(
    documents: int, chunks: int, order: ChunkOrder, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return each document's chunks in the order of judging, as `in_order` draws them."""
    if order == "front":
        return np.broadcast_to(np.arange(chunks), (documents, chunks))
    drawn = rng.random((documents, chunks))
    later = np.zeros((documents, chunks), bool)
    for start in range(0, chunks, BLOCK_CHUNKS):
        block = drawn[:, start : start + BLOCK_CHUNKS]
        size = block.shape[1]
        ranks = np.argsort(np.argsort(block, axis=1), axis=1)
        first = max(1, round(size * JUDGED_OF_BLOCK / BLOCK_CHUNKS))
        later[:, start : start + size] = ranks >= first
    # first the drawn chunks of all blocks, ascending; then the rest, in random order
    keys = np.where(later, chunks + drawn, np.arange(chunks))
    return np.argsort(keys, axis=1, kind="stable")
