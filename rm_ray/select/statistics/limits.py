"""Exact limits of shares, and how many documents a sample needs.

Pure arithmetic. All shares are of documents.
"""

import math

from scipy import special, stats

# A sample has this part of its documents for fitting; the others test what was fitted.
FIT_PART = 0.25
# The probability to fail is halved between wrong keeps and wrong drops. Of a half, this part may be
# lost because the cut is not where the sample shows it; the rest is for the count of the wrong.
CUT_PART = 0.05
# A sample has this share of the corpus at most, ...
MOST_SHARE = 0.05
# ... and this factor in its size makes the whole cost least (benchmarks/stop_rule.py --sample).
SIZE_FACTOR = 0.35


def upper_limit(wrong: int, documents: int, failure: float) -> float:
    """Return the upper limit of a share, if `wrong` of `documents` were counted.

    The true share is above it with a probability of `failure` at most (Clopper and Pearson 1934,
    Biometrika 26, 404).
    """
    if wrong >= documents:
        return 1.0
    return float(special.betaincinv(wrong + 1, documents - wrong, 1 - failure))


def lower_limit(found: int, documents: int, failure: float) -> float:
    """Return the lower limit of a share; see `upper_limit`."""
    return 1 - upper_limit(documents - found, documents, failure)


def interval(found: int, documents: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the two-sided interval of a share (Clopper and Pearson); 0 to 1 of no documents."""
    failure = (1 - confidence) / 2
    if not documents:
        return 0.0, 1.0
    return lower_limit(found, documents, failure), upper_limit(found, documents, failure)


def parts_of(failure: float) -> tuple[float, float]:
    """Return the probability to fail on one side because of the cut, and because of the count."""
    return CUT_PART * failure / 2, (1 - CUT_PART) * failure / 2


def needed_tests(allowed: float, failure: float) -> int:
    """Return the fewest documents that can show a share of at most `allowed`: none wrong of them.

    It is log(p) / log(1 - allowed), rounded up, with the probability p of the count of one side.

    Args:
        allowed: share of all documents that may be wrong on a side.
        failure: probability that the share is exceeded on any side.

    Raises:
        ValueError: `allowed` is not between 0 and 1.
    """
    if not 0 < allowed < 1:
        raise ValueError(f"the share that may be wrong must be between 0 and 1, and is {allowed}")
    return math.ceil(math.log(parts_of(failure)[1]) / math.log1p(-allowed))


def fit_documents(sample: int) -> int:
    """Return how many documents of a sample fit; the others test."""
    return max(1, round(FIT_PART * sample))


def needed_sample(allowed: float, failure: float) -> int:
    """Return the fewest documents of a sample whose tests can show a share of `allowed`.

    Args:
        allowed: share of all documents that may be wrong: `max_wrong` times the kept share.
        failure: probability that the share is exceeded.
    """
    tests = needed_tests(allowed, failure)
    needed = math.ceil(tests / (1 - FIT_PART))
    # the documents that fit are rounded
    return needed if needed - fit_documents(needed) >= tests else needed + 1


def propose_sample(documents: int, allowed: float, failure: float) -> int:
    """Return how many documents to sample, so that the whole decision costs least; 0 for none.

    A larger sample costs more itself, and saves some of the rest because its limit is nearer to the
    share that it counts. The least of the sum grows with the corpus to the power of 2/3.

    Args:
        documents: documents of the corpus.
        allowed: share of all documents that may be wrong.
        failure: probability that the share is exceeded.
    """
    needed = needed_sample(allowed, failure)
    most = int(MOST_SHARE * documents)
    if needed > most:
        return 0
    best = SIZE_FACTOR * math.pow(documents / math.sqrt(allowed), 2 / 3)
    return min(most, max(needed, math.ceil(best)))


def cut_ranks(documents: int, kept: float, failure: float) -> tuple[int, int]:
    """Return the ranks, best first from 1, between which the cut of the whole corpus lies.

    The document at the cut is better than the first rank, or worse than the second, with a
    probability of `failure` at most each. So many documents of a sample are kept as a binomial
    number says. A rank of 0 or above `documents` means that the sample has no document there.
    """
    binomial = stats.binom(documents, kept)
    return int(binomial.ppf(failure)), int(binomial.ppf(1 - failure)) + 1
