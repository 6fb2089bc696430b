"""The calibration: its error bound on corpora that are skewed and dependent, and its fallbacks."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rm_ray.judges.preference.stopping import Strictness
from rm_ray.select.statistics.calibrate import calibrate
from rm_ray.select.statistics.chain import wrong_decisions
from rm_ray.select.statistics.limits import parts_of, upper_limit
from rm_ray.select.statistics.sampled import Sampled
from rm_ray.select.statistics.trials import STRICTNESSES
from rm_ray.select.statistics.wanted import Wanted
from tests.select.simulated import corpus, sample_of, wrong_keeps

TENTH = Wanted(kept=(0.1,))


def sample(kind, documents=1200, seed=0, chunks=20):
    return sample_of(corpus(kind, 1.0, documents, chunks, np.random.default_rng(seed)))


@given(st.lists(st.tuples(st.sampled_from([-1, 0, 1]), st.integers(-20, 20)), min_size=1))
def test_wrong_keeps_are_the_larger_number_of_early_keeps_and_drops_that_are_wrong(documents):
    """After the exact count, if the documents judged whole suffice for it."""
    sides = np.array([side for side, _ in documents])
    # no ties: rewards are told apart by the document's place
    rewards = np.array([reward + place / 1e6 for place, (_, reward) in enumerate(documents)])
    for wanted in range(1, len(documents)):
        cut = np.sort(rewards)[-wanted]
        wrong, outside = wrong_keeps(sides, rewards, wanted)
        early = ((sides == 1) & (rewards < cut)).sum(), ((sides == -1) & (rewards >= cut)).sum()
        assert outside or wrong == max(early)


def first_that_fails(found, sampled, side):
    """Test every strictness of a side, one after the other, on the documents of `sampled`."""
    for z in STRICTNESSES:
        strictness = Strictness(z, None) if side == "keep" else Strictness(None, z)
        decisions = found.chain.at(strictness).decide(sampled)
        wrong = wrong_decisions(decisions, sampled, found.edges)[side]
        if upper_limit(wrong, len(sampled), parts_of(0.05)[1]) > 0.1 * 0.05:
            return z
    return None


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_each_side_gets_the_last_strictness_before_the_first_that_fails(kind):
    sampled = sample(kind)
    found = calibrate(sampled, TENTH, seed=3)
    test = sampled.take(np.random.default_rng(3).permutation(1200)[300:])
    chosen = found.chain.table.strictness
    for side, z in (("keep", chosen.keep), ("drop", chosen.drop)):
        failed = first_that_fails(found, test, side)
        assert z == STRICTNESSES[STRICTNESSES.index(failed) - 1]
        trials = [trial for trial in found.trials if trial.side == side]
        assert [trial.passed for trial in trials] == [trial.strictness >= z for trial in trials]
    assert found.tested == 900 and found.cost < 0.6 and "loosest" in found.reason


def test_the_counts_are_those_of_the_documents_that_did_not_fit():
    sampled = sample("lognormal")
    found = calibrate(sampled, TENTH, seed=3)
    test = sampled.take(np.random.default_rng(3).permutation(1200)[300:])
    wrong = wrong_decisions(found.chain.decide(test), test, found.edges)
    passed = {trial.side: trial.wrong for trial in found.trials if trial.passed}
    assert wrong["keep"] <= passed["keep"] and wrong["drop"] <= passed["drop"]


def test_the_documents_that_test_change_nothing_but_the_strictness():
    """Nothing of the rule may look at them."""
    sampled = sample("normal")
    order = np.random.default_rng(3).permutation(1200)
    changed = np.array(sampled.chunk_rewards)
    rng = np.random.default_rng(9)
    for document in order[300:]:
        changed[document * 20 : document * 20 + 20] += rng.normal()
    one = calibrate(sampled, TENTH, 3)
    other = calibrate(replace(sampled, chunk_rewards=changed), TENTH, 3)
    assert one.chain.table.forecasts == other.chain.table.forecasts and one.bands == other.bands
    assert one.edges != other.edges and one.trials != other.trials


def test_the_seed_decides_the_division_and_nothing_else_does():
    sampled = sample("normal")
    assert calibrate(sampled, TENTH, 1) == calibrate(sampled, TENTH, 1)
    assert calibrate(sampled, TENTH, 1).bands != calibrate(sampled, TENTH, 2).bands


@pytest.mark.parametrize("kept", [0.05, 0.95])
def test_wrong_decisions_are_a_share_of_the_fewer_documents(kept):
    """A limit of a tenth is a tenth of the kept documents, or of the dropped ones."""
    found = calibrate(sample("normal"), Wanted(kept=(kept,), max_wrong=0.1), 0)
    assert found.allowed == pytest.approx(0.1 * 0.05)
    fixed = Wanted(min_reward=1.6 if kept < 0.5 else -1.6, max_wrong=0.1)
    assert calibrate(sample("normal"), fixed, 0).allowed < 0.1 * 0.1


def exceeded(kind, corpora, rng, wanted=0.3, documents=3000):
    """Return in how many corpora wrong keeps were more than a tenth of the kept documents."""
    over, costs = 0, []
    for _ in range(corpora):
        whole = sample_of(corpus(kind, 1.0, documents, 16, rng))
        drawn = rng.permutation(documents)[:400]
        found = calibrate(whole.take(drawn), Wanted(kept=(wanted,), max_wrong=0.1), 0)
        sides = found.chain.decide(whole).sides if found.chain else np.zeros(documents, np.int8)
        sides[drawn] = 0
        count = round(wanted * documents)
        over += wrong_keeps(sides, whole.rewards, count)[0] / count > 0.1
        costs.append(found.cost)
    return over, float(np.mean(costs))


@pytest.mark.parametrize("kind", ["lognormal", "outliers", "AR 0.9"])
def test_the_error_stays_within_what_is_allowed_whatever_the_chunks_do(kind):
    """Of 20 corpora, 5% may exceed it: more than 5 have a chance of less than 1 in 1,000."""
    over, cost = exceeded(kind, 20, np.random.default_rng(5))
    assert stats.binom.sf(5, 20, 0.05) < 0.001
    assert over <= 5 and cost < 0.8


def test_without_a_sample_that_tests_the_bound_would_not_hold(monkeypatch):
    """The same simulation, if every limit were 0: it can fail."""
    monkeypatch.setattr("rm_ray.select.statistics.trials.upper_limit", lambda *_: 0.0)
    over, _ = exceeded("AR 0.9", 5, np.random.default_rng(5))
    assert over == 5


def skewed_documents(rng, documents):
    """Most chunks lie a little above the threshold 0 and few far below; 24, 64 or 128 of them."""
    counts = rng.choice([24, 64, 128], documents)
    skewed = np.exp(0.5) - rng.lognormal(0, 1, counts.sum())
    rewards = skewed / np.sqrt((np.e - 1) * np.e) + np.repeat(rng.normal(0, 0.5, documents), counts)
    return Sampled(rewards.astype(np.float32).astype(np.float64), np.cumsum([0, *counts]))


def test_a_threshold_holds_where_the_t_interval_fails():
    """`judge.adaptive` at 0.995 is wrong in 1.7% of such documents; here 0.5% are allowed."""
    rng = np.random.default_rng(1)
    wanted = Wanted(min_reward=0.0, max_wrong=0.01)
    found = calibrate(skewed_documents(rng, 3000), wanted, 0)
    assert 0.004 < found.allowed < 0.005 and found.cost < 0.7
    fresh = skewed_documents(rng, 6000)
    wrong = wrong_decisions(found.chain.decide(fresh), fresh, found.edges)
    assert max(wrong.values()) / 6000 <= 0.005


def test_where_nothing_can_be_known_early_everything_is_judged():
    for kept in (0.1, 0.3):
        found = calibrate(sample("near the cut"), Wanted(kept=(kept,)), 0)
        assert found.chain is None and found.cost == 1.0
        assert found.reason.startswith("everything is judged: ")


def test_ties_are_not_decided():
    found = calibrate(sample_of(np.full((1200, 5), 0.25)), TENTH, 0)
    assert found.chain is None and "no strictness that passed saves 1%" in found.reason


def test_a_sample_that_is_too_small_says_how_many_are_needed():
    found = calibrate(sample("normal", 900), TENTH, 0)
    assert found.chain is None and found.trials == () and found.needed == 996
    assert found.reason == (
        "everything is judged: the sample has 900 documents, and at least 996 are needed"
    )
    assert calibrate(sample("normal", 996), TENTH, 0).trials
    with pytest.raises(ValueError, match="two documents"):
        calibrate(sample("normal", 1), TENTH, 0)
    assert calibrate(sample("normal", 2), TENTH, 0).chain is None


def test_a_threshold_that_no_document_reaches_leaves_nothing_to_test():
    found = calibrate(sample("normal"), Wanted(min_reward=99.0), 0)
    assert found.chain is None and found.needed == 0 and "no document" in found.reason


def test_groups_have_cuts_of_their_own_and_small_ones_are_judged_whole():
    rng = np.random.default_rng(7)
    groups = np.repeat([0, 1, 2], [2500, 2440, 60]).astype(np.int32)
    rewards = corpus("normal", 1.0, 5000, 20, rng) + 5.0 * groups[:, None]
    sampled = replace(sample_of(rewards), groups=groups)
    found = calibrate(sampled, Wanted(kept=(0.3, 0.3, 0.3), max_wrong=0.1), 0)
    assert found.bands[2] is None and found.bands[1].lower > found.bands[0].upper
    assert found.allowed == pytest.approx(0.1 * 0.3 / 2)
    sides = found.chain.decide(sampled).sides
    assert not sides[groups == 2].any()
    for group in (0, 1):
        assert {*sides[groups == group].tolist()} == {-1, 0, 1}
    with pytest.raises(ValueError, match="none of the 2 groups"):
        calibrate(sampled, Wanted(kept=(0.3, 0.3)), 0)


def with_cheap(correlation, seed=0, documents=5000):
    rng = np.random.default_rng(seed)
    rewards, noise = rng.standard_normal((2, documents))
    cheap = correlation * rewards + math.sqrt(1 - correlation**2) * noise
    return Sampled.whole(rewards.astype(np.float32).astype(np.float64), cheap)


def test_a_cheap_judge_saves_the_more_the_better_it_is():
    costs = [calibrate(with_cheap(r), TENTH, 0).cost for r in (0.8, 0.9, 0.95, 0.99)]
    assert costs == sorted(costs, reverse=True) and costs[0] < 0.8 and costs[-1] < 0.15


@pytest.mark.parametrize("spoil", [np.negative, np.zeros_like, lambda cheap: cheap * np.nan])
def test_a_cheap_judge_that_is_reversed_or_constant_decides_nothing(spoil):
    sampled = with_cheap(0.95)
    found = calibrate(replace(sampled, cheap=spoil(sampled.cheap)), TENTH, 0)
    assert found.chain is None and found.cost == 1.0


@given(st.integers(0, 50))
@settings(max_examples=5, deadline=None)
def test_the_cheap_judges_wrong_decisions_are_bounded_too(seed):
    found = calibrate(with_cheap(0.9, seed), TENTH, 0)
    whole = with_cheap(0.9, seed + 1000, 40_000)
    assert wrong_keeps(found.chain.decide(whole).sides, whole.rewards, 4000)[0] <= 0.05 * 4000
