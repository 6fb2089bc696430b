"""Passes of Ray tasks over batches."""

import os

import pytest

from rm_ray.errors import InputError
from rm_ray.scored.passes import Pass, as_value


@as_value
def add(batch, dies):
    if dies in batch:
        os._exit(1)
    return sum(batch)


def test_a_batch_that_ends_its_processes_is_named(ray_cluster):
    over = Pass([[1, 2], [3, 4, 5], [6]], cpus=0.5, progress_s=60)
    assert over.merged(add, sum, 0) == 21 and over.each(add, 0) == [3, 12, 6]
    with pytest.raises(InputError, match="each process that reads 3 to 5 ends"):
        over.merged(add, sum, 4)
