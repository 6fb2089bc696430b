import numpy as np
import pytest

from rm_ray.train.data.order import batches

LENGTHS = np.array([0] * 7 + [64] * 10 + [128] * 3)
DOCUMENTS = np.array([0, 0, 1, 1, 2, 3, 4, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 0, 1, 2])


def order(**changes):
    settings = {"size": 4, "steps": 10, "seed": 0, "packed": False}
    return batches(LENGTHS, DOCUMENTS, **settings | changes)


@pytest.mark.parametrize("packed", [False, True])
def test_an_epoch_holds_each_example_once_in_an_order_of_the_seed(packed):
    found = order(packed=packed)
    assert found.shape == (10, 4)
    for epoch in (found[:5], found[5:]):  # 20 examples in batches of 4
        assert sorted(epoch.ravel()) == list(range(20))
    assert not np.array_equal(found[:5], found[5:])
    assert np.array_equal(found, order(packed=packed))
    assert np.array_equal(found[:7], order(packed=packed, steps=7))
    assert not np.array_equal(found, order(packed=packed, seed=1))


def test_batches_are_of_one_length_as_far_as_there_are_enough():
    kinds = [sorted(set(LENGTHS[batch])) for batch in order(steps=5)]
    assert kinds.count([0]) == 1 and kinds.count([64]) == 2
    assert all(len(one) > 1 for one in kinds if one not in ([0], [64]))


def test_packed_batches_hold_documents_together():
    """Five batches of four, of five documents of 4, 5, 5, 3 and 3 pairs: each is cut once at most,
    where a batch is full."""
    found = order(steps=5, packed=True)
    parts = sum(len(set(DOCUMENTS[batch])) for batch in found)
    assert parts <= 5 + 4


def test_the_few_that_fill_no_batch_are_others_in_each_epoch():
    found = batches(np.zeros(11, int), np.arange(11), size=4, steps=40, seed=0, packed=False)
    epochs = found.reshape(20, 8)
    assert all(len(set(epoch)) == 8 for epoch in epochs)
    left = {number for epoch in epochs for number in set(range(11)) - set(epoch)}
    assert left == set(range(11))
