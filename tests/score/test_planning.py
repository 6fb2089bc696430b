"""What rows are to do: their text, by their share of each row group."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, PoolConfig, ShardConfig, StorageConfig
from rm_ray.corpus.files import Corpus, InputFile, file_version
from rm_ray.corpus.footers import Footer
from rm_ray.corpus.profile import Profile
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, deleted_of, store
from rm_ray.corpus.tables.fields import TableField, TableFields
from rm_ray.corpus.tables.snapshot import Snapshot, TableFile
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import (
    Cutting,
    ScorePlanning,
    _most_tokens,
    _text_bytes,
    plan_new_files,
)
from rm_ray.store.folder import Folder
from tests.conftest import tiny_judge


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


class OneToken:
    """Estimates a token a document."""

    def of(self, ids) -> ScoreCounts:
        return ScoreCounts(tokens=1)


def plan(path, limit, deleted, planned=(), before=NOTHING) -> ScorePlanning:
    """Plan a table of one file."""
    size, version = file_version(path, StorageConfig())
    fields = TableFields((TableField("text", pa.string(), ("text",)),))
    corpus = Corpus(
        [InputFile(path, size, version, {}, fields)],
        "",
        Snapshot("delta", "t", 1, [TableFile(path, {}, 20)], fields, {path: np.array(deleted)}),
    )
    inputs = InputConfig(path="delta:t", id=None, limit=limit)
    cutting = Cutting(
        inputs, ShardConfig(rows=4), pool=PoolConfig(max_actors=1), changed=None, deleted=before
    )
    tokenizer, _ = tiny_judge()
    return plan_new_files(cutting, corpus, planned, {}, tokenizer, OneToken())


def test_a_limit_counts_rows_that_are_left_and_grows_by_them(tmp_path):
    path = str(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(20)]}), path, row_group_size=5)
    state = Folder(str(tmp_path / "_rm_ray"), StorageConfig())
    first = plan(path, 4, [0, 1, 5, 6, 12])
    (file,) = first.files
    assert (file.rows, file.rows_left) == (8, 12)  # 2, 3, 4 and 7
    assert first.deleted.left(path, 0, file.rows) == 4
    stored = store(first.deleted, state)
    assert deleted_of([first.notes], state).rows(path, 0, 20).tolist() == [0, 1, 5, 6]
    # rows that were planned stay, and new rows go by the newer snapshot
    second = plan(path, 9, [0, 1, 2, 5, 6, 9, 12], planned=[file], before=stored)
    (grown,) = second.files
    assert second.deleted.rows(path, 0, 20).tolist() == [0, 1, 5, 6, 9, 12]
    assert grown.rows == 15  # 8, 10, 11, 13 and 14
    assert second.deleted.left(path, 0, grown.rows) == 9
    # the same limit again plans nothing
    deleted = store(second.deleted, state)
    assert not plan(path, 9, [0, 1, 2, 5, 6, 9, 12], planned=[grown], before=deleted).files


@pytest.mark.parametrize(
    ("tokens", "pool", "expected"),
    [
        (1e12, PoolConfig(max_actors=256), 8_000_000),
        (640e6, PoolConfig(max_actors=16), 5_000_000),  # 8 shards for each of 16
        (1e6, PoolConfig(max_actors=16), 100_000),
        (640e6, PoolConfig(max_actors=16, gpus=0), 640_000),  # 1,000 shards in all
        (4e9, PoolConfig(max_actors=250, gpus=0), 2_000_000),  # more than 1,000: 8 for each of 250
    ],
)
def test_there_are_enough_shards_and_more_for_engines_without_a_gpu(tokens, pool, expected):
    cutting = Cutting(InputConfig(path="in"), ShardConfig(), pool=pool, changed=None)
    assert _most_tokens(cutting, tokens) == expected
