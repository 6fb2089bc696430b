"""The tally's handle: every process of a run calls the tally with it.

Ray gives the methods of an actor no types, so a misspelt one would only fail during a run. The
handle is given the methods of the class Tally instead, and mypy checks them and their arguments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

import ray
from ray.actor import ActorProxy
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rm_ray.run.counts import RunCounts
from rm_ray.run.faults.tally import Tally

# So many faults with nothing done in between are not the documents': the run stops.
FAULTS_IN_A_ROW = 10

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class TallyHandle:
    """The tally as other processes see it; it travels to Ray's tasks and actors.

    `method` is always a method of Tally, such as `Tally.fault`; its arguments follow.
    """

    actor: ActorProxy[Tally]

    def tell(
        self,
        method: Callable[Concatenate[Tally, Arguments], None],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> None:
        """Send the tally a call, and go on at once: nothing says when it is done."""
        getattr(self.actor, method.__name__).remote(*args, **kwargs)

    def call(
        self,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Send the tally a call, and wait until it is done; returns what the method returns."""
        return self.call_within(None, method, *args, **kwargs)

    def call_within(
        self,
        seconds: float | None,
        method: Callable[Concatenate[Tally, Arguments], Answer],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Answer:
        """Like `call`, but wait no longer than so many seconds, if any are given.

        Raises:
            GetTimeoutError: of Ray, a RayError: the tally has not answered by then.
        """
        sent = getattr(self.actor, method.__name__).remote(*args, **kwargs)
        answer: Answer = ray.get(sent, timeout=seconds)
        return answer


def start_tally(
    counts: type[RunCounts], engines: int, silence_s: float, start_s: float
) -> TallyHandle:
    """Start the tally beside the driver. `engines`: the most that will run at once."""
    here = ray.get_runtime_context().get_node_id()
    strategy = NodeAffinitySchedulingStrategy(here, soft=True)
    # all of them may be lost at once, twice over, and the run still goes on
    most_faults = FAULTS_IN_A_ROW + 2 * engines
    # should it be lost, counting begins anew, and the driver adds what it was told before; shards
    # whose failure it forgets are found missing at the end, and the next round or run meets them
    return TallyHandle(
        ray.remote(Tally)
        .options(num_cpus=0, scheduling_strategy=strategy, max_restarts=-1, max_task_retries=-1)
        .remote(counts, most_faults, silence_s, start_s)
    )
