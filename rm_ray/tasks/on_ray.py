"""Runs tasks with Ray on the machines of a cluster."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import ray

from rm_ray.cluster.machines import free_resources
from rm_ray.errors import one_line
from rm_ray.tasks.ended import Ended, refuse_ended

log = logging.getLogger(__name__)

# Number of results that one task merges.
MERGED_AT_ONCE = 16


def run_on_ray(
    function: Callable[..., Any],
    batches: Sequence[Any],
    more: Sequence[Any],
    *,
    cpus: float,
    retries: int,
    doing: str,
    every_s: float,
) -> list[Any]:
    """Do `run.run_tasks` on Ray."""
    results = _start(function, batches, more, cpus, retries)
    _wait(results, doing, every_s)
    return [_result(reference) for reference in results]


def merge_on_ray(
    function: Callable[..., Any],
    merge: Callable[[Sequence[Any]], Any],
    batches: Sequence[Any],
    more: Sequence[Any],
    *,
    cpus: float,
    doing: str,
    every_s: float,
) -> Any:
    """Do `run.merge_tasks` on Ray: tasks merge the results, and the driver gets only the sum."""
    results = parts = _start(function, batches, more, cpus, retries=3)
    _wait(parts, doing, every_s)
    merging = ray.remote(max_retries=3, num_cpus=cpus)(_merge)
    while len(results) > 1:
        results = [
            merging.remote(merge, *results[i : i + MERGED_AT_ONCE])
            for i in range(0, len(results), MERGED_AT_ONCE)
        ]
    whole = _result(results[0])
    if isinstance(whole, Ended):
        refuse_ended(batches, [_result(reference) for reference in parts])
    return whole


def _start(
    function: Callable[..., Any],
    batches: Sequence[Any],
    more: Sequence[Any],
    cpus: float,
    retries: int,
) -> list[Any]:
    """Start a task for each batch, and return Ray's references to the results."""
    task = ray.remote(num_cpus=cpus, max_retries=retries)(function)
    arguments = [ray.put(argument) for argument in more]
    return [task.remote(batch, *arguments) for batch in batches]


def _wait(tasks: Sequence[Any], doing: str, every_s: float) -> None:
    """Wait until all tasks are done, and log a line every `every_s` seconds."""
    waiting = list(tasks)
    while waiting:
        _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=every_s, fetch_local=False)
        if waiting:
            done = len(tasks) - len(waiting)
            # other jobs may have taken what the first task needs
            free = "" if done else f"; {free_resources()}"
            log.info("%d of %d tasks have %s%s", done, len(tasks), doing, free)


def _result(reference: Any) -> Any:
    """Return a task's result; raise the task's own exception; return Ended if its process ended."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
        if not isinstance(cause, ray.exceptions.RayError):
            raise cause from None
        return Ended(one_line(cause), lost=not isinstance(cause, ray.exceptions.WorkerCrashedError))


def _merge(merge: Callable[[Sequence[Any]], Any], *results: Any) -> Any:
    return merge(results)
