"""Tests strictnesses on documents that took no part in the fit."""

from bisect import bisect_left
from dataclasses import dataclass

from rm_ray.judges.preference.stopping import NOBODY, Band, SideName
from rm_ray.select.statistics.chain import Chain, Cost, cost_share, wrong_decisions
from rm_ray.select.statistics.limits import upper_limit
from rm_ray.select.statistics.sampled import Sampled

# Strictnesses, from strict to loose. Many steps cost no certainty.
STRICTNESSES = tuple(step / 20 for step in range(400, -1, -1))


@dataclass(frozen=True)
class Trial:
    """A Trial is the test of one strictness on one side, on three quarters of the sample."""

    side: SideName
    """The side on which the chain decides; on the other one it decides nothing."""
    strictness: float
    """Standard deviations from the nearer end of the band."""
    wrong: int
    """Tested documents that are decided, and that may belong to the other side of the cut."""
    limit: float
    """Upper limit of the share of all documents that is wrong."""
    cost: float
    """Tokens as a share of judging everything, without the sample."""
    passed: bool
    """True if the limit is at most the allowed share."""


@dataclass(frozen=True)
class Tests:
    """A Tests holds the documents that test, and what a strictness has to fulfil."""

    documents: Sampled
    """Documents of the sample that took no part in the fit."""
    edges: tuple[Band, ...]
    """The interval that holds the cut of each group."""
    allowed: float
    """Share of all documents that may be wrong on a side."""
    failure: float
    """Probability that a strictness passes though more are wrong."""
    cost: Cost
    """The cost of judging."""

    def trial(self, chain: Chain, side: SideName, strictness: float) -> Trial:
        """Test one strictness on one side."""
        decisions = chain.at(NOBODY.with_side(side, strictness)).decide(self.documents)
        wrong = wrong_decisions(decisions, self.documents, self.edges)[side]
        limit = upper_limit(wrong, len(self.documents), self.failure)
        cost = cost_share(self.cost, decisions.judged, self.documents.chunks)
        return Trial(side, strictness, wrong, limit, cost, limit <= self.allowed)

    def sequence(self, chain: Chain, side: SideName) -> list[Trial]:
        """Find the first strictness that fails; return the trials that took, from strict to loose.

        A chain that decides on one side only decides more documents the looser it is, so its wrong
        decisions only become more. So bisection finds what testing one by one would find.
        """
        trials: list[Trial] = []

        def fails(strictness: float) -> bool:
            trials.append(self.trial(chain, side, strictness))
            return not trials[-1].passed

        bisect_left(STRICTNESSES, True, key=fails)
        return sorted(trials, key=lambda trial: -trial.strictness)


def loosest(trials: list[Trial]) -> float | None:
    """Return the loosest strictness that passed; None if none did."""
    return min((trial.strictness for trial in trials if trial.passed), default=None)
