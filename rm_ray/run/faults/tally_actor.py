"""The tally as an actor of Ray, beside the driver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.actor import ActorProxy
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from typing_extensions import override

from rm_ray.run.faults.handle import NoAnswer, TallyHandle
from rm_ray.run.faults.tally import Tally


@dataclass(frozen=True)
class TallyActor(TallyHandle):
    """A TallyActor calls the tally's actor."""

    actor: ActorProxy[Tally]
    """The actor."""

    @override
    def _send(
        self, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[float | None], Any]:
        sent = getattr(self.actor, method).remote(*args, **kwargs)

        def answer(seconds: float | None) -> Any:
            try:
                return ray.get(sent, timeout=seconds)
            except ray.exceptions.RayError as error:
                raise NoAnswer(f"the tally does not answer: {error}") from error

        return answer


def start_tally_actor(*arguments: Any) -> TallyActor:
    """Start the tally as an actor on the driver's machine, with the arguments of Tally."""
    here = ray.get_runtime_context().get_node_id()
    strategy = NodeAffinitySchedulingStrategy(here, soft=True)
    # if the actor is lost, its successor counts from 0, and the driver adds the counts that it had
    # read before; shards whose failures are forgotten are missing at the end, and the next round
    # or run does them
    options = {
        "num_cpus": 0,
        "scheduling_strategy": strategy,
        "max_restarts": -1,
        "max_task_retries": -1,
        # Ray's head would keep 3 KiB for each of the last 100,000 calls
        "enable_task_events": False,
    }
    return TallyActor(ray.remote(Tally).options(**options).remote(*arguments))
