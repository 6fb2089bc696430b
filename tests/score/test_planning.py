"""What rows are to do: their text, by their share of each row group."""

import numpy as np
import pyarrow as pa

from rm_ray.corpus.footers import Footer
from rm_ray.corpus.profile import Profile
from rm_ray.corpus.shards import Shard
from rm_ray.score.planning import _text_bytes


def test_rows_have_their_share_of_each_row_group():
    footers = {"a": Footer([10, 0, 30], [100, 0, 900], pa.schema([]))}
    assert _text_bytes([Shard("a", 0, 40)], footers, [1]) == 1000
    spans = [Shard("a", 0, 5), Shard("a", 25, 40)]
    assert _text_bytes(spans, footers, [1, 1]) == 50 + 450
    assert _text_bytes(spans, footers, [0.5, 0]) == 25


def test_rows_before_all_the_text_of_their_row_group_have_none_of_it():
    profile = Profile.of(np.array([0.0] * 10 + [100_000.0] * 10))
    footers = {"a": Footer([20], [1_000_000], pa.schema([]), profiles={0: profile})}
    assert _text_bytes([Shard("a", 0, 10)], footers, [1]) == 0
    assert _text_bytes([Shard("a", 10, 15)], footers, [1]) == 500_000
