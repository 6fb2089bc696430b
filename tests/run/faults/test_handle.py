"""The tally's handle: what mypy refuses, and what reaches the tally."""

import re
import subprocess
import sys

import pytest
import ray

from rm_ray.run.faults.handle import NoAnswer
from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.tally import Tally
from rm_ray.run.faults.tally_actor import TallyActor
from rm_ray.score.counts import ScoreCounts
from rm_ray.tasks.run import run_tasks
from tests.conftest import ROOT

HEAD = """
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
def use(tally: TallyHandle) -> None:
"""


def refused(calls, cache):
    """The calls that mypy refuses, each with mypy's code for the mistake."""
    source = HEAD + "".join(f"    {call}\n" for call in calls)
    # without the settings of this project and the packages beside it, this takes about a second
    few = ["--config-file=", "--no-site-packages", "--ignore-missing-imports"]
    few += ["--follow-imports=silent"]
    found = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", *few, f"--cache-dir={cache}", "-c", source],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    errors = re.findall(r"^<string>:(\d+): error: .*\[(.*)\]$", found.stdout, re.MULTILINE)
    return {source.splitlines()[int(line) - 1].strip(): code for line, code in errors}


def test_mypy_refuses_a_misspelt_method_and_a_wrong_argument(tmp_path):
    right = [
        'tally.call(Tally.fault, "why", kind="store")',
        'tally.tell(Tally.halt, "why")',
        "writes: int = tally.call_within(1.0, Tally.writes)",
    ]
    wrong = {
        'tally.call(Tally.may_tri, "reading a")': "attr-defined",
        "tally.tell(Tally.halt, 1)": "arg-type",
        "tally.tell(Tally.halt)": "call-arg",
        "tally.call_within(1.0, Tally.writes, 1)": "call-arg",
        'tally.call(Tally.fault, "why", kind="unheard of")': "arg-type",
        "text: str = tally.call(Tally.writes)": "assignment",
        'tally.tell(Tally.may_try, "reading a")': "arg-type",  # nobody would hear the answer
    }
    assert refused([*right, *wrong], tmp_path) == wrong


def work(_, handle):
    handle.tell(Tally.add, ScoreCounts(documents=2))
    handle.call(Tally.fault, "it raised", kind="store")
    return handle.call(Tally.may_try, "reading a")


def test_processes_of_the_machine_reach_the_drivers_tally():
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=True)
    assert run_tasks(work, [[1], [2], [3]], tally) == [True] * 3
    now = tally.call_within(60, Tally.progress)
    assert (now.work, now.fault_kinds) == (ScoreCounts(documents=6), {"store": 3})


def wrong_work(_, handle):
    try:
        handle.call(Tally.progressed, "no counts")
    except NoAnswer as error:
        return f"{error}; {handle.call(Tally.may_try, 'reading a')}"


def test_a_process_hears_why_the_tally_failed_and_goes_on():
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=True)
    (heard,) = run_tasks(wrong_work, [[1]], tally)
    assert heard.startswith("the tally failed: TypeError: ") and heard.endswith("; True")


@pytest.mark.usefixtures("ray_cluster")
def test_a_task_reaches_the_drivers_tally():
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=60, here=False)
    assert ray.get(ray.remote(num_cpus=0)(work).remote([], tally)) is True
    now = tally.call_within(60, Tally.progress)
    assert (now.work, now.fault_kinds) == (ScoreCounts(documents=2), {"store": 1})


@pytest.mark.usefixtures("ray_cluster")
def test_a_tally_that_does_not_answer_is_waited_for_no_longer_than_asked():
    never = ray.remote(Tally).options(num_cpus=1_000_000).remote(ScoreCounts, 3, 60, 60)
    with pytest.raises(NoAnswer):
        TallyActor(never).call_within(0.1, Tally.progress)
