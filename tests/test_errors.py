"""What errors say to do next."""

import sys

from rm_ray.errors import same_command


def test_the_way_on_is_the_command_that_was_given(monkeypatch):
    monkeypatch.setattr("sys.argv", ["jobs/score.py", "--input.path", "a b"])
    assert same_command() == f"{sys.executable} jobs/score.py --input.path 'a b'"
    installed = "/usr/lib/python3.11/site-packages/rm_ray/nightly/__main__.py"
    with monkeypatch.context() as inside:
        inside.setattr(sys, "argv", [installed, "--config", "/etc/n.yaml"])
        assert same_command() == f"{sys.executable} -m rm_ray.nightly --config /etc/n.yaml"
        inside.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
        assert same_command() == "ray job submit -- python -m rm_ray.nightly --config /etc/n.yaml"
    for door in ("/usr/bin/rm_ray", "/usr/lib/python3.11/site-packages/rm_ray/__main__.py"):
        with monkeypatch.context() as inside:
            inside.setattr(sys, "argv", [door, "score", "--input.path", "a b"])
            assert same_command() == f"{sys.executable} -m rm_ray score --input.path 'a b'"
            inside.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
            again = "ray job submit -- python -m rm_ray score --input.path 'a b'"
            assert same_command() == again
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")  # of a job that was submitted
    assert same_command() == (
        "ray job submit --working-dir . -- python jobs/score.py --input.path 'a b'"
    )
