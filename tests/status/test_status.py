"""How a run stands, from its folder alone: the real command line over real folders."""

import json
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rm_ray.config import StorageConfig
from rm_ray.run.output.lease import Lease
from rm_ray.run.standing.price import number
from rm_ray.run.standing.status import NAME, read_standing
from rm_ray.select.config import BEGAN
from rm_ray.status import text
from rm_ray.status.__main__ import main
from rm_ray.status.look import Status
from rm_ray.store.folder import Folder
from tests import fault_engine
from tests.jobs import write_corpus


@pytest.fixture(scope="module")
def scored(tmp_path_factory, ray_cluster):
    """A complete run of an engine that costs 2 dollars an hour."""
    folder = tmp_path_factory.mktemp("scored")
    write_corpus(folder / "in", files=3, rows=4, words=100)
    from rm_ray.score.__main__ import main as score
    from tests.jobs import options

    places = {"input_path": folder / "in", "output_path": folder / "out"}
    assert score([*options(**places, engine_name=fault_engine.NAME, cost_per_gpu_hour=2)]) == 0
    return folder / "out"


@pytest.fixture
def half(scored, tmp_path):
    """The same with one of three parts gone: a run whose driver was killed."""
    out = tmp_path / "out"
    shutil.copytree(scored, out)
    next((out / "rewards").iterdir()).unlink()
    (out / "_SUCCESS").unlink()
    return out


def state_of(out):
    return Folder(f"{out}/_rm_ray", StorageConfig())


def test_a_complete_run(scored, capsys):
    assert main([str(scored)]) == 0
    said = capsys.readouterr().out
    assert f"{scored}: a scoring run by " in said
    assert "state       complete\nshards      3 of 3 done, 0 left\ndocuments   12 (12 ok)" in said
    last = read_standing(state_of(scored))
    assert last.hours > 0 and last.shards_left == 0
    assert f"cost so far {number(last.hours)} engine hours, $" in said and "to finish" not in said


def test_a_dead_run_tells_what_is_left_and_fails(half, capsys, caplog):
    last = replace(
        read_standing(state_of(half)), shards_left=2, hours=10.0, hours_left=4.0,
        seconds_left=7200.0, faults=3, last_fault="the store was away", failed={"raised": 2},
    )  # fmt: skip
    state_of(half).overwrite(NAME, last.to_json())
    assert main([str(half)]) == 1
    said = capsys.readouterr().out
    assert "state       not complete, and nobody is at work" in said
    assert "shards      2 of 3 done, 1 left" in said
    assert "faults      3; the last: the store was away" in said
    assert "given up    2 documents (2 raised)" in said
    assert "cost so far 10 engine hours, $20.00" in said
    # one of the two shards of that word is done since
    assert "to finish   2 engine hours, $4.00, 1 h 00 min with as many engines" in said
    assert "is not complete, and nobody is at work" in caplog.text


def test_a_run_that_is_at_work_is_live_by_its_lease(half, capsys, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.lease.BEAT_SECONDS", 0.2)
    with Lease(state_of(half)):
        assert main([str(half), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["state"] == "live" and said["owner"].startswith("process ")
    assert (said["shards"], said["left"], said["last"]["per_hour"]) == (3, 1, 2.0)


@pytest.mark.parametrize("place", ["", "scored"])
def test_a_run_that_has_not_planned_yet_is_live_too(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.lease.BEAT_SECONDS", 0.2)
    if place:
        (tmp_path / "nights").mkdir()
    with Lease(state_of(tmp_path / place)):
        assert main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path / place}: a new run, not planned yet\n" in said
    assert "state       live: process" in said and "or waits for machines" in said
    assert main([str(tmp_path)]) == 2


def test_the_scoring_run_of_a_nightly_job(scored, tmp_path, capsys):
    shutil.copytree(scored, tmp_path / "nights" / "scored")
    assert main([str(tmp_path / "nights")]) == 0
    assert f"{tmp_path}/nights/scored: a scoring run" in capsys.readouterr().out


def test_a_selection_costs_what_all_its_stages_cost(scored, tmp_path, capsys):
    (tmp_path / BEGAN).write_text("{}")
    hours = {"cheap": 3.0, "sample": 40.0, "main": 200.0, "wider-2": 2.0, "wider-10": 1.0}
    for name, spent in hours.items():
        stage = shutil.copytree(scored, tmp_path / "stages" / name)
        last = replace(read_standing(state_of(stage)), hours=spent, gpus=int(name != "cheap"))
        state_of(stage).overwrite(NAME, last.to_json())
    assert main([str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "cost so far 243 GPU hours, $486.00" in said
    assert "stage       wider-10, after cheap and sample and main and wider-2" in said
    assert "cheap took 3 engine hours, $6.00 more" in said
    assert "documents" not in said.replace("the kept documents", "")
    (tmp_path / "stages" / "wider-10" / "_rm_ray" / NAME).unlink()  # it has just begun
    assert main([str(tmp_path)]) == 1
    assert "cost so far 242 GPU hours, $484.00" in capsys.readouterr().out
    for name in ("cheap", "main", "wider-2", "wider-10"):
        shutil.rmtree(tmp_path / "stages" / name)
    (tmp_path / "_SUCCESS").touch()
    assert main([str(tmp_path)]) == 0
    assert "cost so far 40 GPU hours, $80.00" in capsys.readouterr().out


def test_no_run_is_refused(tmp_path, caplog):
    assert main([str(tmp_path / "nothing")]) == 2
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.docx").touch()
    assert main([str(tmp_path / "thesis")]) == 2
    assert main([]) == 2
    first, second, third = (record.message for record in caplog.records)
    assert first == f"{tmp_path}/nothing: no run of rm_ray has begun here"
    assert "is not empty and not a run of rm_ray (it holds thesis.docx); give the --out" in second
    assert third == "--output.path is required"


def test_what_is_not_known_is_said_to_be(scored):
    last = replace(read_standing(state_of(scored)), hours_left=None, seconds_left=None, speed=None,
                   per_hour=None, at=datetime.now(UTC).isoformat())  # fmt: skip
    status = Status("s3://out", "filter", "then", None, "process 1 on a", False, 9, 5, last, {})
    page = text.page(status)
    assert "to finish   not known yet" in page and "\ncost" not in page
    assert "\nspeed" not in page


def test_several_runs_are_a_table_and_the_worst_is_the_exit_status(scored, half, tmp_path, capsys):
    assert main([str(scored), str(half), "--format", "text"]) == 1
    header, done, dead = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "run" and header.rstrip().endswith("cost so far")
    assert done.startswith(f"{scored}  ") and dead.startswith(f"{half}  ")
    assert "complete" in done and "3 of 3" in done and "100%" in done and "$" in done
    assert "nobody is at work" in dead and "2 of 3" in dead and "67%" in dead
    assert main([str(scored), str(tmp_path / "none"), str(half)]) == 2
    assert "no run" in capsys.readouterr().out
    assert main([str(scored), str(half), "--format", "json"]) == 1
    values = json.loads(capsys.readouterr().out)
    assert [(one["state"], one["left"]) for one in values] == [("complete", 0), ("dead", 1)]


def test_a_watched_run_is_shown_until_nobody_is_at_work(half, capsys, monkeypatch):
    monkeypatch.setattr("rm_ray.run.output.lease.BEAT_SECONDS", 0.2)
    lease = Lease(state_of(half))
    lease.__enter__()
    threading.Timer(3, lease.__exit__, (None, None, None)).start()
    assert main([str(half), "--watch", "--watch_s", "0.2"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("state       live") >= 1
    assert shown.count("nobody is at work") == 1
