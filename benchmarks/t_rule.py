"""The rule that `judge.adaptive` had up to 0.9, a t interval, played on the chunk rewards of many
documents at once.
"""

import math
from dataclasses import dataclass
from itertools import accumulate, repeat, takewhile
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

ChunkOrder = Literal["front", "blocks"]
Floats = npt.NDArray[np.float64]
CONFIDENCES = (0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.9995, 0.9999)
# Chunks of the first look; at each look, so many times as many are judged as at the one before.
LEAST, LOOK_GROWTH = 8, 1.5
# The order `blocks` goes through a document in stretches of so many chunks, and judges so many
# chunks of a stretch before it begins the next one.
BLOCK_CHUNKS, JUDGED_OF_BLOCK = 16, 8
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
    stops = _looks(chunks)
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


def _looks(chunks: int) -> list[int]:
    """Return how many chunks are judged at each look, but for the last one, that judges all."""
    growing = accumulate(repeat(LEAST), lambda judged, _: math.ceil(judged * LOOK_GROWTH))
    return [*takewhile(lambda judged: judged < chunks, growing)]


def _places(
    documents: int, chunks: int, order: ChunkOrder, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return each document's chunks in the order of judging, drawn at random for `blocks`."""
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
