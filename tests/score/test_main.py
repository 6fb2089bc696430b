"""The command line's own process: what it refuses, it refuses before anything slow is imported."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

SLOW = {"ray", "torch", "transformers", "vllm", "pyarrow"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["-m", "rm_ray", "score"], ["-m", "rm_ray.score"], ["jobs/score.py"]]
)
def test_a_typo_and_a_cry_for_help_are_answered(words):
    def run(*more):
        command = [sys.executable, *words, *more]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    page = run("--help")
    assert page.returncode == 0 and "--judge.model" in page.stdout
    section = run("--help", "judge")
    assert section.returncode == 0 and "--judge.context_tokens" in section.stdout
    wrong = run("--input.pth", "x")
    assert wrong.returncode == 2 and not wrong.stdout
    assert "unknown key --input.pth; did you mean --input.path?" in wrong.stderr


def test_what_takes_seconds_to_import_waits_for_a_right_command_line():
    code = (
        "import sys; from rm_ray.score.__main__ import main; main(['--help']); "
        f"sys.exit(' '.join({SLOW} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
