import numpy as np

from rm_ray.counts.agreement import same_best


def test_the_share_of_the_best_that_both_keep():
    one, other = np.array([4.0, 3, 2, 1]), np.array([4.0, 1, 3, 2])
    assert same_best(one, other, 0.5) == 0.5
    assert same_best(one, other, 0.01) == 1.0  # one text at least
