"""What cannot be wanted."""

import pytest

from rm_ray.select.statistics.wanted import Wanted


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({}, "either the share that is kept, or the least reward"),
        ({"kept": (0.1,), "min_reward": 0.0}, "either the share that is kept, or the least reward"),
        ({"kept": (0.0,)}, "the kept share must be between 0 and 1, and is 0.0"),
        ({"kept": (0.5, 1.0)}, "the kept share must be between 0 and 1, and is 1.0"),
        ({"kept": (0.1,), "max_wrong": 0.0}, "max_wrong must be between 0 and 1"),
        ({"kept": (0.1,), "failure": float("nan")}, "failure must be between 0 and 1"),
        ({"min_reward": float("inf")}, "the least reward must be finite"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(wanted, message):
    with pytest.raises(ValueError, match=message):
        Wanted(**wanted)
