"""The read stage: whatever row groups and shards, the same rows come out, once, in order."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rm_ray.config import InputConfig
from rm_ray.corpus import decoding, reading
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import ReadUnit, cut_file
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.run.at_work import units_to_do
from rm_ray.run.tally import start_tally
from rm_ray.score import read_stage
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.read_stage import ReadStage, tokenize
from tests.conftest import tiny_judge


def write(path, rows, group):
    table = pa.table({"id": range(rows), "text": [f"text {i}" for i in range(rows)]})
    pq.write_table(table, path, row_group_size=group)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.integers(1, 60),
    group=st.integers(1, 30),
    max_rows=st.integers(1, 40),
    decode=st.integers(1, 25),
    fraction=st.sampled_from([1.0, 0.4]),
    data=st.data(),
)
def test_shards_hold_their_rows_whatever_the_row_groups(
    tmp_path, monkeypatch, rows, group, max_rows, decode, fraction, data
):
    path = str(tmp_path / "f.parquet")
    write(path, rows, group)
    monkeypatch.setattr(reading, "DECODE_ROWS", decode)
    groups = [min(group, rows - i) for i in range(0, rows, group)]
    units = cut_file(path, {}, groups, [0.0] * len(groups), max_rows=max_rows, max_tokens=1)
    config = InputConfig(path=path, sample_fraction=fraction)
    for unit in units:
        kept = data.draw(st.lists(st.sampled_from(unit.shards), unique=True))
        left = tuple(shard for shard in unit.shards if shard in kept)
        unit = ReadUnit(path, {}, unit.first_group, unit.stop_group, unit.first_row, left)
        found = dict(read_shards(unit, config, ["text"]))
        assert tuple(found) == left
        for shard, table in found.items():
            expected = RowSample(fraction, 0).chosen(path, shard.start, shard.stop).tolist()
            assert table["_row"].to_pylist() == table["id"].to_pylist() == expected
            assert table["_judged.text"].to_pylist() == [f"text {i}" for i in expected]


def test_a_file_that_has_become_shorter_is_an_error_not_a_short_part(tmp_path):
    path = str(tmp_path / "f.parquet")
    write(path, 10, 10)
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 20),))
    with pytest.raises(OSError, match=r"ended before row 20"):
        list(read_shards(unit, InputConfig(path=path), ["text"]))


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_text_columns_of_every_kind_are_read(tmp_path, kind):
    path = str(tmp_path / "f.parquet")
    base = pa.binary() if kind == pa.binary() else pa.string()
    values = [b"one", None, b"two"] if kind == pa.binary() else ["one", None, "two"]
    text = pa.array(values, base).cast(kind) if kind != base else pa.array(values, base)
    pq.write_table(pa.table({"text": text}), path)
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 3),))
    ((_, table),) = read_shards(unit, InputConfig(path=path, id=None), ["text"])
    tokenizer, _ = tiny_judge()
    documents = tokenize(table, tokenizer)
    assert documents["_status"].to_pylist() == ["ok", "empty", "ok"]
    decode = load_tokenizer(tokenizer.tokenizer_json).decode
    assert [decode(ids) for ids in documents["_ids"].to_pylist()] == ["one", "", "two"]


@pytest.mark.usefixtures("ray_cluster")
def test_what_nobody_foresaw_is_told_and_costs_only_its_unit(tmp_path, monkeypatch):
    """Ray drops a block whose task raises, and says so nowhere that a user looks."""
    units = []
    for name in ("odd", "well"):
        path = str(tmp_path / f"{name}.parquet")
        write(path, 4, 4)
        units.append(ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),)))

    calls = []

    def tokenize(rows, _):
        calls.append(rows)
        if len(calls) == 1:
            raise ZeroDivisionError("nobody foresaw this")
        return rows.append_column("_ids", pa.array([[1]] * len(rows), pa.large_list(pa.int32())))

    monkeypatch.setattr(read_stage, "tokenize", tokenize)
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60)
    stage = ReadStage(InputConfig(path=str(tmp_path)), ray.put(tiny_judge()[0]), tally, {})
    packed = list(stage(pa.table({"unit": [unit.to_json() for unit in units]})))
    assert [block["file"].to_pylist() for block in packed] == [[units[1].file]]
    said = "row 0 and after cannot be prepared: ZeroDivisionError: nobody foresaw this"
    assert ray.get(tally.progress.remote()).first_fault == f"{units[0].file} {said}"


@pytest.mark.usefixtures("ray_cluster")
def test_a_unit_at_which_every_process_ends_costs_itself_and_no_more():
    """Ray tries a task whose process ended again, without limit and without a word."""
    units = [ReadUnit(name, {}, 0, 1, 0, (Shard(name, 0, 4),)) for name in ("a", "deadly", "b")]
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60)

    @ray.remote(num_cpus=0, max_retries=-1)
    def read(block):
        done = []
        for unit in units_to_do(block, ReadUnit, tally):
            if unit.file == "deadly":
                os._exit(1)
            done.append(unit.file)
        return done

    assert ray.get(read.remote(pa.table({"unit": [u.to_json() for u in units]}))) == ["a", "b"]
    said = "reading deadly, rows 0 to 3: 5 processes that were at it ended"
    assert ray.get(tally.progress.remote()).first_fault == said


def test_credentials_that_expired_are_not_waited_for(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError("Forbidden")

    monkeypatch.setattr(decoding, "file_version", refused)
    path = str(tmp_path / "f.parquet")
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),), size=1, version="one")
    with pytest.raises(Unreadable, match="Forbidden") as error:
        list(read_shards(unit, InputConfig(path=path), ["text"]))
    assert not error.value.may_pass and not error.value.bad_file
