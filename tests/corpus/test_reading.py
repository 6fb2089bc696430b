"""The read stage: whatever row groups and shards, the same rows come out, once, in order."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rm_ray.config import InputConfig
from rm_ray.corpus import decoding, reading
from rm_ray.corpus.decoding import OpenGroups, batches, most_rows
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import ReadUnit, cut_file
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.windows import AtOnce
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.run.faults.reading_tasks import units_to_do
from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.tally import Tally
from rm_ray.score import read_stage
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.read_stage import ReadStage, tokenize
from tests.conftest import tiny_judge
from tests.parquet.unsized import unsize


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


def test_rows_are_chosen_of_columns_of_views(tmp_path):
    path = str(tmp_path / "f.parquet")
    texts = pa.array([f"text {i}" for i in range(40)])
    lists = pa.array([[f"a{i}"] for i in range(40)]).cast(pa.list_(pa.string_view()))
    table = pa.table({"text": texts.cast(pa.string_view()), "tags": lists})
    pq.write_table(table, path)
    (unit,) = cut_file(path, {}, [40], [0.0], max_rows=40, max_tokens=1e9)
    config = InputConfig(path=path, id=None, keep=["tags"], sample_fraction=0.5)
    ((_, rows),) = read_shards(unit, config, ["text"])
    numbers = rows.column("_row").to_pylist()
    assert 0 < len(numbers) < 40
    assert rows.column("_judged.text").to_pylist() == [f"text {i}" for i in numbers]
    assert rows.column("tags").to_pylist() == [[f"a{i}"] for i in numbers]


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
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=False)
    stage = ReadStage(InputConfig(path=str(tmp_path)), ray.put(tiny_judge()[0]), tally, {})
    packed = list(stage(pa.table({"unit": [unit.to_json() for unit in units]})))
    assert [block["file"].to_pylist() for block in packed] == [[units[1].file]]
    said = "row 0 and after cannot be prepared: ZeroDivisionError: nobody foresaw this"
    assert tally.call(Tally.progress).first_fault == f"{units[0].file} {said}"


@pytest.mark.usefixtures("ray_cluster")
def test_a_unit_at_which_every_process_ends_costs_itself_and_no_more():
    """Ray tries a task whose process ended again, without limit and without a word."""
    units = [ReadUnit(name, {}, 0, 1, 0, (Shard(name, 0, 4),)) for name in ("a", "deadly", "b")]
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=False)

    @ray.remote(num_cpus=0, max_retries=-1)
    def read(block):
        done = []
        for unit in units_to_do(block.column("unit").to_pylist(), ReadUnit, tally):
            if unit.file == "deadly":
                os._exit(1)
            done.append(unit.file)
        return done

    assert ray.get(read.remote(pa.table({"unit": [u.to_json() for u in units]}))) == ["a", "b"]
    said = "reading deadly, rows 0 to 3: 5 processes ended while they did it"
    assert tally.call(Tally.progress).first_fault == said


def test_credentials_that_expired_are_not_waited_for(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError("Forbidden")

    monkeypatch.setattr(decoding, "file_version", refused)
    path = str(tmp_path / "f.parquet")
    unit = ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),), size=1, version="one")
    with pytest.raises(Unreadable, match="Forbidden") as error:
        list(read_shards(unit, InputConfig(path=path), ["text"]))
    assert not error.value.may_pass and not error.value.bad_file


def decoded(path, at_once, columns=None):
    """Batches of all row groups, in order; each has the number of its first row."""
    parquet = pq.ParquetFile(path)
    span = range(parquet.num_row_groups)
    found = list(batches(OpenGroups(parquet, path.open_rb), span, 5, at_once, columns))
    numbers = [first for first, _ in found]
    lengths = [len(batch) for _, batch in found]
    assert numbers == np.cumsum([5, *lengths[:-1]]).tolist()
    return [batch for _, batch in found]


class Openable(type(Path())):
    """A path that opens as `open_file` does."""

    def open_rb(self):
        return self.open("rb")


@pytest.fixture
def path(tmp_path):
    return Openable(tmp_path / "f.parquet")


PAGE = "x" * 10_000


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "values",
    [
        [PAGE] * 1000,
        ["short"] * 500 + [PAGE] * 500,
        ([PAGE] + ["short"] * 9 + [None, ""]) * 80,
        [PAGE] * 300 + [f"{n:05d}" * 200 for n in range(300)],
    ],
    ids=["same", "uneven", "some", "both"],
)
def test_what_is_decoded_at_once_is_bounded(path, values, version, told):
    table = pa.table({"n": range(len(values)), "text": values})
    options = {"dictionary_pagesize_limit": 15_000, "write_batch_size": 10}
    pq.write_table(table, path, row_group_size=400, data_page_version=version, **options)
    if not told:
        unsize(path)
    found = decoded(path, AtOnce(10_000, 100_000))
    assert pa.concat_tables(found).equals(table)
    assert all(batch["text"].nbytes < 120_000 for batch in found)


def test_a_giant_row_is_decoded_alone(path):
    values = ["short"] * 100 + ["x" * 1_000_000] + ["short"] * 100
    pq.write_table(pa.table({"text": values * 5}), path)
    found = decoded(path, AtOnce(10_000, 100_000))
    assert pa.concat_tables(found)["text"].to_pylist() == values * 5
    assert [len(batch) for batch in found if batch.nbytes > 110_000] == [1] * 5


@pytest.mark.parametrize("columns", [None, ["chat"], ["n", "pair.b"], ["pair.a"], ["n"]])
def test_columns_of_every_kind_are_the_same_when_they_repeat(path, columns):
    chat = [{"role": "user", "content": PAGE}, {"role": "assistant", "content": None}]
    table = pa.table(
        {
            "n": range(300),
            "chat": [chat, None, []] * 100,
            "pair": [{"a": PAGE, "b": "short"}, None, {"a": None, "b": ""}] * 100,
            "large": pa.array([PAGE] * 300, pa.large_string()),
            "view": pa.array([PAGE, None, ""] * 100, pa.string_view()),
            "bytes": pa.array([PAGE.encode()] * 300, pa.binary()),
            "coded": pa.array([PAGE] * 300).dictionary_encode(),
            "map": pa.array([[("k", PAGE)], [], None] * 100, pa.map_(pa.string(), pa.string())),
            "fixed": pa.array([[PAGE, "b"]] * 300, pa.list_(pa.string(), 2)),
        }
    )
    pq.write_table(table, path, row_group_size=100)
    found = pa.concat_tables(decoded(path, AtOnce(10_000, 100_000), columns))
    right = pq.ParquetFile(path).read(columns=columns)
    assert found.schema == right.schema
    assert found.to_pylist() == right.to_pylist()


def test_long_turns_that_repeat_are_decoded_few_at_once(path):
    """A cast of a slice of lists would decode the turns of all rows, 20 MB for each slice."""
    chats = [[{"role": "user", "content": PAGE}, {"role": "assistant", "content": "no"}]] * 2000
    pq.write_table(pa.table({"chat": chats}), path)
    parquet = OpenGroups(pq.ParquetFile(path), path.open_rb)
    before, lengths = pa.total_allocated_bytes(), []
    for _, batch in batches(parquet, range(1), 0, AtOnce(10_000, 100_000)):
        assert pa.total_allocated_bytes() - before < 1_000_000
        lengths.append(len(batch))
    assert sum(lengths) == 2000 and max(lengths) == 9


def test_a_large_dictionary_does_not_make_batches_small(path):
    """The dictionary of 500 pages, 5 MB, is there for each batch, however few rows it has."""
    pages = [f"{n:05d}" * 2000 for n in range(500)]
    options = {"dictionary_pagesize_limit": 10_000_000}
    pq.write_table(pa.table({"text": pages * 8}), path, **options)
    found = decoded(path, AtOnce(10_000, 100_000))
    assert len(found) <= 4000 / 10 + 50
    assert all(batch.nbytes <= 110_000 for batch in found)


def test_ordinary_chunks_of_unknown_size_are_not_read_as_dictionaries(path, monkeypatch):
    monkeypatch.setattr(decoding, "as_dictionaries", None)  # raises where it is called
    values = [f"{n:05d}" * 200 for n in range(1000)]
    pq.write_table(
        pa.table({"text": values}), path, dictionary_pagesize_limit=15_000, write_batch_size=10
    )
    unsize(path)
    found = decoded(path, AtOnce(10_000, 100_000))
    assert pa.concat_tables(found)["text"].to_pylist() == values


def test_plain_rows_of_four_times_the_mean_fit(path):
    rows = ["short"] * 3000 + [f"{n:05d}" * 200 for n in range(1000)]
    pq.write_table(pa.table({"text": rows}), path, use_dictionary=False)
    found = decoded(path, AtOnce(10_000, 100_000))
    assert pa.concat_tables(found)["text"].to_pylist() == rows
    assert all(batch.nbytes < 110_000 for batch in found)


def test_repeated_values_of_fixed_width_count(path):
    """Of 1,000 numbers in each row a dictionary stores one; decoded they take 8,000 bytes."""
    pq.write_table(pa.table({"n": [[1] * 1000] * 500}), path)
    assert all(batch.nbytes <= 100_000 for batch in decoded(path, AtOnce(10_000, 100_000)))


def test_batches_of_even_rows_grow_to_what_fits(path):
    """Four rows of 25,000 bytes fit, where each may be as large as all rows; in the end 40 do."""
    rows = [f"{n:05d}" * 20 for n in range(1000)]
    pq.write_table(pa.table({"text": rows}), path)
    lengths = [len(batch) for batch in decoded(path, AtOnce(400, 200_000))]
    assert lengths[0] == 1 and lengths[1] == 8 and lengths[2] == 64
    assert max(lengths) == 400 and len(lengths) == 6


def test_row_groups_without_a_dictionary_are_read_by_their_size(path):
    rows = [f"{n:05d}" * 20 for n in range(1000)]
    pq.write_table(pa.table({"text": rows}), path, use_dictionary=False, row_group_size=500)
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(0), metadata.row_group(1)]
    assert most_rows(groups, 10, 10_000_000, lambda _: 50_000) == 10
    assert most_rows(groups, 10_000, 20_000, lambda _: 50_000) == 200
    assert most_rows(groups, 10_000, 20, lambda _: 50_000) == 1


def test_where_a_dictionary_may_repeat_each_row_may_be_all_that_is_stored(path):
    pq.write_table(pa.table({"text": [PAGE] * 1000}), path)
    (group,) = [pq.read_metadata(path).row_group(0)]
    assert most_rows([group], 10_000, 200_000, lambda _: 10_000) == 20


def test_a_shard_of_repeated_pages_is_read_in_few_rows(path):
    pq.write_table(pa.table({"id": range(2000), "text": [PAGE] * 2000}), path)
    unit = ReadUnit(str(path), {}, 0, 1, 0, (Shard(str(path), 0, 3), Shard(str(path), 1500, 1900)))
    (_, first), (_, second) = read_shards(unit, InputConfig(path=str(path)), ["text"])
    assert first["_judged.text"].to_pylist() == [PAGE] * 3
    assert second["id"].to_pylist() == list(range(1500, 1900))
    assert set(second["_judged.text"].to_pylist()) == {PAGE}
