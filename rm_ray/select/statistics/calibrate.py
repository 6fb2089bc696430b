"""Chooses how strict the chain has to be, so that its error is measured and not assumed.

*Learn then Test* (Angelopoulos and others, arXiv 2110.01052), with fixed sequences of hypotheses.
A quarter of the sample fits everything. Then the other three quarters test strictnesses from strict
to loose, for early keeps and for early drops separately, the whole chain at once. The first that
fails ends a sequence, and the last that passed is taken. So the share of wrong decisions exceeds
what is allowed with a probability of `failure` at most, whatever the chunks do; documents only have
to be exchangeable. Three facts are used:

- At the end, exactly as many documents are kept as are wanted: those that were kept early, and the
  best of the documents judged whole. Then the wrong keeps are as many as the early wrong keeps or
  the early wrong drops, the larger number, and not the sum of both. For let K documents be wanted,
  k be kept early, a of them wrongly, and b dropped wrongly. Of the K right ones, k - a were kept
  early and b dropped, so K - k + a - b were judged whole, and K - k places are free. If a >= b,
  the free places all get right ones, and a are wrong. Else b - a wrong ones get a place, which
  makes b. So each side may use all of what is allowed.
- A chain that decides on one side only makes at least as many wrong decisions on it as the chain
  with both sides, which may have decided the other way before. So each side is tested alone.
- Wrong decisions are counted against the ends of an interval that holds the cut of the corpus. The
  interval comes from the whole sample, tests too: the count against its end is at least the count
  against the true cut wherever that is inside, and the probability that it is outside is a part of
  `failure`. The band of the rule itself comes from the quarter, as all that the rule uses.

With groups, each with a cut of its own, a and b add up over groups, so each side may use half. The
probability that a cut is outside its interval then counts once for each group: an estimate.
"""

import math
from dataclasses import dataclass

import numpy as np

from rm_ray.judges.preference.stopping import Band, Strictness
from rm_ray.select.statistics.bands import LEAST_IN_GROUP, bands_of
from rm_ray.select.statistics.chain import Chain, cost_share
from rm_ray.select.statistics.cheap import CheapForecast
from rm_ray.select.statistics.fitting import fit_cheap, fit_table
from rm_ray.select.statistics.limits import (
    fit_documents,
    lower_limit,
    needed_sample,
    needed_tests,
    parts_of,
)
from rm_ray.select.statistics.sampled import Sampled
from rm_ray.select.statistics.trials import Tests, Trial, loosest
from rm_ray.select.statistics.wanted import Wanted

# The cut of the rule lies in its band with a probability of about 0.9.
BAND_FAILURE = 0.05
# A chain that saves less of the cost is not worth a wrong decision.
LEAST_SAVED = 0.01


@dataclass(frozen=True)
class Calibration:
    """A Calibration is the chain that passed, and how it was found."""

    chain: Chain | None
    """The chain of the loosest strictnesses that passed; None if everything is judged."""
    reason: str
    """One sentence: why this chain, or why everything is judged."""
    bands: tuple[Band | None, ...]
    """The band of each group, as the rule takes it; None for a group that is judged whole."""
    edges: tuple[Band, ...]
    """The interval of each group's cut by the whole sample; wrong decisions count against it."""
    trials: tuple[Trial, ...]
    """The strictnesses that were tried: keeping and then dropping, from strict to loose."""
    allowed: float
    """Share of all documents that may be wrong on each side."""
    cost: float
    """Expected tokens as a share of judging everything, without the sample; 1 without a chain."""
    tested: int
    """Documents that tested."""
    needed: int
    """Documents that a sample needs at least; 0 if none suffice, because nothing may be wrong."""


