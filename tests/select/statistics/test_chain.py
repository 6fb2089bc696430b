"""What the chain decides and costs, by hand, and as the judge would decide document by document."""

from dataclasses import replace

import numpy as np
import pytest

from rm_ray.judges.preference.stopping import NOBODY, Band, Forecast, StopTable, Strictness
from rm_ray.select.statistics.chain import Chain, Cost, Decisions, cost_share, wrong_decisions
from rm_ray.select.statistics.fitting import fit_cheap, fit_table
from rm_ray.select.statistics.sampled import Sampled
from tests.select.simulated import corpus, sample_of

# after one chunk, the remaining ones are expected to be like it, surely
SURE = StopTable((Forecast(1, 0.0, (1.0,), 0.0, 0.0),), Strictness(1.0, 1.0))
BAND = Band(-1.0, 1.0)


def test_decisions_by_hand():
    sampled = sample_of(np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0], [0.5, 9.0, 9.0]]))
    decisions = Chain(SURE, (BAND,)).decide(sampled)
    assert decisions.sides.tolist() == [1, -1, 0] and decisions.judged.tolist() == [1, 1, 3]


def test_the_cheap_judge_decides_first_and_then_nothing_is_judged():
    rng = np.random.default_rng(0)
    rewards = rng.standard_normal(300)
    cheap = fit_cheap(rewards, rewards)
    chain = Chain(SURE, (BAND,), replace(cheap, strictness=Strictness(1.0, 1.0)))
    chunks = np.array([[0.0, 0.0]] * 4 + [[5.0, 5.0]])
    sampled = replace(sample_of(chunks), cheap=np.array([1.5, -1.5, 0.0, np.nan, 0.0]))
    decisions = chain.decide(sampled)
    assert decisions.sides.tolist() == [1, -1, 0, 0, 1]
    assert decisions.judged.tolist() == [0, 0, 2, 2, 1]


def test_each_group_has_its_band_and_one_without_is_judged_whole():
    sampled = replace(sample_of(np.full((3, 2), 5.0)), groups=np.array([0, 1, 2], np.int32))
    chain = Chain(SURE, (BAND, None, Band(8.0, 9.0)))
    assert chain.decide(sampled).sides.tolist() == [1, 0, -1]


def test_a_judge_without_chunks_decides_by_the_cheap_judge_alone():
    sampled = Sampled.whole(np.array([5.0, -5.0]))
    assert Chain(SURE, (BAND,)).decide(sampled).judged.tolist() == [1, 1]


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_the_chain_decides_as_the_judge_would_document_by_document(kind):
    rng = np.random.default_rng(1)
    sampled = sample_of(corpus(kind, 1.0, 300, 14, rng))
    chain = Chain(fit_table(sampled), (Band(0.9, 1.1),)).at(Strictness(1.2, 0.8))
    decisions = chain.decide(sampled)
    assert {*decisions.sides.tolist()} == {-1, 0, 1} and len({*decisions.judged.tolist()}) > 4
    for document in range(300):
        rewards = sampled.chunk_rewards[document * 14 :][:14].tolist()
        judged, side = [], 0
        for look in chain.table.looks(range(14)):
            judged += [rewards[chunk] for chunk in look]
            side = chain.table.side(judged, 14, chain.bands[0])
            if side:
                break
        assert (side, len(judged)) == (decisions.sides[document], decisions.judged[document])


def test_the_cost_is_the_exact_minimum_of_tokens():
    # 2 of 4 chunks, and 0 of 4: 2 * 151 - 64, over twice 4 * 151 - 64
    assert Cost().of(np.array([0, 1, 2])).tolist() == [0.0, 87.0, 238.0]
    assert cost_share(Cost(), np.array([2, 0]), np.array([4, 4])) == pytest.approx(238 / (2 * 540))


def test_wrong_decisions_count_against_the_nearer_doubt():
    sampled = Sampled.whole(np.array([0.9, 1.0, -1.0, -1.1, 0.0]))
    sides = np.array([1, 1, -1, -1, 0], np.int8)
    wrong = wrong_decisions(Decisions(sides, sides), sampled, (BAND,))
    # kept below 1: 0.9. Dropped at -1 or above: -1
    assert wrong == {"keep": 1, "drop": 1}


def test_one_side_alone_decides_at_least_as_much_on_it():
    """The calibration tests each side alone, and takes both together."""
    rng = np.random.default_rng(2)
    for kind in ("normal", "lognormal", "AR 0.9"):
        sampled = sample_of(corpus(kind, 2.0, 2000, 20, rng))
        chain = Chain(fit_table(sampled), (Band(0.5, 0.6),))
        both = chain.at(Strictness(0.7, 0.4)).decide(sampled).sides
        keeps = chain.at(Strictness(0.7, None)).decide(sampled).sides
        drops = chain.at(Strictness(None, 0.4)).decide(sampled).sides
        assert (keeps[both == 1] == 1).all() and (drops[both == -1] == -1).all()
        assert not (keeps < 0).any() and not (drops > 0).any()
        assert not chain.at(NOBODY).decide(sampled).sides.any()
