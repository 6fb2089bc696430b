"""Counts how often the chain was wrong, on documents that were judged whole.

The audit is a random share of the documents that the chain decided on. It takes part in nothing
else, so that its shares are estimates of the run's.
"""

from dataclasses import dataclass, replace

import numpy as np

from rm_ray.judges.preference.stopping import DROPPED, KEPT, Band, Flags, Sides
from rm_ray.select.statistics.chain import Chain
from rm_ray.select.statistics.limits import interval
from rm_ray.select.statistics.sampled import Sampled


@dataclass(frozen=True)
class Share:
    """A Share is a counted share of documents with its 95% interval (Clopper and Pearson)."""

    found: int
    """Documents that were counted."""
    documents: int
    """Documents in all."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""

    @classmethod
    def of(cls, found: int, documents: int) -> "Share":
        """Make a share of counts."""
        return cls(found, documents, *interval(found, documents))


@dataclass(frozen=True)
class Audit:
    """An Audit says what the chain would have decided on documents that were judged whole."""

    wrong_keeps: Share
    """Documents that the chain keeps and that are below the cut, of all audited documents."""
    wrong_drops: Share
    """Documents that the chain drops and that are above the cut, of all audited documents."""
    kept: Share
    """Documents at or above the cut, of all audited documents."""
    decided: Share
    """Documents that the chain decides on, of all audited documents."""


def audit(
    chain: Chain,
    sampled: Sampled,
    cuts: tuple[float, ...],
    wider: tuple[Band | None, ...] | None = None,
) -> tuple[Audit, list[Audit]]:
    """Compare the chain's decisions with those of judging whole: of all documents, and by group.

    Args:
        chain: the chain that decided.
        sampled: the audited documents.
        cuts: the reward of the cut of each group: documents with at least this reward are kept.
        wider: the band of each group after it was widened; None if none was. A decision counts only
            if it is the same with this band: the other documents were judged whole in the end.
    """
    groups = sampled.codes(len(cuts))
    decisions = chain.decide(sampled)
    again = replace(chain, bands=chain.bands if wider is None else wider).decide(sampled)
    # a wider band decides later, or not at all
    sides: Sides = np.where(again.judged == decisions.judged, decisions.sides, 0)
    belongs = sampled.rewards >= np.array(cuts)[groups]
    everyone = np.ones(len(sampled), bool)
    each = [_audit(sides, belongs, groups == group) for group in range(len(cuts))]
    return _audit(sides, belongs, everyone), each


def _audit(sides: Sides, belongs: Flags, counted: Flags) -> Audit:
    """Count the documents of one group."""

    def share(found: Flags) -> Share:
        return Share.of(int((found & counted).sum()), int(counted.sum()))

    return Audit(
        wrong_keeps=share((sides == KEPT) & ~belongs),
        wrong_drops=share((sides == DROPPED) & belongs),
        kept=share(belongs),
        decided=share(sides != 0),
    )
