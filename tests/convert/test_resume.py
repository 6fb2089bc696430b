"""A conversion that is killed goes on to the same bytes; one that grows changes nothing."""

import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rm_ray.config import StorageConfig
from rm_ray.convert.columns import Columns
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.files import choose
from rm_ray.convert.plan import PlannedLines
from rm_ray.convert.stage import ConvertStage
from rm_ray.corpus.files import list_files
from rm_ray.corpus.parquet import Unreadable
from rm_ray.status.__main__ import main as status_of
from rm_ray.store.folder import Folder
from tests.conftest import ROOT
from tests.convert.lines import manifest, options, rows, run, write_lines, written
from tests.jobs import environment

SMALL = {"shard_mb": 0.05, "output_row_group_mb": 0.02, "output_file_mb": 0.005}


@pytest.fixture
def corpus(tmp_path):
    for name in "ab":
        documents = [{"id": n, "text": f"{name} {n} " * 30} for n in range(4_000)]
        write_lines(tmp_path / f"in/k={name}/{name}.jsonl", *documents, b"bad")
    return tmp_path / "in"


def test_a_conversion_that_is_killed_and_run_again_is_to_the_byte_an_undisturbed_one(
    corpus, tmp_path, caplog
):
    words = {"input_path": corpus, "run_max_rejected_fraction": 0.5, **SMALL}
    status, log = run(caplog, output_path=tmp_path / "calm", **words)
    assert status == 0, log
    hurt = tmp_path / "hurt"
    job = subprocess.Popen(
        [sys.executable, "jobs/convert.py", *options(output_path=hurt, **words)],
        cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    done = hurt / "_rm_ray/done"
    while job.poll() is None and not (done.is_dir() and len(list(done.iterdir())) > 2):
        time.sleep(0.005)
    job.send_signal(signal.SIGKILL)
    job.wait()
    receipts = {path: path.stat().st_mtime_ns for path in done.iterdir()}
    assert len(receipts) > 2 and not (hurt / "_SUCCESS").exists()
    status, log = run(caplog, output_path=hurt, **words)
    assert status == 0, log
    assert {path: path.stat().st_mtime_ns for path in receipts} == receipts
    assert written(hurt) == written(tmp_path / "calm")
    assert len(rows(hurt)) == 8_000 and len(rows(hurt, "rejects")) == 2


def test_a_corpus_that_grows_keeps_its_schema_and_its_files(tmp_path, caplog, capsys):
    out, words = tmp_path / "out", {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    write_lines(tmp_path / "in/a.jsonl", {"id": 1, "text": "x"})
    assert run(caplog, **words)[0] == 0
    before = written(out)
    write_lines(tmp_path / "in/b.jsonl", {"id": "two", "text": "y", "new": [1]})
    status, log = run(caplog, **words)
    assert status == 0 and "1 fields that this run's schema does not have, first 'new'" in log
    after = written(out)
    assert (
        after.items() >= {name: d for name, d in before.items() if "manifest" not in name}.items()
    )
    assert [(row["id"], row["extra"]) for row in rows(out)] == [
        (1, None), (None, '{"id":"two","new":[1]}')
    ]  # fmt: skip
    assert len(manifest(out)["files"]) == 2
    assert status_of([str(out)]) == 0
    page = capsys.readouterr().out
    assert "a conversion run" in page and "2 (2 converted)" in page


def test_a_changed_file_and_other_settings_are_refused(tmp_path, caplog):
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    write_lines(tmp_path / "in/a.jsonl", {"id": 1})
    assert run(caplog, **words)[0] == 0
    status, log = run(caplog, **words, types_extra="reject")
    assert status == 2 and "types.extra" in log
    write_lines(tmp_path / "in/a.jsonl", {"id": 2}, {"id": 3})
    status, log = run(caplog, **words)
    assert status == 2 and "1 input files have changed since this run planned them" in log
    assert [row["id"] for row in rows(tmp_path / "out")] == [1]


class ChangedMeanwhile(ConvertStage):
    """Somebody writes the file anew, at its length, while it is read."""

    def _read(self, unit):
        yield from super()._read(unit)
        Path(unit.file).write_text('{"id": 3}\n{"id": 4}\n')


class NoTally:
    def tell(self, what, *more):
        pass


def test_a_file_that_changes_while_it_is_read_gives_no_shard(tmp_path):
    write_lines(tmp_path / "a.jsonl", {"id": 1}, {"id": 2})
    inputs = {"path": str(tmp_path / "a.jsonl")}
    config = ConvertConfig.model_validate({"input": inputs, "output": {"path": str(tmp_path)}})
    (file,) = list_files(config.input, None, (), choose).files
    (unit,) = PlannedLines(file.path, file.size, file.version, None, "", (0, 20), (1,)).units
    columns = Columns.of((), config.output, config.types.extra)
    root = Folder(str(tmp_path / "out"), StorageConfig())
    stage = ChangedMeanwhile(config=config, columns=columns, root=root, receipts=root / "done",
                             fingerprint="", tally=NoTally())  # fmt: skip
    with pytest.raises(Unreadable, match="has changed since it was planned"):
        stage.convert(unit)


def test_a_shard_whose_receipt_is_lost_is_converted_again(corpus, tmp_path, caplog):
    out, words = tmp_path / "out", {"input_path": corpus, "output_path": tmp_path / "out", **SMALL}
    words |= {"run_max_rejected_fraction": 0.5}
    assert run(caplog, **words)[0] == 0
    lost = sorted((out / "_rm_ray/done").iterdir())[0]
    name = json.loads(lost.read_text())["files"]
    lost.unlink()
    for path in name:
        (out / path).unlink()
    status, log = run(caplog, **words)
    assert status == 0, log
    assert len(rows(out)) == 8_000


def test_a_converted_file_that_is_gone_is_told_and_refused_under_another_packing(tmp_path, caplog):
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    data = write_lines(tmp_path / "in/a.jsonl", {"id": 1})
    write_lines(tmp_path / "in/b.jsonl", {"id": 2})
    assert run(caplog, **words)[0] == 0
    (tmp_path / "in/a.jsonl").unlink()
    status, log = run(caplog, **words)
    assert status == 0 and f"no longer in the input, first {tmp_path}/in/a.jsonl: their rows" in log
    (tmp_path / "in/a.jsonl.gz").write_bytes(gzip.compress(data))
    status, log = run(caplog, **words)
    assert status == 2 and f"{tmp_path}/in/a.jsonl.gz has its name" in log
    assert [row["id"] for row in rows(tmp_path / "out")] == [1, 2]
