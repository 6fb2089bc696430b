"""Runs tasks: on the cluster that this process has joined, or in processes of this machine."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rm_ray.cluster import spreads_tasks
from rm_ray.tasks.ended import Ended, refuse_ended
from rm_ray.tasks.here import run_here

Result = TypeVar("Result")


def run_tasks(
    function: Callable[..., Result],
    batches: Sequence[Any],
    *more: Any,
    cpus: float = 0.5,
    retries: int = 3,
    at_once: int | None = None,
    doing: str = "ended",
    every_s: float = 10.0,
) -> list[Result | Ended]:
    """Call a function for each batch, many at once; the results in the order of the batches.

    Args:
        function: of a module, not of another function: it travels by its name.
        batches: each is the function's first argument.
        more: the other arguments, the same for all batches.
        cpus: of each task.
        retries: how often Ray starts a task again whose process or machine has ended.
        at_once: the most that run at once; on a cluster, Ray decides.
        doing: what finished tasks have done, for the lines of the log.
        every_s: seconds between these lines.

    Raises:
        Exception: a task raised it; the others may not have run.
    """
    if spreads_tasks():
        from rm_ray.tasks.on_ray import run_on_ray

        return run_on_ray(
            function, batches, more, cpus=cpus, retries=retries, doing=doing, every_s=every_s
        )
    return run_here(
        function, batches, more, cpus=cpus, at_once=at_once, doing=doing, every_s=every_s
    )


def merge_tasks(
    function: Callable[..., Any],
    merge: Callable[[Sequence[Any]], Result],
    batches: Sequence[Sequence[Any]],
    *more: Any,
    cpus: float,
    doing: str,
    every_s: float,
) -> Result:
    """Merge the results of a function of each batch, in the order of the batches.

    Args:
        merge: of results, or of what it has merged.
        batches: lists of items that have names.
        function, more, cpus, doing, every_s: as of `run_tasks`.

    Raises:
        InputError: a batch ends each process that it is given to.
        Incomplete: a machine was lost again and again, or ran out of memory.
        Exception: a task raised it.
    """
    if batches and spreads_tasks():
        from rm_ray.tasks.on_ray import merge_on_ray

        merged: Result = merge_on_ray(
            function, merge, batches, more, cpus=cpus, doing=doing, every_s=every_s
        )
        return merged
    results = run_tasks(function, batches, *more, cpus=cpus, doing=doing, every_s=every_s)
    refuse_ended(batches, results)
    return merge(results)
