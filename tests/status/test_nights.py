"""The nights of a nightly job, from its folder alone: the real command line over real folders."""

import json

import numpy as np
import pytest

from rm_ray.config import StorageConfig
from rm_ray.run.output.lease import Lease
from rm_ray.run.standing.status import NAME, Standing
from rm_ray.status.__main__ import main
from rm_ray.store.folder import Folder
from tests.report.runs import add_night, documents

OK = {"status": "ok", "sentence": "Nothing to report."}
FAIL = {"status": "fail", "sentence": "1 new alert (web): web is missing."}


def score(folder, *nights, left=0):
    """A segment of three shards for each night. `left`: so many of all shards are not done."""
    for night in nights:
        rows = documents({"web": np.zeros(30)})
        add_night(folder, night, rows, shard_rows=10)
    for part in sorted((folder / "scored" / "rewards").iterdir())[:left]:
        part.unlink()
    if left:
        (folder / "scored" / "_SUCCESS").unlink()


def night(folder, name, segments=None, *, status=None, sentence="", **more):
    """The file of a night as the job writes it."""
    (folder / "nights").mkdir(parents=True, exist_ok=True)
    said = {"night": name, "asked": name, "segments": segments, "status": status}
    said |= {"sentence": sentence, "also": [], **more}
    (folder / "nights" / f"{name}.json").write_text(json.dumps(said))


def report(folder, name):
    (folder / "reports" / name).mkdir(parents=True)
    (folder / "reports" / name / "report.html").touch()


def keep(folder, name, *, done):
    """The folder of a night's filter."""
    kept = folder / "kept" / f"night={name}"
    (kept / "_rm_ray").mkdir(parents=True)
    (kept / "_rm_ray" / "run.json").touch()
    if done:
        (kept / "_SUCCESS").touch()
    return Folder(f"{kept}/_rm_ray", StorageConfig())