def calibrate(sampled: Sampled, wanted: Wanted, seed: int) -> Calibration:
    """Choose the loosest strictness on each side whose error stays within what is allowed.

    Args:
        sampled: a random sample of the corpus, judged whole.
        wanted: which documents are kept, and how many may be wrong.
        seed: seed of the division into documents that fit and documents that test.

    Raises:
        ValueError: the sample has one document, or a document's group is none of the wanted ones.
    """
    if len(sampled) < 2:
        raise ValueError("a sample needs two documents at least: one to fit, and one to test")
    order = np.random.default_rng(seed).permutation(len(sampled))
    fitted = fit_documents(len(sampled))
    fit, test = sampled.take(order[:fitted]), sampled.take(order[fitted:])
    edges, allowed = _edges(sampled, wanted)
    bands = _bands(sampled, fit, wanted)
    trials: list[Trial] = []
    chosen: Chain | None = None
    cost = 1.0
    if allowed > 0 and len(test) >= needed_tests(allowed, wanted.failure):
        tests = Tests(test, edges, allowed, parts_of(wanted.failure)[1], wanted.cost)
        chain = Chain(fit_table(fit), bands, _cheap(fit))
        keeps, drops = tests.sequence(chain, "keep"), tests.sequence(chain, "drop")
        trials = [*keeps, *drops]
        chain = chain.at(Strictness(loosest(keeps), loosest(drops)))
        cost = cost_share(wanted.cost, chain.decide(test).judged, test.chunks)
        chosen = chain if cost <= 1 - LEAST_SAVED else None
    needed = needed_sample(allowed, wanted.failure) if allowed > 0 else 0
    reason = _reason(trials, chosen, len(sampled), needed)
    return Calibration(
        chain=chosen,
        reason=reason,
        bands=bands,
        edges=edges,
        trials=tuple(trials),
        allowed=allowed,
        cost=cost if chosen else 1.0,
        tested=len(test),
        needed=needed,
    )


def _edges(sampled: Sampled, wanted: Wanted) -> tuple[tuple[Band, ...], float]:
    """Return where the cuts lie by the whole sample, and the share that may be wrong on a side."""
    failure = parts_of(wanted.failure)[0]
    if wanted.min_reward is not None:
        kept = int((sampled.rewards >= wanted.min_reward).sum())
        fewer = min(kept, len(sampled) - kept)
        share = lower_limit(fewer, len(sampled), failure) if fewer else 0.0
        return (Band(wanted.min_reward, wanted.min_reward),), wanted.max_wrong * share
    groups = sampled.codes(len(wanted.kept))
    bands = bands_of(sampled.rewards, groups, wanted.kept, failure)
    # a document that is as good as the upper edge may be below the cut too
    edges = tuple(Band(band.lower, math.nextafter(band.upper, math.inf)) for band in bands)
    kept_of = np.array(wanted.kept)[groups]
    allowed = wanted.max_wrong * float(np.minimum(kept_of, 1 - kept_of).mean())
    return edges, allowed if len(edges) == 1 else allowed / 2


def _bands(sampled: Sampled, fit: Sampled, wanted: Wanted) -> tuple[Band | None, ...]:
    """Return where the rule takes the cuts to be, from the rewards of the fit alone."""
    if wanted.min_reward is not None:
        return (Band(wanted.min_reward, wanted.min_reward),)
    groups = len(wanted.kept)
    sizes = np.bincount(sampled.codes(groups), minlength=groups)
    bands = bands_of(fit.rewards, fit.codes(groups), wanted.kept, BAND_FAILURE)
    return tuple(
        band if groups == 1 or size >= LEAST_IN_GROUP else None
        for band, size in zip(bands, sizes, strict=True)
    )


def _cheap(fit: Sampled) -> CheapForecast | None:
    """Return the cheap judge's forecast; None without one, or if it tells nothing."""
    return None if fit.cheap is None else fit_cheap(fit.cheap, fit.rewards)


def _reason(trials: list[Trial], chosen: Chain | None, documents: int, needed: int) -> str:
    """Say in a sentence why this chain was chosen, or why everything is judged."""
    if chosen:
        z = chosen.table.strictness
        worst = max(trial.limit for trial in trials if trial.passed)
        return (
            f"the loosest strictnesses that passed are {_said(z.keep)} to keep and {_said(z.drop)} "
            f"to drop: at most {worst:.2%} of all documents are wrong on either side"
        )
    if not needed:
        return (
            "everything is judged: no document of the sample is kept, or none is dropped, so none "
            "may be wrong"
        )
    if not trials:
        return (
            f"everything is judged: the sample has {documents:,} documents, and at least "
            f"{needed:,} are needed"
        )
    if any(trial.passed for trial in trials):
        return (
            f"everything is judged: no strictness that passed saves {LEAST_SAVED:.0%} of the cost"
        )
    return "everything is judged: even the strictest decisions are wrong too often"


def _said(strictness: float | None) -> str:
    return "none" if strictness is None else f"{strictness:g}"
