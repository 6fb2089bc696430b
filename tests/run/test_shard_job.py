"""A run executes any job: here one that copies a column and drops some rows."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from rm_ray.config import InputConfig, OutputConfig, RunConfig, Section
from rm_ray.corpus.files import list_files
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.plan import PlannedFile, ReadUnit, cut_file
from rm_ray.corpus.reading import read_patiently
from rm_ray.errors import Incomplete, OutputError
from rm_ray.run.counts import RunCounts
from rm_ray.run.execute import execute
from rm_ray.run.output.commit import part_bytes, read_part
from rm_ray.run.output.run_json import fingerprint_id
from rm_ray.run.output.shard_row import pack
from rm_ray.run.shard_job import JobSpec, Planning, ShardJob
from rm_ray.run.summary import RunSummary
from rm_ray.store.folder import Folder


class CopyConfig(Section):
    input: InputConfig
    output: OutputConfig
    run: RunConfig = RunConfig()
    at_least: int


class CopyJob(ShardJob):
    """Copies the numbers that are large enough."""

    summary = RunSummary()

    def __init__(self, config):
        self.config = config
        self.spec = JobSpec(
            config=config, output=config.output, settings=config.run,
            fingerprint={"at_least": config.at_least},
        )  # fmt: skip

    def find(self, planned):
        return list_files(self.config.input)

    def plan(self, found, planned, notes, columns):
        known = {file.path for file in planned}
        new = [file for file in found.files if file.path not in known]
        footers, skipped = read_footers(new, self.config.input)
        cut = [
            PlannedFile(f.path, f.size, f.version, cut_file(
                f.path, f.partition, footers[f.path].rows, footers[f.path].text_bytes,
                max_rows=4, max_tokens=1e9))
            for f in new
        ]  # fmt: skip
        return Planning(cut, [], skipped, {"id": pa.int64()})

    def stages(self, units, this, planning):
        copied = units.map_batches(self.copy, batch_size=1, batch_format="pyarrow")
        return this.commit(copied)

    def copy(self, block):
        for line in block.column("unit").to_pylist():
            unit = ReadUnit.from_json(line)
            for shard, rows in read_patiently(unit, self.config.input, ["text"]):
                large = pc.greater_equal(rows.column("id"), self.config.at_least)
                kept = rows.filter(large).select(["id"])
                dropped = len(rows) - len(kept)
                statuses = {"dropped": dropped, "kept": len(kept)}
                counts = RunCounts(documents=len(rows), rows=len(kept), statuses=statuses)
                yield pack(shard, kept, counts.to_json())


class Older(CopyJob):
    """The same of a version whose fingerprint has one key more."""

    def __init__(self, config):
        super().__init__(config)
        longer = {**self.spec.fingerprint, "limit": None}
        self.spec = replace(self.spec, fingerprint=longer)


@pytest.fixture
def config(tmp_path, ray_cluster):
    (tmp_path / "in").mkdir()
    for number in range(3):
        table = pa.table({"id": range(10 * number, 10 * number + 10), "text": ["t"] * 10})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    return CopyConfig(
        input=InputConfig(path=str(tmp_path / "in")),
        output=OutputConfig(path=str(tmp_path / "out")),
        at_least=7,
    )


def copy(config):
    execute(CopyJob(config))


def numbers(path):
    return sorted(pq.read_table(path / "parts").column("id").to_pylist())


def test_rows_are_copied_or_dropped_and_all_are_counted(config, tmp_path):
    copy(config)
    assert numbers(tmp_path / "out") == list(range(7, 30))
    stored = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert (stored["shards"], stored["documents"], stored["rows"]) == (9, 30, 23)
    assert stored["statuses"] == {"dropped": 7, "kept": 23}


def test_a_lost_part_is_made_again_alone_and_other_settings_are_refused(config, tmp_path):
    copy(config)
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "parts").iterdir()}
    (lost, *kept) = parts
    before = lost.read_bytes()
    lost.unlink()
    copy(config)
    assert lost.read_bytes() == before
    assert [path.stat().st_mtime_ns for path in kept] == [parts[path] for path in kept]
    with pytest.raises(OutputError, match=r"other settings.*at_least is 7 there and 8 here"):
        copy(config.model_copy(update={"at_least": 8}))


def test_a_part_that_holds_too_little_is_found_by_counting(config, tmp_path):
    """What a footer says of its rows and what the file holds must agree."""
    copy(config)
    folder = Folder(str(tmp_path / "out" / "parts"))
    name = max(folder.names(), key=lambda name: len(read_part(folder, name, RunCounts)[0]))
    rows, counts = read_part(folder, name, RunCounts)
    folder.remove(name)
    data = part_bytes(
        rows.slice(1), counts.to_json(), fingerprint_id(CopyJob(config).spec.fingerprint)
    )
    folder.create(name, data)
    with pytest.raises(Incomplete, match=rf"1 parts are wrong, first {name}: has 3 rows, not 4"):
        copy(config)
    assert not (tmp_path / "out" / "_SUCCESS").exists()


def test_a_run_goes_on_though_a_key_has_left_the_fingerprint(config, tmp_path):
    """Its parts bear the name of the fingerprint that it began with."""

    execute(Older(config))
    min((tmp_path / "out" / "parts").iterdir()).unlink()
    copy(config)
    assert numbers(tmp_path / "out") == list(range(7, 30))
