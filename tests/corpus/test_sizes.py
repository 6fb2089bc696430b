"""Sizes of text where a dictionary stores it once, and where in a row group the text lies."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.corpus.profile import STEP_BYTES, Profile
from rm_ray.corpus.sizes import row_bytes, text_sizes
from tests.parquet.unsized import unsize

PAGE = "This page needs cookies. " * 400  # 10,000 bytes
# A dictionary of 15,000 bytes, and PLAIN pages after it.
SMALL = {
    "dictionary_pagesize_limit": 15_000,
    "data_page_size": 30_000,
    "write_batch_size": 10,
}


def sizes(path, *names):
    with path.open("rb") as file:
        return text_sizes(file, pq.read_metadata(path), names)


def write(path, values, told=True, **options):
    pq.write_table(pa.table({"n": range(len(values)), "text": values}), path, **options)
    if not told:
        unsize(path)


@pytest.mark.parametrize("told", [True, False])
def test_a_repeated_page_has_its_size_in_every_row(tmp_path, told):
    path = tmp_path / "a.parquet"
    write(path, [PAGE] * 900 + [None] * 50 + [""] * 50, told, row_group_size=500)
    assert path.stat().st_size < 20_000
    found = sizes(path, "text")
    assert found.bytes == [5_000_000, 4_000_000]
    assert 0 not in found.profiles
    assert found.profiles[1].rows.tolist() == [0, 400, 500]
    assert found.profiles[1].shares.tolist() == [0, 1, 1]


def test_files_of_duckdb_are_measured(tmp_path):
    path = tmp_path / "a.parquet"
    sql = f"select case when i < 2048 then 'short' else '{PAGE}' end as text from range(4096) t(i)"
    duckdb.sql(f"copy ({sql}) to '{path}' (format parquet)")
    found = sizes(path, "text")
    assert found.bytes == [2048 * 5 + 2048 * 10_000]
    # 32 KiB are full in the third of the pages, and the line is straight from there on
    assert found.profiles[0].rows.tolist() == [0, 2051, 4096]


@pytest.mark.parametrize("told", [True, False])
def test_values_after_a_dictionary_count_too(tmp_path, told):
    path = tmp_path / "a.parquet"
    own = [f"{i:05d}" * 200 for i in range(500)]  # 1000 bytes each
    write(path, [PAGE] * 500 + own, told, **SMALL)
    metadata = pq.read_metadata(path)
    assert metadata.row_group(0).column(1).total_uncompressed_size < 600_000
    (size,) = sizes(path, "text").bytes
    right = 500 * 10_000 + 500 * 1000
    assert abs(size - right) < right * (0 if told else 0.01) + 1


def test_values_that_a_dictionary_stores_once_each_need_not_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr("rm_ray.corpus.sizes.as_dictionaries", None)  # raises where it is called
    path = tmp_path / "a.parquet"
    values = [f"{i:05d}" * 200 for i in range(1000)]
    # statistics would put two values before each page, which is as small as it is here alone
    write(path, values, told=False, write_statistics=False, **SMALL)
    (size,) = sizes(path, "text").bytes
    assert 1_000_000 <= size < 1_010_000


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("options", [{}, SMALL], ids=["dictionary", "both"])
def test_long_turns_of_chats_are_measured(tmp_path, told, options):
    path = tmp_path / "a.parquet"
    long, short = {"role": "user", "content": PAGE}, {"role": "assistant", "content": "no"}
    chats = [[long, short]] * 300 + [[], None, [short, {"role": "user", "content": None}]] * 100
    write(path, chats, told, **options)
    found = sizes(path, "text")
    right = 300 * (10_000 + 4 + 2 + 9) + 100 * (2 + 9 + 4)
    assert abs(found.bytes[0] - right) <= 0.001 * right
    assert found.profiles[0].before(np.array([300, 600]))[0] > 0.99


def test_front_coded_pages_are_measured(tmp_path):
    path = tmp_path / "a.parquet"
    encoding = {"text": "DELTA_BYTE_ARRAY"}
    write(path, [PAGE] * 1000, told=False, use_dictionary=False, column_encoding=encoding)
    assert pq.read_metadata(path).row_group(0).column(1).total_uncompressed_size < 50_000
    assert sizes(path, "text").bytes == [10_000_000]


def test_a_damaged_chunk_counts_as_it_is_stored(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, [PAGE] * 100, told=False)
    chunk = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset
    data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    assert sizes(path, "text").bytes == [chunk.total_uncompressed_size]


def test_a_store_that_fails_is_no_damaged_chunk(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write(path, [PAGE] * 100, told=False)

    def fails(*_):
        raise ConnectionResetError(104, "reset by peer")

    monkeypatch.setattr("rm_ray.corpus.sizes.dictionary_part", fails)
    with pytest.raises(ConnectionResetError):
        sizes(path, "text")


STRUCT = pa.struct([("a", pa.string()), ("n", pa.int64())])


@pytest.mark.parametrize(
    ("values", "kind", "right"),
    [
        (["abc", None, ""], pa.string(), [3, 0, 0]),
        (["ä", None], pa.large_string(), [2, 0]),
        (["abc", None, ""], pa.string_view(), [3, 0, 0]),
        ([b"abc", None], pa.binary_view(), [3, 0]),
        (["abc", None, "abc"], pa.dictionary(pa.int8(), pa.string()), [3, 0, 3]),
        ([["a", "bc"], None, [], [None]], pa.list_(pa.string()), [3, 0, 0, 0]),
        ([["a", "bc"], None, ["d", None]], pa.list_(pa.string(), 2), [3, 0, 1]),
        ([{"a": "xy", "n": 1}, None, {"a": None, "n": 2}], STRUCT, [2, 0, 0]),
        ([[{"a": "xy"}, {"a": "z"}], []], pa.large_list(STRUCT), [3, 0]),
        ([[("k", "vw")], None, []], pa.map_(pa.string(), pa.string()), [3, 0, 0]),
        ([1, 2], pa.int64(), [0, 0]),
        ([None, None], pa.null(), [0, 0]),
    ],
    ids=lambda one: str(one)[:30],
)
def test_bytes_of_rows_of_every_kind(values, kind, right):
    array = pa.array(values, kind)
    assert row_bytes(array).tolist() == right
    for start in range(len(values)):
        assert row_bytes(array.slice(start)).tolist() == right[start:]
        assert row_bytes(array.slice(0, start)).tolist() == right[:start]


def test_a_profile_is_two_points_more_for_one_giant_row():
    profile = Profile.of(np.array([1.0] * 50 + [1e6] + [1.0] * 49))
    assert profile.rows.tolist() == [0, 50, 51, 100]
    assert profile.row_at(0.5) == 50


def test_even_rows_have_no_profile():
    assert Profile.of(np.full(1000, 70_000.0)) is None
    assert Profile.of(np.zeros(1000)) is None
    assert Profile.of(np.array([5.0])) is None


def test_a_few_long_rows_among_many_bend_a_profile():
    """Ten pages are one part in two thousand of the text, and yet more than a shard."""
    pages, short = np.full(10, 60_000.0), np.full(10_000, 100.0)
    profile = Profile.of(np.concatenate([short, pages, short, np.full(20_000, 60_000.0)]))
    found = np.diff(profile.before(np.array([0, 10_000, 10_010, 20_010]))) * 1_202_600_000
    assert np.abs(found - [1_000_000, 600_000, 1_000_000]).max() < 2 * STEP_BYTES
    assert len(profile.rows) < 10


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40_000)), min_size=1, max_size=20))
def test_a_profile_is_as_near_as_it_says(runs):
    lengths = np.concatenate([np.full(count, float(length)) for count, length in runs])
    truth = np.concatenate([[0], np.cumsum(lengths)])
    every = np.arange(len(truth))
    profile = Profile.of(lengths)
    if profile is None:
        line = truth[-1] * every / every[-1]
    else:
        assert profile.rows[0] == 0 and profile.rows[-1] == len(lengths)
        line = truth[-1] * profile.before(every)
    assert np.abs(truth - line).max() <= 1.5 * STEP_BYTES + 1e-6
