"""A job from words to an exit status: what is said, where, and what is never shown."""

import pytest

from rm_ray.command_line.run import run_job
from rm_ray.score.__main__ import USAGE
from rm_ray.score.config import ScoreConfig

MINIMAL = ["--input.path", "in", "--output.path", "out", "--judge.model", "m"]


PRESIGNED = (
    "https://b.s3.amazonaws.com/c.parquet?X-Amz-Credential=hush%2Fs3&X-Amz-Signature=hush",
    "https://s.googleapis.com/b/c.parquet?X-Goog-Signature=hush",
    "https://a.blob.core.windows.net/c/d.parquet?sv=2024&sig=hush%3D",
    "https://b.s3.amazonaws.com/c.parquet?AWSAccessKeyId=hush&Signature=hush&Expires=1",
    "https://user:hush@host/c.parquet",
    "https://catalog/ws/c.parquet?warehouse=w&token=hush",
    "https://host/c.parquet?client_secret=hush&access_token=hush&api_key=hush&password=hush",
)


def job(argv, run=lambda _: None, dry_run=lambda _: ""):
    return run_job(argv, ScoreConfig, USAGE, run, dry_run)


@pytest.mark.parametrize("url", PRESIGNED)
@pytest.mark.parametrize("key", ["input.path", "output.path", "input.storage.endpoint_url"])
def test_secrets_in_urls_are_refused_without_being_shown(key, url, caplog):
    """They would be stored in run.json, the plan and every row."""
    words = dict(zip(MINIMAL[::2], MINIMAL[1::2], strict=True)) | {f"--{key}": url}
    argv = [word for pair in words.items() for word in pair]
    assert job(argv) == 2
    assert "holds credentials" in caplog.text and "hush" not in caplog.text


def test_no_refusal_shows_a_secret(tmp_path, caplog):
    file = tmp_path / "c.yaml"
    file.write_text(f"input: {{path: [{PRESIGNED[0]!r}, 5]}}")
    for argv in (["--config", str(file), *MINIMAL[2:]], [PRESIGNED[0]]):
        assert job(argv) == 2
    assert "input.path" in caplog.text and "hush" not in caplog.text


def test_the_same_command_goes_on_only_where_it_does(caplog):
    for error, said in ((OSError(5, "it broke"), "stays, the same command goes on"),
                        (PermissionError("no"), "stays, and once this is put right")):  # fmt: skip

        def run(_, error=error):
            raise error

        assert job(MINIMAL, run) == 1
        assert said in caplog.text


def test_exit_status_is_2_for_a_refusal(caplog):
    assert job(["--bad", "x"]) == 2
    assert "unknown key --bad" in caplog.text


def test_stdout_of_a_dry_run_holds_the_page_and_nothing_else(capsys):
    def dry_run(config):
        print("(raylet) WARNING: 16 PYTHON worker processes have been started")
        return "the page"

    assert job(["--dry-run", *MINIMAL], dry_run=dry_run) == 0
    printed = capsys.readouterr()
    assert printed.out == "the page\n" and "worker processes" in printed.err
