"""Chooses how strict the chain has to be, so that its error is measured and not assumed.

*Learn then Test* (Angelopoulos and others, arXiv 2110.01052), with a fixed sequence of hypotheses:
a quarter of the sample fits everything and orders the strictnesses from strict to loose. The other
three quarters test them in that order, the whole chain at once. The first that fails ends it, and
the last that passed is taken. So the error of the chosen strictness exceeds what is allowed with
a probability of `failure` at most, whatever the chunks do; documents only have to be exchangeable.

Two facts keep the sample small:

- If the best of the documents that are judged whole fill up what the early decisions keep, the
  wrong keeps at the end are the larger number of the early wrong keeps and the early wrong drops,
  and not their sum. (K documents are kept; a early keeps are wrong, b early drops are. The
  documents judged whole then have K - kept + a - b right ones. If a >= b, these are not fewer than
  are missing, so a wrong keeps remain; else b - a more join them.)
- A strictness fails if one of the two numbers exceeds what is allowed. It passes only if the tests
  of both say no. If one number exceeds it in truth, its own test alone passes wrongly with a
  probability of `failure` at most: so neither test has to share the probability with the other.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from rm_ray.judges.preference.stopping import Band, StopTable
from rm_ray.select.bands import LEAST_IN_GROUP, bands_of
from rm_ray.select.chain import Chain, cost_share, wrong_decisions
from rm_ray.select.fitting import fit_cheap, fit_forecasts
from rm_ray.select.limits import (
    CUT_PART,
    FIT_PART,
    lower_limit,
    needed_sample,
    needed_tests,
    upper_limit,
)
from rm_ray.select.sampled import Sampled
from rm_ray.select.wanted import Wanted

# Strictnesses, from strict to loose: more steps cost no certainty.
STRICTNESSES = tuple(float(z) for z in np.round(np.arange(10.0, -0.01, -0.05), 2))
# The cut of the rule lies in its band with a probability of about 0.9.
BAND_FAILURE = 0.05


@dataclass(frozen=True)
class Trial:
    """A Trial is the test of one strictness on three quarters of the sample."""

    strictness: float
    """Standard deviations from the nearer end of the band; see `StopTable`."""
    wrong_keeps: int
    """Tested documents that the chain keeps, and that may belong below the cut."""
    wrong_drops: int
    """Tested documents that the chain drops, and that may belong above the cut."""
    limit: float
    """Upper limit of the share of all documents that is wrong, of the worse of both sides."""
    cost: float
    """Tokens as a share of judging everything, without the sample."""
    passed: bool
    """Whether the limit is at most what is allowed."""


@dataclass(frozen=True)
class Calibration:
    """A Calibration is the chain that passed, and how it was found."""

    chain: Chain | None
    """The chain of the loosest strictness that passed; None if everything is judged."""
    reason: str
    """One sentence: why this chain, or why everything is judged."""
    bands: tuple[Band | None, ...]
    """Where the rule takes the cut of each group to be; None for a group that is judged whole."""
    edges: tuple[Band, ...]
    """Where the cut of each group lies by the whole sample; wrong decisions count against these."""
    trials: tuple[Trial, ...]
    """Every strictness that was tried, from strict to loose."""
    allowed: float
    """Share of all documents that may be wrongly kept, and wrongly dropped."""
    tested: int
    """Documents that tested."""
    needed: int
    """Documents that a sample needs at least."""

    @property
    def cost(self) -> float:
        """Return the tokens as a share of judging everything, without the sample."""
        passed = [trial.cost for trial in self.trials if trial.passed]
        return passed[-1] if self.chain else 1.0


def calibrate(sampled: Sampled, wanted: Wanted, seed: int) -> Calibration:
    """Choose the loosest strictness whose error stays within what is allowed.

    Args:
        sampled: a random sample of the corpus, judged whole.
        wanted: which documents are kept, and how many may be wrong.
        seed: seed of the division into documents that fit and documents that test.
    """
    order = np.random.default_rng(seed).permutation(len(sampled))
    fitted = max(1, round(FIT_PART * len(sampled)))
    fit, test = sampled.take(order[:fitted]), sampled.take(order[fitted:])
    edges, allowed = _edges(sampled, wanted)
    bands = _bands(sampled, fit, wanted)
    failure = (1 - CUT_PART) * wanted.failure
    trials: list[Trial] = []
    chosen = None
    if allowed > 0 and len(test) >= needed_tests(allowed, failure):
        for chain in _chains(fit, bands):
            trial = _trial(chain, test, edges, allowed, wanted)
            trials.append(trial)
            if not trial.passed:
                break
            chosen = chain if trial.cost < 1 else None
    needed = needed_sample(allowed, wanted.failure) if allowed > 0 else 0
    return Calibration(
        chain=chosen,
        reason=_reason(trials, chosen, len(sampled), needed),
        bands=bands,
        edges=edges,
        trials=tuple(trials),
        allowed=allowed,
        tested=len(test),
        needed=needed,
    )


def _edges(sampled: Sampled, wanted: Wanted) -> tuple[tuple[Band, ...], float]:
    """Return where the cuts lie by the whole sample, and the share that may be wrong.

    Both hold with a probability of 1 - CUT_PART * failure, on each side of each cut.
    """
    failure = CUT_PART * wanted.failure
    if wanted.min_reward is not None:
        kept = int((sampled.rewards >= wanted.min_reward).sum())
        share = lower_limit(kept, len(sampled), failure) if kept else 0.0
        return (Band(wanted.min_reward, wanted.min_reward),), wanted.max_wrong * share
    groups = sampled.codes(len(wanted.kept))
    sizes = np.bincount(groups, minlength=len(wanted.kept))
    bands = bands_of(sampled.rewards, groups, wanted.kept, failure)
    # a document that is as good as the upper edge may be below the cut too
    edges = tuple(Band(band.lower, math.nextafter(band.upper, math.inf)) for band in bands)
    return edges, wanted.max_wrong * float(sizes @ np.array(wanted.kept)) / len(sampled)


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


def _chains(fit: Sampled, bands: tuple[Band | None, ...]) -> Iterator[Chain]:
    """Yield the chains from strict to loose; everything about them is fixed by the fit."""
    forecasts = fit_forecasts(fit)
    cheap = None if fit.cheap is None else fit_cheap(fit.cheap, fit.rewards)
    for strictness in STRICTNESSES:
        table = StopTable(forecasts, strictness)
        yield Chain(table, bands, replace(cheap, strictness=strictness) if cheap else None)


def _trial(
    chain: Chain, test: Sampled, edges: tuple[Band, ...], allowed: float, wanted: Wanted
) -> Trial:
    """Test one chain; groups share one count, because each group's wrong decisions add up."""
    decisions = chain.decide(test)
    keeps, drops = wrong_decisions(decisions, test, edges)
    wrong = max(keeps, drops) if len(edges) == 1 else keeps + drops
    limit = upper_limit(wrong, len(test), (1 - CUT_PART) * wanted.failure)
    cost = cost_share(wanted.cost, decisions.judged, test.chunks)
    return Trial(chain.table.strictness, keeps, drops, limit, cost, limit <= allowed)


def _reason(trials: list[Trial], chosen: Chain | None, documents: int, needed: int) -> str:
    """Say in a sentence why this chain was chosen, or why everything is judged."""
    if chosen:
        passed = sum(trial.passed for trial in trials)
        found = trials[passed - 1]
        return (
            f"strictness {found.strictness:g} is the loosest that passed: at most "
            f"{found.limit:.2%} of all documents are wrong on either side"
        )
    if not trials:
        return (
            f"everything is judged: the sample has {documents:,} documents, and at least "
            f"{needed:,} are needed"
            if needed
            else "everything is judged: no document of the sample is kept"
        )
    if trials[0].passed:
        return "everything is judged: no strictness that passed decides a document early"
    return "everything is judged: even the strictest decisions are wrong too often"
