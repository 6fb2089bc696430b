"""Plans by hand, and what holds for any file."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.corpus.plan import PlannedFile, ReadUnit, cut_file, missing_units, shards_of
from rm_ray.corpus.profile import STEP_BYTES, Profile
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard, tile


def spans(units):
    return [[(shard.start, shard.stop) for shard in unit.shards] for unit in units]


def cut(rows, tokens, max_rows=1000, max_tokens=1000, start=0, stop=None):
    bounds = {"max_rows": max_rows, "max_tokens": max_tokens}
    return cut_file("f", {}, rows, tokens, **bounds, start=start, stop=stop)


def test_small_row_groups_are_joined():
    units = cut([10, 10, 10], [400, 400, 400])
    assert spans(units) == [[(0, 20)], [(20, 30)]]
    assert [(u.first_group, u.stop_group, u.first_row) for u in units] == [(0, 2, 0), (2, 3, 20)]


def test_a_large_row_group_is_sliced_evenly():
    assert spans(cut([10], [2500])) == [[(0, 3), (3, 6), (6, 10)]]


def test_a_large_row_group_shares_no_shard_with_its_neighbours():
    assert spans(cut([5, 10, 5], [100, 2000, 100])) == [[(0, 5)], [(5, 10), (10, 15)], [(15, 20)]]


def test_rows_are_bounded_too():
    assert spans(cut([4, 4, 10], [0, 0, 0], max_rows=5)) == [
        [(0, 4)],
        [(4, 8)],
        [(8, 13), (13, 18)],
    ]


def test_a_limit_cuts_the_file_short():
    assert spans(cut([10, 10], [600, 600], stop=12)) == [[(0, 12)]]
    assert cut([10], [10], stop=0) == ()


def test_few_rows_of_a_large_row_group_are_one_shard():
    (unit,) = cut([1000, 1000], [90_000, 90_000], stop=5)
    assert spans([unit]) == [[(0, 5)]] and (unit.first_group, unit.stop_group) == (0, 1)
    assert unit.row_tokens == 90 and unit.tokens == 450


def test_a_file_that_a_limit_cut_short_goes_on_in_the_same_row_group():
    units = cut([10, 10], [600, 600], start=4, stop=14)
    assert spans(units) == [[(4, 14)]]
    assert (units[0].first_group, units[0].stop_group, units[0].first_row) == (0, 2, 0)


def test_empty_files_and_row_groups_give_no_shards():
    assert cut([], []) == ()
    assert spans(cut([0, 3, 0], [0, 5, 0])) == [[(0, 3)]]


def test_a_part_is_named_by_path_and_rows():
    name = Shard("s3://b/a.parquet", 0, 12).part
    assert name.startswith("part-") and name.endswith("-000000000000-000000000012.parquet")
    assert name != Shard("s3://b/b.parquet", 0, 12).part


def test_missing_keeps_a_unit_with_only_the_shards_left():
    units = cut([10], [2500])
    file = PlannedFile("f", 1, "v", units)
    (unit,) = missing_units([file], {units[0].shards[1].part})
    assert spans([unit]) == [[(0, 3), (6, 10)]]
    assert missing_units([file], {shard.part for shard in shards_of([file])}) == []
    assert ReadUnit.from_json(unit.to_json()) == unit


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5000)), max_size=12),
    st.integers(1, 60),
    st.floats(1, 3000),
    st.integers(0, 100),
    st.none() | st.integers(0, 300),
)
def test_shards_cover_every_row_once_in_order_and_keep_the_bounds(
    groups, max_rows, max_tokens, start, stop
):
    rows, tokens = [r for r, _ in groups], [t for _, t in groups]
    units = cut(rows, tokens, max_rows, max_tokens, start, stop)
    shards = [shard for unit in units for shard in unit.shards]
    end = sum(rows) if stop is None else min(stop, sum(rows))
    covered = [row for shard in shards for row in range(shard.start, shard.stop)]
    assert covered == list(range(start, end))
    assert all(shard.stop - shard.start <= max_rows for shard in shards)
    starts = np.cumsum([0, *rows])
    for unit in units:
        assert unit.first_row == starts[unit.first_group]
        assert unit.shards[-1].stop <= starts[unit.stop_group]
        if sum(n > 0 for n in rows[unit.first_group : unit.stop_group]) > 1:  # small ones
            (shard,) = unit.shards
            rounded = 0.051 * (shard.stop - shard.start)  # tokens of a row have one decimal
            assert unit.tokens <= max_tokens + rounded
    assert len({shard.part for shard in shards}) == len(shards)


def test_uneven_rows_are_cut_where_their_tokens_are():
    """Of twenty rows the last ten hold all tokens, 600 each."""
    profile = Profile(np.array([0, 10, 20]), np.array([0.0, 0.0, 1.0]))
    bounds = {"max_rows": 100, "max_tokens": 1200}
    units = cut_file("f", {}, [20], [6000], **bounds, profiles={0: profile})
    assert spans(units) == [[(0, 12), (12, 14), (14, 16), (16, 18), (18, 20)]]
    (unit,) = cut_file("f", {}, [20], [6000], **bounds, stop=10, profiles={0: profile})
    assert spans([unit]) == [[(0, 10)]] and unit.row_tokens == 0


def test_a_row_that_is_too_large_is_a_shard_of_its_own():
    profile = Profile.of(np.array([10.0] * 5 + [100_000.0] + [10.0] * 5))
    units = cut_file("f", {}, [11], [10_010], max_rows=100, max_tokens=50, profiles={0: profile})
    assert spans(units) == [[(0, 5), (5, 6), (6, 11)]]


@given(
    st.lists(st.lists(st.integers(0, 300), max_size=30), max_size=6),
    st.integers(1, 40),
    st.integers(1, 2000),
    st.integers(0, 60),
    st.none() | st.integers(0, 120),
)
def test_no_shard_of_more_than_a_row_has_twice_its_tokens(
    groups, max_rows, max_tokens, start, stop
):
    """A token is of a thousand bytes, and no row has more than 300 of them."""
    texts = [1000 * np.array(rows, float) for rows in groups]
    profiles = {number: Profile.of(text) for number, text in enumerate(texts)}
    profiles = {number: profile for number, profile in profiles.items() if profile}
    units = cut_file(
        "f", {}, [len(rows) for rows in groups], [sum(rows) for rows in groups],
        max_rows=max_rows, max_tokens=max_tokens, start=start, stop=stop, profiles=profiles,
    )  # fmt: skip
    tokens = [row for rows in groups for row in rows]
    shards = [shard for unit in units for shard in unit.shards]
    end = len(tokens) if stop is None else min(stop, len(tokens))
    assert [row for shard in shards for row in rows_of(shard)] == list(range(start, end))
    for shard in shards:
        rows = shard.stop - shard.start
        assert rows <= max_rows
        # at both ends a profile is near to what is there
        held, near = sum(tokens[shard.start : shard.stop]), 3 * STEP_BYTES / 1000
        assert rows == 1 or held <= 2 * max_tokens + near


@given(st.lists(st.integers(0, 50), max_size=8), st.floats(1, 3000))
def test_a_planned_file_survives_its_line(rows, max_tokens):
    units = cut_file(
        "é\n.parquet", {"k": "v"} if sum(rows) else {}, rows, [100.0] * len(rows),
        max_rows=7, max_tokens=max_tokens,
    )  # fmt: skip
    file = PlannedFile("é\n.parquet", 5, "etag", units, rows_left=3)
    assert PlannedFile.from_json(file.to_json()) == file
    assert "\n" not in file.to_json()


def test_a_sample_is_the_same_rows_however_they_are_cut():
    sample = RowSample(0.1, 7)
    whole = sample.chosen("f", 0, 20_000)
    pieces = np.concatenate([sample.chosen("f", a, a + 500) for a in range(0, 20_000, 500)])
    assert whole.tolist() == pieces.tolist()
    assert abs(len(whole) - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5  # five standard deviations
    assert whole.tolist() != RowSample(0.1, 8).chosen("f", 0, 20_000).tolist()
    assert RowSample(1.0, 7).chosen("f", 3, 6).tolist() == [3, 4, 5]


SPANS = st.tuples(st.integers(0, 60), st.integers(1, 40)).map(lambda s: (s[0], s[0] + s[1]))


@given(SPANS, st.lists(SPANS, max_size=8), st.integers(0, 2))
def test_pieces_and_gaps_tile_the_shard_whatever_is_staged(span, staged, strangers):
    shard = Shard("f", *span)
    names = [Shard("f", *other).part for other in staged]
    names += [Shard(f"stranger{i}", *span).part for i in range(strangers)] + ["part-x.parquet"]
    pieces, gaps = tile(shard, names)
    rows = [row for s in sorted([*pieces, *gaps], key=lambda s: s.start) for row in rows_of(s)]
    assert rows == rows_of(shard)
    assert {piece.part for piece in pieces} <= set(names)


@given(SPANS, SPANS)
def test_a_part_name_gives_back_its_rows_to_the_shards_that_hold_them_all(outer, inner):
    shard, piece = Shard("f", *outer), Shard("f", *inner)
    inside = outer[0] <= inner[0] and inner[1] <= outer[1]
    assert shard.piece(piece.part) == (piece if inside else None)
    assert Shard("g", *outer).piece(piece.part) is None


@given(st.lists(st.tuples(st.text(min_size=1), SPANS), max_size=20, unique=True))
def test_no_two_shards_share_a_part_name_and_every_name_is_a_plain_file_name(shards):
    names = [Shard(path, *span).part for path, span in shards]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"part-[0-9a-f]{16}-\d{12}-\d{12}\.parquet", name) for name in names)


@given(SPANS, st.integers(1, 50))
def test_a_cut_covers_every_row_once_in_pieces_that_differ_by_one_row_at_most(span, pieces):
    shard = Shard("f", *span)
    cut = shard.cut(pieces)
    assert [row for piece in cut for row in rows_of(piece)] == rows_of(shard)
    sizes = {piece.stop - piece.start for piece in cut}
    assert len(cut) <= pieces and max(sizes) - min(sizes) <= 1 and min(sizes) >= 1


def rows_of(shard):
    return list(range(shard.start, shard.stop))
