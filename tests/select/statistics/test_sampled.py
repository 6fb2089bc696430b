"""The sample's arrays: rewards, means, parts of it, and what is refused."""

import numpy as np
import pytest

from rm_ray.select.statistics.sampled import Sampled

REWARDS = np.array([1.0, 2.0, 4.0, -1.0, 0.5, 0.5])
OFFSETS = np.array([0, 3, 4, 6])


def test_rewards_are_the_means_of_chunk_rewards_as_float32():
    sampled = Sampled(REWARDS, OFFSETS)
    assert sampled.rewards.tolist() == [float(np.float32(7 / 3)), -1.0, 0.5]
    assert sampled.chunks.tolist() == [3, 1, 2] and sampled.looks == (1, 2)


def test_means_plain_and_clipped():
    means = Sampled(REWARDS, OFFSETS).means(((0.0, 1.5),))
    nan = np.nan
    plain, clipped = [[1.0, nan, 0.5], [1.5, nan, nan]], [[1.0, nan, 0.5], [1.25, nan, nan]]
    assert np.array_equal(means, [plain, clipped], equal_nan=True)


def test_a_part_holds_its_documents_in_the_order_asked():
    sampled = Sampled(REWARDS, OFFSETS, np.array([1.0, 2.0, 3.0]), np.array([0, 1, 0], np.int32))
    part = sampled.take(np.array([2, 0]))
    assert part.chunk_rewards.tolist() == [0.5, 0.5, 1.0, 2.0, 4.0]
    assert part.offsets.tolist() == [0, 2, 5]
    assert part.cheap.tolist() == [3.0, 1.0] and part.codes(2).tolist() == [0, 0]


def test_a_judge_without_chunks_has_one_each_and_no_looks():
    sampled = Sampled.whole(np.array([3.0, 1.0]))
    assert sampled.looks == () and sampled.rewards.tolist() == [3.0, 1.0]
    assert sampled.means(()).shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((REWARDS[:0], np.array([0])), "has no documents"),
        ((REWARDS, np.array([0, 3, 3, 6])), "has no chunks"),
        ((REWARDS, np.array([0, 5])), "do not end"),
        ((np.array([np.nan]), np.array([0, 1])), "not finite"),
        ((REWARDS, OFFSETS, np.zeros(2)), "3 documents, but 2 cheap"),
        ((REWARDS, OFFSETS, None, np.zeros(4, np.int32)), "3 documents, but 4 groups"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, message):
    with pytest.raises(ValueError, match=message):
        Sampled(*arrays)


def test_a_group_that_is_not_wanted_is_refused():
    sampled = Sampled(REWARDS, OFFSETS, None, np.array([0, 2, 1], np.int32))
    assert sampled.codes(3).tolist() == [0, 2, 1] and sampled.codes(1).tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="none of the 2 groups"):
        sampled.codes(2)
