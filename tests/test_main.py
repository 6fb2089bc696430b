"""The command `rm_ray`: it lists the jobs, and runs the one that is named."""

import importlib.util
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint

import pytest

from rm_ray.__main__ import main
from rm_ray.command_line.jobs import JOBS
from tests.conftest import ROOT


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["-h"], 0)])
def test_without_a_job_the_jobs_are_listed(words, status, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(words) == status
    page = capsys.readouterr().out
    jobs = page.partition("Jobs:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in jobs] == [*JOBS]
    assert max(map(len, page.splitlines())) <= 80


@pytest.mark.parametrize("job", JOBS)
def test_every_job_has_its_doors(job, capsys):
    assert importlib.util.find_spec(f"rm_ray.{job}.__main__")
    assert (ROOT / "jobs" / f"{job}.py").is_file()
    pages = []
    for words in ([job, "--help"], ["--help", job]):
        assert main(words) == 0
        pages.append(capsys.readouterr().out)
    assert pages[0] == pages[1] and pages[0].startswith(JOBS[job])
    assert main(["--help", job, "output"]) == 0
    assert capsys.readouterr().out.startswith("output: ")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("scroe", "'scroe' is not a job; did you mean score?"),
        ("x", "'x' is not a job; the first word is one of score, filter, report, select, "),
        ("--input.path", "'--input.path' is not a job; the first word is one of score, filter"),
    ],
)
def test_a_job_that_there_is_not_is_refused(word, said, caplog, capsys):
    assert main([word, "--output.path", "x"]) == 2
    assert said in caplog.text and not capsys.readouterr().out


def test_the_installed_command_is_this_one():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert EntryPoint("rm_ray", scripts["rm_ray"], "console_scripts").load() is main


@pytest.mark.slow
def test_only_the_job_that_is_asked_for_is_imported():
    code = """
import sys
from rm_ray.__main__ import main
def there():
    return {"ray", "torch", "vllm", "rm_ray.score", "rm_ray.filter"} & set(sys.modules)
main(["--help"])
listing = there()
main(["score", "--help"])
sys.exit(f"{listing} {there()}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.strip() == "set() {'rm_ray.score'}"
