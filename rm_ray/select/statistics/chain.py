"""The chain: the cheap judge decides what it can, and then the stop rule, look by look."""

import math
from dataclasses import dataclass, replace

import numpy as np

from rm_ray.judges.preference.stopping import (
    DROPPED,
    KEPT,
    Band,
    Floats,
    Ints,
    SideName,
    Sides,
    StopTable,
    Strictness,
)
from rm_ray.select.statistics.cheap import CheapForecast
from rm_ray.select.statistics.sampled import Sampled


@dataclass(frozen=True)
class Cost:
    """A Cost says how many tokens the engine forwards for a document; see `exact_minimum`."""

    per_chunk: float = 151
    """Tokens of each judged chunk: twice the chunk, and the markers."""
    first: float = -64
    """Tokens that the first chunk costs more than the others: it has no context."""

    def of(self, judged: Ints) -> Floats:
        """Return the tokens of each document, from the number of its judged chunks."""
        return np.where(judged > 0, self.per_chunk * judged + self.first, 0.0)


@dataclass(frozen=True)
class Decisions:
    """A Decisions holds what the chain decided on documents."""

    sides: Sides
    """1: surely kept; -1: surely dropped; 0: judged whole. [documents]"""
    judged: Ints
    """Judged chunks of each document; 0 if the cheap judge decided. [documents]"""


@dataclass(frozen=True)
class Chain:
    """A Chain is everything that decides on a document before it is judged whole."""

    table: StopTable
    """The stop rule."""
    bands: tuple[Band | None, ...]
    """The band of each group's cut; None if the group's documents are judged whole."""
    cheap: CheapForecast | None = None
    """The cheap judge's decision; None if there is no cheap judge that could decide."""

    def at(self, strictness: Strictness) -> "Chain":
        """Return the same chain at another strictness."""
        cheap = replace(self.cheap, strictness=strictness) if self.cheap else None
        return Chain(replace(self.table, strictness=strictness), self.bands, cheap)

    def decide(self, sampled: Sampled) -> Decisions:
        """Return what the chain decides on documents that were judged whole."""
        groups = sampled.codes(len(self.bands))
        judged = sampled.chunks.copy()
        sides = self._by_cheap(sampled, groups)
        judged[sides != 0] = 0
        lower = np.array([band.lower if band else -math.inf for band in self.bands])[groups]
        upper = np.array([band.upper if band else math.inf for band in self.bands])[groups]
        means = sampled.means(self.table.clips)
        rows = {look: row for row, look in enumerate(sampled.looks)}
        for forecast in self.table.forecasts:
            if forecast.judged not in rows:
                continue
            row = rows[forecast.judged]
            live = np.flatnonzero((sides == 0) & (sampled.chunks > forecast.judged))
            found = self.table.sides(
                forecast, means[:, row, live], sampled.chunks[live], lower[live], upper[live]
            )
            sides[live] = found
            judged[live[found != 0]] = forecast.judged
        return Decisions(sides, judged)

    def _by_cheap(self, sampled: Sampled, groups: Ints) -> Sides:
        """Return the sides that the cheap judge decides; 0 for the others."""
        if self.cheap is None or sampled.cheap is None:
            return np.zeros(len(sampled), np.int8)
        nobody = (-math.inf, math.inf)
        each = [self.cheap.thresholds(band) if band else nobody for band in self.bands]
        lower, upper = np.array(each)[groups].T
        kept, dropped = sampled.cheap > upper, sampled.cheap < lower
        sides: Sides = np.subtract(kept, dropped, dtype=np.int8)
        return sides


def cost_share(cost: Cost, judged: Ints, chunks: Ints) -> float:
    """Return the tokens of judging some chunks of each document, as a share of all chunks'."""
    return float(cost.of(judged).sum() / cost.of(chunks).sum())


def wrong_decisions(
    decisions: Decisions, sampled: Sampled, edges: tuple[Band, ...]
) -> dict[SideName, int]:
    """Count the documents that are kept below their group's cut, and dropped above it.

    Args:
        decisions: what was decided on the documents.
        sampled: the documents.
        edges: where the cut of each group lies. A kept document counts if its reward is below the
            upper edge; a dropped one if its reward is not below the lower edge.
    """
    groups = sampled.codes(len(edges))
    lower = np.array([edge.lower for edge in edges])[groups]
    upper = np.array([edge.upper for edge in edges])[groups]
    keeps = (decisions.sides == KEPT) & (sampled.rewards < upper)
    drops = (decisions.sides == DROPPED) & (sampled.rewards >= lower)
    return {"keep": int(keeps.sum()), "drop": int(drops.sum())}
