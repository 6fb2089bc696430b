"""What is counted of rows does not depend on how they were cut into parts."""

from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rm_ray.corpus.shards import Shard
from rm_ray.counts.order import least_at
from rm_ray.errors import InputError
from rm_ray.report.measure import measured
from rm_ray.report.measure.chosen import choose
from rm_ray.report.measure.measured import (
    IS_KEPT,
    Measured,
    NightPart,
    as_counted,
    measure_rows,
)
from rm_ray.report.measure.nights import ALL, OTHER, Night, largest
from rm_ray.report.measure.retention import retention
from rm_ray.report.show.formats import exact
from rm_ray.scored.column_path import ColumnPath

BY = [ColumnPath("source")]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.one_of(st.none(), st.floats(-100, 100, width=32)),
        st.integers(0, 50),
    ),
    max_size=40,
)


def counted(rows, start=0, by=BY, cut=None) -> Measured:
    table = pa.table(
        {
            "row": pa.array(range(start, start + len(rows)), pa.int64()),
            "source": pa.array([source for source, _, _ in rows], pa.string()),
            "value": pa.array([reward for _, reward, _ in rows], pa.float32()),
            "n_tokens": pa.array([tokens for _, _, tokens in rows], pa.int64()),
            "status": ["ok" if reward is not None else "failed" for _, reward, _ in rows],
        }
    )
    values, kept = as_counted(table["value"], cut)
    table = table.set_column(table.schema.get_field_index("value"), "value", values)
    if kept is not None:
        table = table.append_column(IS_KEPT, kept)
    source = NightPart(Shard("f", start, start + len(rows)), {}, 100)
    return measure_rows({"windows": len(rows)}, table, source, by)


@settings(deadline=None)
@given(ROWS, st.integers(0, 40), st.integers(0, 40))
def test_cutting_changes_nothing(rows, one, other):
    first, second = sorted((min(one, len(rows)), min(other, len(rows))))
    parts = [counted(rows[:first]), counted(rows[first:second], first)]
    parts = [Measured.merge(parts), counted(rows[second:], second)]
    whole, cut = Measured.merge([counted(rows)]), Measured.merge(parts)
    assert cut.statuses == whole.statuses
    assert cut.moments == whole.moments
    assert cut.counted == whole.counted
    assert cut.histograms.groups == whole.histograms.groups
    for mine, theirs in zip(
        vars(cut.histograms.cells).values(), vars(whole.histograms.cells).values(), strict=True
    ):
        assert mine.tolist() == theirs.tolist()
    for name in ("sample", "best", "worst"):
        assert getattr(cut, name).to_pylist() == getattr(whole, name).to_pylist()


def test_a_night_by_hand():
    night = Night.of(counted([("a", 1.0, 10), ("a", None, 5), ("b", 3.0, 7), (None, 2.0, 1)]))
    assert list(night.groups) == ['["a"]', '["b"]', "[null]"]
    a = night.groups['["a"]']
    assert (a.documents, a.tokens, a.scored, a.failed) == (2, 15, 1, 1)
    assert (night.whole.documents, night.whole.scored, night.whole.moments.mean) == (4, 3, 2)
    assert night.whole.statuses == {"failed": 1, "ok": 3}


def test_small_groups_are_gathered_but_those_of_the_baseline():
    rows = [("a", 1.0, 1)] * 5 + [("b", 2.0, 1)] * 3 + [(None, 3.0, 1)]
    night = Night.of(counted(rows))
    kept = largest(night, {"[null]": 1.0, OTHER: 9.0}, 2)
    assert kept == ["[null]", '["a"]']
    gathered = night.gather(kept)
    assert (set(gathered.groups), gathered.gathered) == ({'["a"]', "[null]", OTHER}, 1)
    assert gathered.groups[OTHER].documents == 3


def test_without_columns_there_is_no_group():
    found = counted([("a", 1.0, 1)], by=[])
    assert found.groups == [ALL]
    assert Night.of(found).groups == {}


def test_columns_that_name_documents_are_refused(monkeypatch):
    monkeypatch.setattr(measured, "MOST_GROUPS", 2)
    with pytest.raises(InputError, match="more than 2 groups"):
        counted([(str(i), 1.0, 1) for i in range(3)])
    with pytest.raises(InputError, match="give columns whose values documents share"):
        Measured.merge([counted([("a", 1.0, 1)]), counted([("b", 1.0, 1), (None, 1.0, 1)])])


def test_a_sample_holds_what_correlations_need(monkeypatch):
    monkeypatch.setattr(measured, "SAMPLE", 10)
    rng = np.random.default_rng(0)
    rows = [("a", float(reward), 1) for reward in rng.normal(size=100)]
    found = Measured.merge([counted(rows[:50]), counted(rows[50:], 50)])
    assert len(found.sample) == 10
    rewards = sorted((np.float32(reward) for _, reward, _ in rows), reverse=True)
    assert found.best.column("reward").to_pylist() == rewards[: len(found.best)]
    assert found.worst.column("reward").to_pylist() == rewards[::-1][: len(found.worst)]
    assert found.sample.column("place").to_numpy().max() < 1


def test_a_cut_keeps_what_the_filter_job_keeps():
    """A reward of 0.7 is a float32, and a little less than the 0.7 that is typed."""
    found = counted([("a", 0.7, 10), ("a", 0.6, 20), ("a", 0.8, 30)], cut=0.7)
    kept = found.kept(0.7)
    assert (kept.documents, kept.tokens) == (2, 40)
    shown = [one.reward for one in choose(found, [kept], 0.7) if (one.why, one.at) == ("kept", 0.7)]
    assert shown == pytest.approx([0.7, 0.8])


def test_thresholds_keep_what_they_say_as_the_page_writes_them():
    rng = np.random.default_rng(5)
    rewards = rng.normal(1.5, 0.3, 3000).astype(np.float32)
    found = counted([("a", float(reward), 1) for reward in rewards])
    points = retention(Night.of(found).whole.histogram, None)
    assert len(points) > 90
    for point in points:
        assert (rewards >= np.float32(exact(point.threshold))).sum() == point.documents


@pytest.mark.parametrize("kind", ["float32", "float64", "int64", "uint64"])
def test_a_threshold_of_32_bits_keeps_the_same_numbers_of_64(kind):
    """Some numbers lie beside those of float32, and some beyond what 53 bits hold."""
    rng = np.random.default_rng(8)
    if kind.startswith("float"):
        numbers = rng.normal(0, 1, 500).astype(kind)
        numbers = np.concatenate([numbers, numbers.astype(np.float32), [0.1, 1e30]]).astype(kind)
    else:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        near = [2**24 + 1, 2**25 + 1, 2**53 + 1, 2**62 + 1, low, high, high - 1]
        numbers = np.array([*rng.integers(low, high, 500, dtype=kind).tolist(), *near], kind)
    values, kept = as_counted(pa.chunked_array([numbers]), 0.1)
    assert kept.to_pylist() == (numbers >= least_at(kind, 0.1)).tolist()
    as_float32 = values.to_numpy()
    assert np.isfinite(as_float32).all()
    for threshold in as_float32[::7].tolist():
        kept_exactly = [Fraction(number) >= Fraction(threshold) for number in numbers.tolist()]
        assert (as_float32 >= np.float32(threshold)).tolist() == kept_exactly
