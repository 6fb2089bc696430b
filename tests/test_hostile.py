"""Input as it should not be: what the user sees, and that it costs nobody else a row."""

import json
import os
import random
import shutil

import pyarrow as pa
import pytest

from rm_ray.run.output.lease import Lease
from rm_ray.store.folder import Folder
from tests import fault_engine
from tests.jobs import parts, prose, read_rewards, write_corpus
from tests.score.hostile_runs import damage_row_group, run, when_the_plan_is_made, write

pytestmark = pytest.mark.usefixtures("ray_cluster")


BAD_FILES = {
    "zero bytes": (b"", "is not a readable Parquet file (0 bytes)"),
    "not Parquet": (b"hello, I am a text", "is not a readable Parquet file (18 bytes)"),
    "truncated": (None, "is not a readable Parquet file"),
}


def test_an_unreadable_file_is_refused_by_name_or_skipped_by_name(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=2, rows=8, words=100)
    whole = (tmp_path / "in" / "0-0.parquet").read_bytes()
    bad = {}
    for kind, (content, said) in BAD_FILES.items():
        path = tmp_path / "in" / f"{kind}.parquet"
        path.write_bytes(whole[: len(whole) // 2] if content is None else content)
        status, log = run(caplog, tmp_path)
        assert status == 2 and f"{path} {said}" in log and "--input.on_bad_file skip" in log
        assert not (tmp_path / "out" / "rewards").exists()
        bad[path.rename(tmp_path / kind)] = path
    for away, path in bad.items():
        away.rename(path)

    status, log = run(caplog, tmp_path, "--input.on_bad_file", "skip")
    last = log.splitlines()[-1]
    first = min(map(str, bad.values()))
    assert status == 0 and f"without 3 unreadable input files, first: {first} " in last
    assert len(read_rewards(tmp_path / "out")) == 16
    stored = json.loads((tmp_path / "out" / "_rm_ray" / "metrics.json").read_text())
    assert sorted(stored["totals"]["skipped_files"]) == sorted(map(str, bad.values()))


def test_a_damaged_row_group_costs_only_itself_and_is_named(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=2, rows=12, words=150)
    victim = tmp_path / "in" / "0-1.parquet"
    damage_row_group(victim, 1)
    status, log = run(caplog, tmp_path, shard_rows=4)
    assert status == 1
    assert "1 of 6 shards are not done" in log
    assert f"first reason: cannot read {victim}, row groups 1 to 1" in log
    assert len(read_rewards(tmp_path / "out")) == 20
    assert not (tmp_path / "out" / "_SUCCESS").exists()

    status, log = run(caplog, tmp_path, "--input.on_bad_file", "skip", shard_rows=4)
    assert status == 0 and "without 1 unreadable input files, first: cannot read" in log
    skipped = json.loads((tmp_path / "out" / "_SUCCESS").read_text())["skipped_files"]
    assert list(skipped) == [str(victim)]


def test_a_file_that_goes_during_the_run_costs_its_own_shards(tmp_path, caplog, monkeypatch):
    write_corpus(tmp_path / "in", files=3, rows=8, words=100)
    victim = tmp_path / "in" / "0-1.parquet"
    when_the_plan_is_made(monkeypatch, victim.unlink)
    status, log = run(caplog, tmp_path)
    assert status == 1 and "1 of 3 shards are not done" in log
    assert f"first reason: {victim} is gone: it was deleted after it was listed" in log
    assert len(read_rewards(tmp_path / "out")) == 16


def test_a_file_replaced_during_the_run_is_not_scored_under_the_old_ones_name(
    tmp_path, caplog, monkeypatch
):
    write_corpus(tmp_path / "in", files=2, rows=8, words=100)
    write_corpus(tmp_path / "new", files=1, rows=8, words=100, seed=5)
    victim = tmp_path / "in" / "0-1.parquet"
    before = victim.stat().st_size

    def replace():
        shutil.copy(tmp_path / "new" / "5-0.parquet", victim)

    with monkeypatch.context() as patch:
        when_the_plan_is_made(patch, replace)
        status, log = run(caplog, tmp_path)
    assert status == 1 and "1 of 2 shards are not done" in log
    assert f"{victim} has changed since it was planned: {before:,} bytes" in log
    assert {row["id"] for row in read_rewards(tmp_path / "out")} == {f"0-0-{i}" for i in range(8)}

    status, log = run(caplog, tmp_path)
    assert status == 2 and "--run.rescore_changed" in log
    assert len(read_rewards(tmp_path / "out")) == 8


def test_changed_files_are_scored_again_when_asked_and_leave_no_old_row(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=2, rows=12, words=100)
    assert run(caplog, tmp_path, shard_rows=4)[0] == 0
    kept = {n: t for n, t in parts(tmp_path / "out").items() if "000000000000" in n}
    write_corpus(tmp_path / "new", files=1, rows=5, words=100, seed=5)
    shutil.copy(tmp_path / "new" / "5-0.parquet", tmp_path / "in" / "0-1.parquet")

    status, log = run(caplog, tmp_path, shard_rows=4)
    assert status == 2 and "1 input files have changed" in log
    status, log = run(caplog, tmp_path, "--run.rescore_changed", shard_rows=8)
    assert status == 0 and "removing their rows" in log
    rows = read_rewards(tmp_path / "out")
    assert [row["id"] for row in rows] == [
        *(f"0-0-{i}" for i in range(12)), *(f"5-0-{i}" for i in range(5))
    ]  # fmt: skip
    unchanged = parts(tmp_path / "out")
    assert sum(unchanged.get(name) == time for name, time in kept.items()) == 1
    assert run(caplog, tmp_path)[0] == 0 and parts(tmp_path / "out") == unchanged


def test_a_changed_file_that_cannot_be_read_is_named_every_time_until_it_can(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=2, rows=4, words=100)
    assert run(caplog, tmp_path)[0] == 0
    victim = tmp_path / "in" / "0-1.parquet"
    well = victim.read_bytes()
    victim.write_bytes(b"no Parquet")
    extra = ("--run.rescore_changed", "--input.on_bad_file", "skip")
    for _ in range(2):
        status, log = run(caplog, tmp_path, *extra)
        assert status == 0 and f"{victim}" in log.splitlines()[-1]
        assert len(read_rewards(tmp_path / "out")) == 4
    victim.write_bytes(well)
    assert run(caplog, tmp_path, *extra)[0] == 0
    assert len(read_rewards(tmp_path / "out")) == 8


def test_a_file_rewritten_with_as_many_rows_is_scored_again_under_the_same_part_name(
    tmp_path, caplog
):
    write_corpus(tmp_path / "in", files=1, rows=8, words=100)
    assert run(caplog, tmp_path)[0] == 0
    before, old = parts(tmp_path / "out"), read_rewards(tmp_path / "out")
    write_corpus(tmp_path / "new", files=1, rows=8, words=100, seed=5)
    shutil.copy(tmp_path / "new" / "5-0.parquet", tmp_path / "in" / "0-0.parquet")
    assert run(caplog, tmp_path, "--run.rescore_changed")[0] == 0
    assert parts(tmp_path / "out").keys() == before.keys()
    new = read_rewards(tmp_path / "out")
    assert [row["id"] for row in new] == [f"5-0-{i}" for i in range(8)]
    assert all(a["reward"] != b["reward"] for a, b in zip(old, new, strict=True))


def test_what_failed_in_a_file_that_is_gone_stays_as_it_is(tmp_path, caplog):
    texts = [prose(random.Random(i), 80) for i in range(4)]
    texts[2] += f" {fault_engine.POISON['nan']} {texts[2]}"
    write(tmp_path / "in", "gone", texts)
    write(tmp_path / "in", "here", texts[:2])
    assert run(caplog, tmp_path)[0] == 1
    before = read_rewards(tmp_path / "out")
    (tmp_path / "in" / "gone.parquet").unlink()
    status, log = run(caplog, tmp_path, "--run.retry_failed")
    assert status == 1 and "1 of 6 documents failed" in log
    assert read_rewards(tmp_path / "out") == before


def test_a_second_driver_is_refused_while_the_first_one_lives(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=1, rows=8, words=100)
    with Lease(Folder(str(tmp_path / "out" / "_rm_ray"))):
        status, log = run(caplog, tmp_path)
    assert status == 2
    assert f"another run is at work in this output folder (process {os.getpid()} on" in log
    assert "listing the input" not in log  # before anything is asked of a machine
    assert not (tmp_path / "out" / "rewards").exists()
    assert run(caplog, tmp_path)[0] == 0


def test_a_part_of_no_planned_shard_is_found(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=1, rows=8, words=100)
    assert run(caplog, tmp_path)[0] == 0
    (part,) = (tmp_path / "out" / "rewards").iterdir()
    stray = part.with_name(part.name.replace("-000000000000-", "-000000000003-"))
    shutil.copy(part, stray)
    status, log = run(caplog, tmp_path)
    wrong = f"1 parts are wrong, first {stray.name}: belongs to no planned shard"
    assert status == 1 and wrong in log


def test_a_damaged_part_is_named_and_judged_again_once_removed(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=1, rows=8, words=100)
    assert run(caplog, tmp_path)[0] == 0
    (part,) = (tmp_path / "out" / "rewards").iterdir()
    before, data = read_rewards(tmp_path / "out"), bytearray(part.read_bytes())
    data[-200:-50] = bytes(150)  # inside the footer: Arrow calls it an OSError
    part.write_bytes(data)
    status, log = run(caplog, tmp_path)
    assert status == 1
    assert f"1 parts are wrong, first {part.name}: damaged: " in log
    part.unlink()
    assert run(caplog, tmp_path)[0] == 0 and read_rewards(tmp_path / "out") == before


STRANGE = {
    "surrogate": b"lone \xed\xa0\x80 surrogate " * 20,
    "latin": "café".encode("latin-1") * 30,
    "nul": b"a\x00b \x00 " * 60,
    "combining": "e\u0301\u0323\u0302 ".encode() * 60,
    "right to left": "\u202eשלום עולם مرحبا ".encode() * 30,
    "one long word": b"x" * 5000,
    "spaces": b" " * 5000,
    "newlines": b"\n" * 5000,
    "byte order mark": "\ufeffHello there. ".encode() * 30,
    "private use": "\U0010ffff\ue000".encode() * 100,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈".encode() * 30,
    "formulas": rb"\frac{1}{2} =IMPORTXML(A1) <script>alert(1)</script> " * 20,
}


def test_strange_characters_are_text_or_are_said_to_be_none(tmp_path, caplog):
    nested = [{"a": [{"b": [[1, None], []]}], "m": [("k", {"x": 1.5})]}, None] * 6
    kind = pa.struct([
        ("a", pa.list_(pa.struct([("b", pa.list_(pa.list_(pa.int64())))]))),
        ("m", pa.map_(pa.string(), pa.struct([("x", pa.float64())]))),
    ])  # fmt: skip
    write(
        tmp_path / "in", "strange", pa.array(list(STRANGE.values()), pa.binary()),
        deep=pa.array(nested, kind),
    )  # fmt: skip
    assert run(caplog, tmp_path, input_keep="deep")[0] == 0
    rows = read_rewards(tmp_path / "out")
    assert [row["status"] for row in rows] == ["invalid", "invalid", *["ok"] * 10]
    assert rows[0]["error"] == "not valid UTF-8: invalid continuation byte at byte 5"
    assert [row["deep"] for row in rows] == nested
    assert all(row["n_chunks"] > 0 for row in rows[2:])


def test_a_hundred_thousand_one_character_documents_are_one_row_each(tmp_path, caplog):
    write(tmp_path / "in", "tiny", pa.array(["x", "é", "", "\x00"] * 25_000))
    assert run(caplog, tmp_path)[0] == 0
    totals = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert totals["statuses"] == {"empty": 25_000, "too_short": 75_000}
    rows = [row["row"] for row in read_rewards(tmp_path / "out")]
    assert rows == list(range(100_000))
