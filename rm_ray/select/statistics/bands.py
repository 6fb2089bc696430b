"""Finds where the cut lies: the interval between two order statistics of a sample."""

import math

import numpy as np

from rm_ray.judges.preference.stopping import Band, Floats, Ints
from rm_ray.select.statistics.limits import cut_ranks

# Groups with fewer documents in the sample are judged whole.
LEAST_IN_GROUP = 100


def cut_band(rewards: Floats, kept: float, failure: float) -> Band:
    """Return the interval that holds the cut of the corpus, from the rewards of a random sample.

    The cut is above it, or below it, with a probability of `failure` at most each. An end is
    infinite if the sample is too small to say.

    Args:
        rewards: rewards of the sample, [documents].
        kept: share of the documents that is kept.
        failure: the probability.
    """
    better, worse = cut_ranks(len(rewards), kept, failure)
    best_first = -np.sort(-rewards)
    upper = best_first[better - 1] if better >= 1 else math.inf
    lower = best_first[worse - 1] if worse <= len(rewards) else -math.inf
    return Band(float(lower), float(upper))


def bands_of(
    rewards: Floats, groups: Ints, kept: tuple[float, ...], failure: float
) -> tuple[Band, ...]:
    """Return the band of each group's cut, from the sample's documents of that group."""
    return tuple(
        cut_band(rewards[groups == group], share, failure) for group, share in enumerate(kept)
    )
