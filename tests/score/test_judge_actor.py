"""The actor beside its engine: how it starts, and when it makes way."""

import time

import pytest
import ray

from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.tally import Tally
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.examples import JudgeExamples
from rm_ray.score.judge_actor import JudgeActor
from tests import fault_engine
from tests.conftest import engine_settings, tiny_judge


class Alone(JudgeActor):
    """Without Ray Data, which hands references on as they are."""

    def __init__(self, settings, refs, tally):
        super().__init__(settings, *refs, JudgeExamples(), tally, None)


def until(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


@pytest.mark.parametrize("trouble", [fault_engine.WAITS, fault_engine.SICK])
def test_an_actor_whose_engine_does_not_start_tries_twice_and_makes_way(trouble, fault_folder):
    (fault_folder / trouble).touch()
    tally = start_tally(ScoreCounts, engines=1, silence_s=60, start_s=2, here=False)
    settings = engine_settings(fault_engine.NAME, start_s=2)
    actor = (
        ray.remote(Alone)
        .options(num_cpus=1, max_restarts=-1)
        .remote(settings, [ray.put(tiny_judge()[1])], tally)
    )
    reasons = {
        fault_engine.WAITS: "it was not ready after 2 s, and its process was ended",
        fault_engine.SICK: "RuntimeError: the engine is sick",
    }
    (node,) = until(lambda: tally.call(Tally.failed_machines))
    assert tally.call(Tally.progress).faults == 2
    failed, _ = tally.call(Tally.watch, {node})
    assert failed == {node: f"the engine did not start: {reasons[trouble]}"}
    with pytest.raises(ray.exceptions.RayActorError):
        ray.get(actor.__ray_ready__.remote(), timeout=60)
