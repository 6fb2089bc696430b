"""Passes over batches."""

import os

import pytest

from rm_ray.config import StorageConfig
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import ClusterError, InputError
from rm_ray.scored.passes import Pass


def add(batch, dies):
    if dies in batch:
        os._exit(1)
    return sum(batch)


def refuse(batch, error):
    raise error


def test_a_batch_that_ends_its_processes_is_named():
    over = Pass([[1, 2], [3, 4, 5], [6]], cpus=0.5, progress_s=60)
    assert over.merged(add, sum, 0) == 21 and over.each(add, 0) == [3, 12, 6]
    for count in (lambda: over.merged(add, sum, 4), lambda: over.each(add, 4)):
        with pytest.raises(InputError, match="each process that reads 3 to 5 ends"):
            count()


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (NotFound("here/a", StorageConfig()), ClusterError),
        (Unreadable("a is damaged", bad_file=True), InputError),
        (FileNotFoundError("a is gone"), InputError),
    ],
)
def test_what_cannot_be_read_is_a_refusal(error, refusal):
    with pytest.raises(refusal, match=str(error)):
        Pass([[1]], cpus=0.5, progress_s=60).each(refuse, error)
