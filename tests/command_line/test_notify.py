"""Others hear of a job's end: by a command, and by a POST that is tried again."""

import http.server
import json
import os
import threading

import pytest

from rm_ray.command_line import notify
from rm_ray.command_line.run import run_job
from rm_ray.errors import Alerted, InputError
from rm_ray.score.__main__ import USAGE
from rm_ray.score.config import ScoreConfig

MINIMAL = ["--input.path", "in", "--output.path", "out/", "--judge.model", "m"]
SECRET = "T0/hush"


class Hook(http.server.ThreadingHTTPServer):
    """A server that answers with the given statuses, in turn, and keeps what it was sent."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.taken = list(answers), []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, json.loads(body)))
        self.send_response(self.server.answers.pop(0))
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook(request, monkeypatch):
    monkeypatch.setattr(notify, "WAITS_S", (0, 0, 0))
    with Hook(*request.param) as server:
        port = server.server_address[1]
        monkeypatch.setenv("WEBHOOK", f"http://127.0.0.1:{port}/{SECRET}")
        yield server
        server.shutdown()


def job(*words, run=lambda _: None):
    return run_job([*MINIMAL, *words], ScoreConfig, USAGE, run, lambda _: "a page")


def raises(error):
    def run(_):
        raise error

    return run


@pytest.mark.parametrize("hook", [(200,)], indirect=True)
def test_a_post_tells_how_the_job_ended_and_quotes_nothing_of_the_corpus(hook, caplog):
    caplog.set_level("INFO")
    error = Alerted("the group 'a text of the corpus' moved")
    assert job("--notify.webhook", "WEBHOOK", run=raises(error)) == 3
    ((path, told),) = hook.taken
    assert path == f"/{SECRET}" and told.pop("seconds") >= 0 and told.pop("version")
    assert told == {
        "job": "score",
        "exit_status": 3,
        "ending": "complete with an alert",
        "output": "out",
        "summary": "out/_rm_ray/metrics.json",
    }
    assert "127.0.0.1: told that the job is complete with an alert" in caplog.text
    assert "hush" not in caplog.text


@pytest.mark.parametrize("hook", [(503, 429, 204)], indirect=True)
def test_a_post_is_tried_again_where_the_fault_may_pass(hook):
    assert job("--notify.webhook", "WEBHOOK") == 0
    assert len(hook.taken) == 3


@pytest.mark.parametrize("hook", [(404, 200), (302, 200), (500, 500, 500)], indirect=True)
def test_a_post_that_is_not_taken_is_a_warning_and_nothing_else(hook, caplog):
    first = hook.answers[0]
    assert job("--notify.webhook", "WEBHOOK") == 0
    assert f"127.0.0.1: it answered {first}; the job's exit status stays 0" in caplog.text
    assert len(hook.taken) == (3 if first == 500 else 1) and "hush" not in caplog.text


@pytest.mark.parametrize("hook", [()], indirect=True)
def test_nobody_is_told_of_a_dry_run_or_by_an_address_that_is_none(hook, caplog, monkeypatch):
    assert job("--notify.webhook", "WEBHOOK", "--dry-run") == 0
    assert not hook.taken
    monkeypatch.setenv("WEBHOOK", "hush")
    assert job("--notify.webhook", "WEBHOOK") == 0
    assert "is no http:// or https:// address" in caplog.text and "hush" not in caplog.text
    monkeypatch.setenv("WEBHOOK", "http://[hush")
    assert job("--notify.webhook", "WEBHOOK") == 0 and "hush" not in caplog.text
    monkeypatch.delenv("WEBHOOK")
    assert job("--notify.webhook", "WEBHOOK") == 0
    assert "WEBHOOK is not set; nobody was told" in caplog.text


def test_an_address_on_the_command_line_is_refused_without_being_shown(caplog):
    assert job("--notify.webhook", "https://hooks.example/hush") == 2
    assert "is the name of an environment variable" in caplog.text and "hush" not in caplog.text


def test_a_command_has_the_values_in_its_environment(tmp_path, caplog):
    told = tmp_path / "told"
    command = f'echo "$RM_RAY_JOB $RM_RAY_EXIT_STATUS $RM_RAY_ENDING $RM_RAY_SUMMARY" > {told}'
    words = [*MINIMAL, "--notify.command", command]
    words[3] = "$(touch x); 'y'"
    assert run_job(words, ScoreConfig, USAGE, raises(InputError("no")), lambda _: "") == 2
    assert told.read_text() == "score 2 refused $(touch x); 'y'/_rm_ray/metrics.json\n"


def test_a_command_that_fails_or_hangs_does_not_change_the_exit_status(caplog, monkeypatch):
    assert job("--notify.command", "echo no mail >&2; exit 3") == 0
    assert "notify.command: exit status 3: no mail; the job's exit status stays 0" in caplog.text
    assert job("--notify.command", "echo " + "x" * 3_000_000) == 0  # longer than the system takes
    assert "Argument list too long: '/bin/sh'; the job's exit status stays 0" in caplog.text
    monkeypatch.setattr(notify, "COMMAND_S", 0.2)
    assert job("--notify.command", "sleep 30; true") == 0
    assert "it had not ended after 0.2 s" in caplog.text


def test_an_interrupted_job_tells_too(tmp_path, monkeypatch):
    def leave(status):
        raise SystemExit(status)

    monkeypatch.setattr(os, "_exit", leave)
    told = tmp_path / "told"
    with pytest.raises(SystemExit, match="1"):
        job(
            "--notify.command",
            f"echo $RM_RAY_ENDING > {told}",
            run=raises(KeyboardInterrupt()),
        )
    assert told.read_text() == "not complete\n"
