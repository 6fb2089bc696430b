"""Limits of shares against scipy's and published values; sizes of samples by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rm_ray.select.statistics.limits import (
    CUT_PART,
    MOST_SHARE,
    cut_ranks,
    fit_documents,
    interval,
    lower_limit,
    needed_sample,
    needed_tests,
    propose_sample,
    upper_limit,
)


@settings(deadline=None)
@given(st.integers(0, 50), st.integers(0, 3000), st.floats(0.001, 0.5))
def test_limits_are_clopper_and_pearsons(wrong, right, failure):
    documents = wrong + right
    if not documents:
        return
    test = stats.binomtest(wrong, documents).proportion_ci(1 - 2 * failure, "exact")
    assert upper_limit(wrong, documents, failure) == pytest.approx(test.high, abs=1e-9)
    assert lower_limit(wrong, documents, failure) == pytest.approx(test.low, abs=1e-9)


def test_limits_by_hand():
    # 598 without an error show 0.5% at 95%, 597 do not
    assert upper_limit(0, 598, 0.05) <= 0.005 < upper_limit(0, 597, 0.05)
    assert upper_limit(0, 10, 0.05) == pytest.approx(1 - 0.05**0.1)
    assert upper_limit(5, 5, 0.05) == 1.0 and lower_limit(0, 5, 0.05) == 0.0
    assert interval(0, 0) == (0.0, 1.0)
    # the textbook's 95% interval of 2 of 10
    assert interval(2, 10) == pytest.approx((0.0252, 0.5561), abs=1e-4)


def test_the_needed_sample_is_the_least_that_can_pass():
    # half of 5%, without the part of the cut: log(0.02375) / log(0.995)
    assert needed_tests(0.005, 0.05) == math.ceil(math.log(0.02375) / math.log(0.995)) == 747
    assert needed_sample(0.005, 0.05) == 996
    with pytest.raises(ValueError, match="between 0 and 1"):
        needed_tests(0.0, 0.05)


@settings(deadline=None)
@given(st.floats(0.0005, 0.2), st.floats(0.01, 0.2))
def test_a_needed_sample_passes_without_an_error_and_a_smaller_one_does_not(allowed, failure):
    count = (1 - CUT_PART) * failure / 2

    def passes(sample):
        return upper_limit(0, sample - fit_documents(sample), count) <= allowed * (1 + 1e-9)

    needed = needed_sample(allowed, failure)
    assert passes(needed) and not passes(needed - 2)


def test_the_proposed_sample_is_a_twentieth_at_most_and_none_if_that_is_too_small():
    assert propose_sample(20_000, 0.005, 0.05) == 1000
    assert propose_sample(19_000, 0.005, 0.05) == 0
    sizes = [propose_sample(documents, 0.005, 0.05) for documents in (10**5, 10**6, 10**7)]
    assert sizes == sorted(sizes) and sizes[0] <= MOST_SHARE * 10**5
    assert sizes[1] < 10 * sizes[0] and sizes[2] < 10 * sizes[1]


@settings(deadline=None)
@given(st.integers(1, 2000), st.floats(0.01, 0.99), st.floats(0.001, 0.2))
def test_the_cut_is_beyond_its_ranks_as_rarely_as_was_asked(documents, kept, failure):
    """A sample of n has a binomial number of documents above the cut: X.

    The cut is above the document of rank i if X < i, and below that of rank j if X >= j.
    """
    better, worse = cut_ranks(documents, kept, failure)
    above = stats.binom(documents, kept)
    assert 0 <= better < worse <= documents + 1
    assert above.cdf(better - 1) <= failure and above.sf(worse - 1) <= failure
    # the next ranks inwards fail more often
    assert above.cdf(better) >= failure and above.sf(worse - 2) >= failure
