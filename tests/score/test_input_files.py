"""The job over folders as people have them: runs, links and other files in them, files that go."""

import json
import os
import shutil
import socket

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.jobs import parts, read_rewards, write_corpus
from tests.score.hostile_runs import damage_row_group, run, when_the_plan_is_made

pytestmark = pytest.mark.usefixtures("ray_cluster")

SKIP = ("--input.on_bad_file", "skip")


@pytest.fixture
def corpus(tmp_path):
    write_corpus(tmp_path / "in", files=3, rows=8, words=100)
    return tmp_path


def seen_by_this_process_alone(path, folder):
    """Replace a file by a link that leads, from the working folder of this process, to it."""
    shutil.move(path, folder / path.name)
    path.symlink_to(f"/proc/self/cwd/{path.name}")


def test_a_run_that_writes_below_its_corpus_does_not_read_what_it_wrote(corpus, caplog, capsys):
    output = corpus / "in" / "out"
    for _ in range(2):
        # what it wrote could be read: it keeps the texts
        status, log = run(caplog, corpus, output_path=output, input_keep="text")
        assert status == 0 and len(read_rewards(output)) == 24
    said = f"1 folders of runs, first {output}"
    assert f"passed over: {said}\n" in log
    status, _ = run(caplog, corpus, "--dry-run", output_path=output, input_keep="text")
    assert status == 0 and f"passed over    {said}\n" in capsys.readouterr().out
    status, log = run(caplog, corpus, input_path=output / "rewards", output_path=output)
    assert status == 2 and "lies in this run's own output folder" in log


def test_a_snapshot_of_links_is_scored_and_scored_no_more(corpus, caplog):
    snapshot = corpus / "in" / "snapshots" / "b3f1"
    snapshot.mkdir(parents=True)
    (corpus / "in" / "blobs").mkdir()
    for path in sorted((corpus / "in").glob("*.parquet")):
        shutil.move(path, corpus / "in" / "blobs" / path.stem)
        (snapshot / path.name).symlink_to(f"../../blobs/{path.stem}")
        os.utime(snapshot / path.name, (10**9, 10**9), follow_symlinks=False)
    status, log = run(caplog, corpus, input_path=snapshot)
    assert status == 0, log
    rows = read_rewards(corpus / "out")
    assert [row["source_file"] for row in rows[::8]] == sorted(map(str, snapshot.iterdir()))
    assert len(rows) == 24
    status, log = run(caplog, corpus, input_path=snapshot)
    assert status == 0 and "0 to do" in log


def test_a_run_whose_every_file_was_skipped_is_refused(corpus, caplog):
    for path in (corpus / "in").iterdir():
        path.write_bytes(b"hello")
    status, log = run(caplog, corpus, *SKIP)
    first = corpus / "in" / "0-0.parquet"
    assert status == 2
    assert f"not one of 3 input files can be read, so there is nothing to do; first: {first}" in log
    assert not (corpus / "out").exists()


def test_a_run_that_did_nothing_but_skip_is_no_success(corpus, caplog):
    for path in (corpus / "in").iterdir():
        for group in range(2):
            damage_row_group(path, group)
    status, log = run(caplog, corpus, *SKIP)
    assert status == 1
    assert "no document is done; without 3 unreadable input files, first: cannot read" in log
    assert not (corpus / "out" / "_SUCCESS").exists()


def test_a_file_deleted_during_the_run_is_skipped_and_named(corpus, caplog, monkeypatch):
    victim = corpus / "in" / "0-1.parquet"
    when_the_plan_is_made(monkeypatch, victim.unlink)
    status, log = run(caplog, corpus, *SKIP)
    gone = f"{victim} is gone: it was deleted after it was listed"
    assert status == 0 and f"without 1 unreadable input files, first: {gone}" in log
    assert len(read_rewards(corpus / "out")) == 16
    stored = json.loads((corpus / "out" / "_SUCCESS").read_text())
    assert stored["skipped_files"] == {str(victim): gone}


def test_many_files_deleted_during_the_run_are_no_faults_in_a_row(tmp_path, caplog, monkeypatch):
    write_corpus(tmp_path / "in", files=20, rows=2, words=80)
    victims = sorted((tmp_path / "in").iterdir())[:-1]
    when_the_plan_is_made(monkeypatch, lambda: [victim.unlink() for victim in victims])
    status, log = run(caplog, tmp_path, *SKIP)
    assert status == 0 and "without 19 unreadable input files" in log
    assert len(parts(tmp_path / "out")) == 1


def test_a_link_to_nowhere_is_missed_by_name(corpus, caplog):
    link = corpus / "in" / "0-9.parquet"
    link.symlink_to("../gone")
    said = f"{link} is a link to ../gone, which does not exist"
    status, log = run(caplog, corpus)
    assert status == 2 and f"{said} (--input.on_bad_file skip" in log
    status, log = run(caplog, corpus, *SKIP)
    assert status == 0 and f"without 1 unreadable input files, first: {said}" in log


def test_a_file_that_one_machine_does_not_find_is_never_skipped(corpus, caplog, monkeypatch):
    monkeypatch.chdir(corpus)
    victim = corpus / "in" / "0-1.parquet"
    when_the_plan_is_made(monkeypatch, lambda: seen_by_this_process_alone(victim, corpus))
    said = f"machine {socket.gethostname()} does not find {victim}, which was listed"
    status, log = run(caplog, corpus, *SKIP)
    assert status == 1 and "1 of 3 shards are not done" in log
    assert f"first reason: {said}: most likely its folder is not mounted there" in log
    assert len(read_rewards(corpus / "out")) == 16


def test_a_file_that_no_footer_is_read_of_is_never_skipped(corpus, caplog, monkeypatch):
    monkeypatch.chdir(corpus)
    victim = corpus / "in" / "0-1.parquet"
    seen_by_this_process_alone(victim, corpus)
    status, log = run(caplog, corpus, *SKIP)
    assert status == 2
    assert f"machine {socket.gethostname()} does not find {victim}, which was listed" in log
    assert not (corpus / "out").exists()


def test_skipped_files_are_named_also_when_the_run_is_not_complete(corpus, caplog, monkeypatch):
    (corpus / "in" / "bad.parquet").write_bytes(b"hello")
    victim = corpus / "in" / "0-1.parquet"
    write_corpus(corpus / "new", files=1, rows=8, words=100, seed=5)
    when_the_plan_is_made(monkeypatch, lambda: shutil.copy(corpus / "new" / "5-0.parquet", victim))
    damage_row_group(corpus / "in" / "0-0.parquet", 1)
    status, log = run(caplog, corpus, *SKIP)
    assert status == 1 and f"first reason: {victim} has changed since it was planned" in log
    assert "; without 2 unreadable input files, first: " in log
    assert f"{corpus}/in/bad.parquet is not a readable Parquet file (5 bytes)" in log


def test_the_null_partition_of_hive_is_null(tmp_path, caplog):
    for name in ("en", "__HIVE_DEFAULT_PARTITION__"):
        write_corpus(tmp_path / "in" / f"lang={name}", files=1, rows=2, words=80)
    assert run(caplog, tmp_path, input_keep="lang")[0] == 0
    table = pq.read_table(tmp_path / "out" / "rewards")
    assert table.schema.field("lang").type == pa.string()
    assert [row["lang"] for row in read_rewards(tmp_path / "out")] == [None, None, "en", "en"]
