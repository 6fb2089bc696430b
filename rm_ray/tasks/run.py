"""Runs tasks: on the cluster that this process has joined, or in processes of this machine."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from rm_ray.cluster.machines import spreads_tasks
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
    """Call a function for each batch, many at once, and return the results in the same order.

    Args:
        function: defined in a module, not inside a function, since only its name is sent.
        batches: each batch is the function's first argument.
        more: the other arguments, the same for all batches.
        cpus: CPUs of each task.
        retries: how often Ray restarts a task after its process or machine has ended.
        at_once: most tasks at once; on a cluster, Ray decides.
        doing: a participle that says what a finished task has done, for log lines.
        every_s: seconds between log lines.

    Raises:
        Exception: a task raised it; other tasks may not have run.
    """
    if spreads_tasks():
        from rm_ray.tasks.on_ray import run_on_ray

        return run_on_ray(
            function, batches, more, cpus=cpus, retries=retries, doing=doing, every_s=every_s
        )
    return run_here(
        function, batches, more, cpus=cpus, at_once=at_once, doing=doing, every_s=every_s
    )


def results_of(
    function: Callable[..., Result],
    batches: Sequence[Any],
    *more: Any,
    of: str | None = None,
    cpus: float,
    doing: str,
    every_s: float = 10.0,
) -> list[Result]:
    """Call a function for each batch; return the results in the order of the batches.

    Args:
        of: address of what the batches hold, for error messages; None if batches are lists of items
            that can be shown.
        function, batches, more, cpus, doing, every_s: as in `run_tasks`.

    Raises:
        InputError: a batch ends every process that runs it.
        Incomplete: a machine was lost again and again, or ran out of memory.
        Exception: a task raised it.
    """
    results = run_tasks(function, batches, *more, cpus=cpus, doing=doing, every_s=every_s)
    refuse_ended(batches if of is None else [[of]] * len(batches), results)
    return cast(list[Result], results)


def merge_tasks(
    function: Callable[..., Any],
    merge: Callable[[Sequence[Any]], Result],
    batches: Sequence[Sequence[Any]],
    *more: Any,
    cpus: float,
    doing: str,
    every_s: float,
) -> Result:
    """Call a function for each batch, and merge the results in the order of the batches.

    Args:
        merge: merges a list of results, or of merged results, into one.
        batches: lists of items, which error messages show.
        function, more, cpus, doing, every_s: as in `run_tasks`.

    Raises: as `results_of`.
    """
    if batches and spreads_tasks():
        from rm_ray.tasks.on_ray import merge_on_ray

        merged: Result = merge_on_ray(
            function, merge, batches, more, cpus=cpus, doing=doing, every_s=every_s
        )
        return merged
    return merge(results_of(function, batches, *more, cpus=cpus, doing=doing, every_s=every_s))
