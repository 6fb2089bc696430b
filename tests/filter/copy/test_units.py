"""Bundles are consecutive whole units of one folder, and hold every row once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.corpus.files import HIVE_NULL
from rm_ray.filter.copy.bundles import LEAST_READ, Block, Bundle, PlannedFolder, bundle, most_read
from rm_ray.filter.copy.copier import in_bucket
from rm_ray.filter.copy.units import folder_of
from rm_ray.filter.count.stretches import Stretch


def unit(file, start, rows, kept, kind=0, size=100):
    source = Stretch(
        file=file, number=0, start=start, stop=start + rows, parts=(), first_unit=0,
        partition={"lang": None}, first_group=start // 10, stop_group=start // 10 + 1,
        first_row=start, size=7, version="v",
    )  # fmt: skip
    return Block(source, kind, rows, size, kept)


def test_by_hand():
    """100 bytes a row group, half of them kept: four make 200; the last file has other columns."""
    units = [unit("a", 10 * i, 10, 5) for i in range(3)] + [
        unit("b", 10 * i, 10, 5) for i in (0, 1)
    ]
    found = bundle(
        "corpus", [*units, unit("c", 0, 10, 1, kind=1)], 200, read=1e9, group_rows=8, start=4
    )
    assert [(b.shards[0].start, b.shards[0].stop, b.kept) for b in found] == [
        (4, 44, 20), (44, 54, 5), (54, 64, 1)
    ]  # fmt: skip
    first = found[0].sources
    assert [(s.file, s.start, s.stop, s.first_group, s.stop_group) for s in first] == [
        ("a", 0, 30, 0, 3), ("b", 0, 10, 0, 1)
    ]  # fmt: skip


def test_a_bundle_reads_no_more_than_its_share():
    """Eight row groups of 100 bytes, of which hardly anything is kept."""
    units = [unit("a", 10 * i, 10, i % 2) for i in range(8)]
    found = bundle("corpus", units, 1e9, read=250, group_rows=8)
    assert [b.shards[0].stop for b in found] == [20, 40, 60, 80]
    nothing = [unit("a", 10 * i, 10, 0) for i in range(40)]
    found = bundle("corpus", nothing, 50, read=1e9, group_rows=8)  # 64 times what may be written
    assert [b.shards[0].stop for b in found] == [320, 400]
    large = [replace(one, bytes=1 << 30) for one in units]
    assert most_read(large, tasks=1) == 2 << 30  # a quarter of the 8 GiB
    assert most_read(large, tasks=1000) == most_read(units, tasks=1) == LEAST_READ


def test_a_file_is_one_source_from_what_is_kept_to_what_is_kept():
    units = [unit("a", 10 * i, 10, kept) for i, kept in enumerate((3, 0, 0, 2))]
    (one,) = bundle("corpus", units, 1e9, read=1e9, group_rows=8)
    assert [(s.start, s.stop) for s in one.sources] == [(0, 40)]
    assert one.shards[0].stop == 40 and one.kept == 5
    (one,) = bundle("corpus", units[1:], 1e9, read=1e9, group_rows=8)
    assert [(s.start, s.first_group) for s in one.sources] == [(30, 3)]


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1), st.integers(0, 1)), max_size=40),
    st.integers(1, 500),
)
def test_every_row_is_in_one_bundle(drawn, target):
    units, start = [], 0
    for rows, share, kind in drawn:
        units.append(unit("a", start, rows, int(rows * share), kind))
        start += rows
    found = bundle("corpus", units, target, read=64 * target, group_rows=8)
    ends = [(b.shards[0].start, b.shards[0].stop) for b in found]
    assert [a for a, _ in ends] == [0, *(b for _, b in ends)][: len(ends)]
    assert (ends[-1][1] if ends else 0) == start
    assert sum(b.kept for b in found) == sum(one.kept for one in units)
    folder = PlannedFolder("corpus/lang=x", tuple(found))
    assert PlannedFolder.from_json(folder.to_json()) == folder
    assert all(Bundle.from_json(b.to_json()) == b for b in found)


def test_folders_of_the_output():
    assert folder_of("corpus", "s3://b/x/lang=en/year=2026/f.parquet") == "corpus/lang=en/year=2026"
    assert folder_of("corpus", f"/c/lang={HIVE_NULL}/f.parquet") == f"corpus/lang={HIVE_NULL}"
    assert folder_of("corpus", "/c/=x/y=/a=b/f=1.parquet") == "corpus/y=/a=b"
    assert in_bucket("corpus", 3, 20) == "corpus/quality=03"
    assert in_bucket("corpus/lang=en/a=b", 3, 10) == "corpus/quality=3/lang=en/a=b"


@pytest.mark.parametrize(
    ("path", "partition", "columns", "folder"),
    [
        # Delta: a random prefix, and a folder that says something else than the log
        ("/t/Xy/f.parquet", {"lang": "a/b", "n": None}, [], f"c/lang=a%2Fb/n={HIVE_NULL}"),
        ("/t/lang=de/f.parquet", {"lang": "en"}, [], "c/lang=en"),
        ("/raw=1/t/lang=a%2Fb/f.parquet", {"lang": "a/b"}, [], "c/lang=a%2Fb"),
        # Iceberg: a blank is written as +, folders have the partition's own names
        ("/t/lang=e+n/f.parquet", {"lang": "e n"}, ["lang"], "c"),
        ("/t/lang_part=en/f.parquet", {"lang": "en"}, ["lang"], "c"),
        ("/t/lang=en/f.parquet", {"lang": "en"}, ["lang"], "c/lang=en"),
    ],
)
def test_the_folder_of_a_tables_file_says_what_the_table_says(path, partition, columns, folder):
    assert folder_of("c", path, partition, columns) == folder