def said_of(folder, capsys) -> tuple[int, dict]:
    status = main([str(folder), "--format", "json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_job_whose_nights_are_all_done_is_complete_whatever_their_verdicts(tmp_path, capsys):
    """Nothing is asked of the reports and the history, which may lie elsewhere."""
    score(tmp_path, "23", "24")
    night(tmp_path, "2026-11-23", [0], **OK)
    night(tmp_path, "2026-11-24", [1], **FAIL)
    assert main([str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        f"{tmp_path}: a nightly job",
        "state       complete: every night is done; the last, 2026-11-24: fail",
        "nights      2",
        "  2026-11-23  ok    Nothing to report.",
        "  2026-11-24  fail  1 new alert (web): web is missing.",
    ]
    assert lines[5].startswith(f"scoring     {tmp_path}/scored by test, begun 20")
    assert lines[6] == "shards      6 of 6 done, 0 left"


def test_each_night_is_shown_with_how_far_it_has_come(tmp_path, capsys, caplog):
    score(tmp_path, "21", "22", "23", "24", "25")
    night(tmp_path, "21", [0], **OK)
    keep(tmp_path, "21", done=True)
    night(tmp_path, "22", [], **FAIL)
    night(tmp_path, "23", [1])
    for name, done in (("24", False), ("25", True)):
        night(tmp_path, name, [int(name) - 22])
        report(tmp_path, name)
        keep(tmp_path, name, done=done)
    night(tmp_path, "26", [4])
    report(tmp_path, "26")
    night(tmp_path, "27", [])
    night(tmp_path, "28")
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:12] == [
        "state       not complete: 6 nights are not finished, the first is 23, and nobody is at "
        "work",
        "to go on    the same command as every night: python jobs/nightly.py --config FILE "
        f"--output.path {tmp_path}",
        "nights      8",
        "  21  ok, filtered        Nothing to report.",
        "  22  fail, not filtered  1 new alert (web): web is missing.",
        "  23  not finished        scored, not reported (a report that is being made only shows "
        "when it is done)",
        "  24  not finished        reported; its filter is not done: kept/night=24",
        "  25  not finished        reported; filtered; its verdict is not stored",
        "  26  not finished        reported; no filter has begun",
        "  27  not finished        scored, not reported (a report that is being made only shows "
        "when it is done)",
        "  28  not finished        begun, nothing is planned yet",
    ]
    assert caplog.messages[-1] == (
        f"{tmp_path}: 6 nights are not finished, the first is 23, and nobody is at work; the "
        "nightly job's own command goes on"
    )
    status, said = said_of(tmp_path, capsys)
    assert (status, said["state"], said["complete"], said["nights_in_all"]) == (1, "dead", True, 8)
    assert said["uri"] == f"{tmp_path}/scored"
    assert [(n["night"], n["state"], n["filter"], n["shards"]) for n in said["nights"]] == [
        ("21", "done", "done", None), ("22", "done", None, None), ("23", "scored", None, 3),
        ("24", "reported", "not done", 3), ("25", "reported", "done", 3),
        ("26", "reported", None, 3), ("27", "scored", None, 0), ("28", "begun", None, None),
    ]  # fmt: skip
    assert (said["nights"][1]["verdict"], said["nights"][1]["sentence"]) == tuple(FAIL.values())


def test_what_is_held_released_and_accepted_is_said(tmp_path, capsys):
    score(tmp_path, "21", "22", "23", "24")
    signed = {"by": "ann@there", "at": "then", "because": "checked"}
    none = {"groups": [], "names": [], "documents": None, "released": None}
    for number, delivery in enumerate(
        [
            {**none, "holds": "night", "released": signed},
            {**none, "holds": "groups", "groups": ['["web"]'], "names": ["web"]},
            {**none, "holds": "nothing"},
        ]
    ):
        night(tmp_path, f"{21 + number}", [number], **FAIL, delivery=delivery)
    night(tmp_path, "24", [3], said="fail", sentence="It failed.")
    for name, place, mark in (("22", "kept", "_SUCCESS"), ("22", "held", "_HELD"),
                              ("23", "kept", "_SUCCESS")):  # fmt: skip
        (tmp_path / place / f"night={name}").mkdir(parents=True)
        (tmp_path / place / f"night={name}" / mark).touch()
    accepted = {"group": "web", "night": "22", "signed": signed, "also": []}
    (tmp_path / "nights" / "accepted").mkdir()
    (tmp_path / "nights" / "accepted" / "22.json").write_text(json.dumps(accepted))
    assert main([str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    sentence = FAIL["sentence"]
    assert lines[4:10] == [
        f"  21  fail, released   {sentence}",
        f"  22  fail, web held   {sentence}",
        f"  23  fail, delivered  {sentence}",
        "  24  not finished     reported; no filter has begun (fail: It failed.)",
        "  21: released by ann@there at then: checked",
        "  22: accepted: web by ann@there at then: checked",
    ]
    _, said = said_of(tmp_path, capsys)
    assert [one["filter"] for one in said["nights"]] == ["done", "done", "done", None]


@pytest.mark.parametrize(
    ("left", "state", "shown"),
    [(2, "scoring", "1 of 3 shards scored"), (0, "scored", "scored, not reported")],
)
def test_the_first_night_that_is_begun_has_what_no_night_has(
    tmp_path, capsys, caplog, left, state, shown
):
    score(tmp_path, "24", left=left)
    night(tmp_path, "24")
    night(tmp_path, "24.02")
    status, said = said_of(tmp_path, capsys)
    assert status == 1
    first, second = said["nights"]
    assert (first["state"], first["shards"], first["left"]) == (state, 3, left)
    assert (second["state"], second["shards"], second["left"]) == ("begun", None, None)
    (tmp_path / "nights" / "24.02.json").unlink()
    assert main([str(tmp_path)]) == 1
    assert f"  24  not finished  {shown}" in capsys.readouterr().out
    assert "the night 24 is not finished, and nobody is at work; the nightly" in caplog.text


def test_a_first_night_before_its_scoring_run(tmp_path, capsys, caplog, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.lease.BEAT_SECONDS", 0.2)
    night(tmp_path, "24")
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "  24  not finished  begun, nothing is planned yet\n" in said
    assert said.endswith(f"scoring     {tmp_path}/scored, not planned yet\n")
    assert "the night 24 is not finished" in caplog.text
    with Lease(Folder(f"{tmp_path}/scored/_rm_ray", StorageConfig())):
        assert main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "state       live: process " in said and "waits for machines" in said


def test_a_driver_at_work_on_a_filter_is_seen(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.lease.BEAT_SECONDS", 0.2)
    score(tmp_path, "24")
    night(tmp_path, "24", [0])
    report(tmp_path, "24")
    with Lease(keep(tmp_path, "24", done=False)):
        status, said = said_of(tmp_path, capsys)
    assert (status, said["state"]) == (0, "live")
    assert said["owner"].startswith("process ")
    assert said_of(tmp_path, capsys)[0] == 1


def test_the_last_nights_are_shown_and_those_before_that_are_not_done(tmp_path, capsys):
    score(tmp_path, "03")
    for number in range(1, 21):
        night(tmp_path, f"{number:02}", [], **OK)
    night(tmp_path, "03", [0])
    status, said = said_of(tmp_path, capsys)
    assert (status, said["nights_in_all"]) == (1, 20)
    shown = ["03", *(f"{number:02}" for number in range(7, 21))]
    assert [one["night"] for one in said["nights"]] == shown
    main([str(tmp_path)])
    assert "\nnights      20; 5 earlier ones are done\n  03  not fin" in capsys.readouterr().out


def test_nothing_that_is_stored_is_obeyed_by_a_terminal(tmp_path, capsys, caplog):
    bad = "\x1b]0;mine\x07 \x9b2J \u202e\u2066 a\nb"
    shown = r"\x1b]0;mine\x07 \x9b2J \u202e\u2066 a\nb"
    folder = tmp_path / bad
    score(folder, "24")
    run = folder / "scored" / "_rm_ray"
    stored = json.loads((run / "run.json").read_text())
    stored["config"]["judge"]["model"] = bad
    (run / "run.json").write_text(json.dumps(stored))
    last = Standing("2026-11-24T00:00:00+00:00", 3, 0, faults=1, last_fault=bad, hours=float("nan"))
    (run / NAME).write_bytes(last.to_json())
    night(folder, "24", [0])
    (folder / "nights" / "24.json").write_text(json.dumps({"night": f"24{bad}", "asked": "24"}))
    night(folder, "23", [0], status=bad, sentence=bad)
    assert main([str(folder)]) == 1
    said = capsys.readouterr().out
    assert f"\n  23{' ' * len(shown)}  {shown}  {shown}\n  24{shown}  not finished" in said
    assert f"by {shown}, begun" in said and f"1; the last: {shown}\n" in said
    assert f"the night 24{shown} is not finished" in caplog.text
    assert (said + caplog.messages[-1]).replace("\n", "").isprintable()
    status, told = said_of(folder, capsys)
    assert (status, told["model"], told["last"]["last_fault"]) == (1, bad, bad)
    assert told["last"]["hours"] is None
    assert [(one["night"], one["sentence"]) for one in told["nights"]] == [
        ("23", bad),
        (f"24{bad}", ""),
    ]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / bad).touch()
    assert main([str(tmp_path / "thesis")]) == 2
    assert f"it holds {shown})" in caplog.messages[-1]


@pytest.mark.parametrize(
    "data", ["", "{", "[]", '{"night": "24"}', '{"night": 24, "asked": "24"}',
             '{"night": "24", "asked": "24", "segments": "0"}']
)  # fmt: skip
def test_a_damaged_night_is_named(tmp_path, caplog, data):
    night(tmp_path, "23")
    (tmp_path / "nights" / "24.json").write_text(data)
    assert main([str(tmp_path)]) == 2
    assert caplog.messages[-1] == f"{tmp_path}/nights/24.json is damaged; restore it"


def test_a_night_with_what_the_scoring_run_has_not_is_refused(tmp_path, caplog):
    score(tmp_path, "24")
    night(tmp_path, "24", [0, 1])
    assert main([str(tmp_path)]) == 2
    assert caplog.messages[-1] == (
        f"{tmp_path}/nights/24.json: the night has segment 1 of {tmp_path}/scored, which has 1 "
        "segments, counted from 0; restore the file or the run"
    )


def test_a_night_that_is_dropped_while_it_is_looked_for_is_none(tmp_path, capsys, monkeypatch):
    score(tmp_path, "24")
    night(tmp_path, "24", [0], **OK)
    names = Folder.names
    gone = {f"{tmp_path}/nights": ["gone.json"]}
    monkeypatch.setattr(Folder, "names", lambda one: [*names(one), *gone.get(one.uri, [])])
    status, said = said_of(tmp_path, capsys)
    assert (status, said["nights_in_all"]) == (0, 1)


def test_a_first_night_that_was_refused_has_left_no_run(tmp_path, caplog):
    (tmp_path / "nights").mkdir()
    assert main([str(tmp_path)]) == 2
    assert caplog.messages[-1] == f"{tmp_path}: no run of rm_ray has begun here"


def test_files_that_a_run_went_on_without_leave_nothing_to_do(tmp_path, capsys):
    score(tmp_path, "24", left=3)
    (corpus,) = (tmp_path / "corpus").iterdir()
    totals = {
        "statuses": {},
        "documents": 0,
        "skipped_files": {str(corpus): "a.parquet is damaged"},
    }
    (tmp_path / "scored" / "_SUCCESS").write_text(json.dumps(totals))
    assert main([str(tmp_path / "scored")]) == 0
    said = capsys.readouterr().out
    assert "state       complete\nshards      0 of 0 done, 0 left\n" in said
    assert "left out    1 unreadable input files, first: a.parquet is damaged\n" in said


def test_a_folder_of_the_nights_is_a_plain_run(tmp_path, capsys):
    score(tmp_path, "24")
    night(tmp_path, "24", [0])
    status, said = said_of(tmp_path / "scored", capsys)
    assert (status, said["state"], said["nights"], said["nights_in_all"]) == (
        0,
        "complete",
        None,
        None,
    )
