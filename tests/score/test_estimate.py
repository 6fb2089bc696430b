"""What a corpus holds, by a sample of it: where a dictionary stores one page for many rows."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.corpus.plan import cut_file
from rm_ray.corpus.profile import share
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.estimate import (
    SAMPLED_GROUPS,
    Sample,
    _spread,
    at_bytes,
    estimate_corpus,
    tokens_per_byte,
)
from tests.conftest import tiny_judge
from tests.parquet.unsized import unsize

PAGE = "word " * 2000  # 10,000 bytes


class WordEstimator:
    """A document costs its tokens, and ten more."""

    def of(self, ids):
        return ScoreCounts(needed_tokens=len(ids) + 10)


def file(path):
    return InputFile(path=str(path), size=1, version="v", partition={})


@pytest.fixture
def sampled(tmp_path):
    """Estimates files of a folder, with the tokenizer of the tiny judge."""
    tokenizer, _ = tiny_judge()

    def estimate(*paths):
        config = InputConfig(path=str(tmp_path), id=None)
        files = [file(path) for path in paths]
        footers, skipped = read_footers(files, config)
        assert not skipped
        return estimate_corpus(files, footers, config, tokenizer, WordEstimator()), footers

    return estimate


@pytest.mark.parametrize("told", [True, False])
def test_a_repeated_page_counts_in_every_row(sampled, tmp_path, told):
    """Beside a short row before them, of which there are as many."""
    paths = []
    for name, values in (("even", [PAGE] * 2000), ("uneven", ["word "] * 1000 + [PAGE] * 1000)):
        paths.append(tmp_path / f"{name}.parquet")
        pq.write_table(pa.table({"text": values}), paths[-1])
        if not told:
            unsize(paths[-1])
    sample, footers = sampled(*paths)
    text = sum(sum(footer.text_bytes) for footer in footers.values())
    assert text == 2000 * 10_000 + 1000 * 10_000 + 1000 * 5
    one, _ = sampled(paths[0])
    per_byte = tokens_per_byte(one)
    assert tokens_per_byte(sample) == pytest.approx(per_byte, rel=0.01)
    right = text * per_byte
    found = at_bytes(sample, text)
    assert found.tokens == pytest.approx(right, rel=0.01)
    # ten tokens for each page, which is one of some thousands
    assert found.needed_tokens == pytest.approx(right, rel=0.01)


def test_shards_of_a_repeated_page_have_their_tokens(sampled, tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["word "] * 1000 + [PAGE] * 1000}), path)
    sample, footers = sampled(path)
    (footer,) = footers.values()
    per_byte = tokens_per_byte(sample)
    units = cut_file(
        str(path), {}, footer.rows, [size * per_byte for size in footer.text_bytes],
        max_rows=10_000, max_tokens=50_000, profiles=footer.profiles,
    )  # fmt: skip
    for shard in (shard for unit in units for shard in unit.shards):
        pages = max(0, shard.stop - max(shard.start, 1000))
        assert pages * 10_000 * per_byte <= 50_000
    # a profile bends where some 32 KiB of text are full: three of these pages
    assert share(2000, 0, 1000, footer.profiles[0]) < 4 / 1000


def test_row_groups_without_text_are_not_all_sampled():
    groups = [(file("a"), group) for group in range(100)]
    footers = {"a": Footer([1] * 100, [0] * 100, pa.schema([]))}
    assert _spread(groups, footers) == groups[:SAMPLED_GROUPS]


def test_a_row_group_is_sampled_once_however_large_it_is():
    groups = [(file("a"), group) for group in range(3)]
    footers = {"a": Footer([1] * 3, [10, 10_000, 10], pa.schema([]))}
    assert _spread(groups, footers) == [groups[1]]


def test_what_is_sampled_is_scaled_by_its_text():
    sample = Sample(ScoreCounts(tokens=250, needed_tokens=300), 1000)
    assert tokens_per_byte(sample) == 0.25
    assert at_bytes(sample, 3000).needed_tokens == 900
    assert at_bytes(Sample(ScoreCounts(), 0), 3000).tokens == 0
