"""Runs tasks in processes of this machine.

The processes are forked from a server that has already imported their modules (`warm`), and are
kept between calls. If one process ends, all batches under way are lost. Each lost batch is retried
in a process of its own, so only the batch at fault fails.
"""

import logging
import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

from rm_ray.cluster.fit import processes_here
from rm_ray.tasks.ended import Ended

log = logging.getLogger(__name__)

CONTEXT = multiprocessing.get_context("forkserver")
# A batch is given up after it has ended this many processes that ran nothing else.
TRIES = 2


def warm(*modules: str) -> None:
    """Import modules for later processes, while this process does something else."""
    CONTEXT.set_forkserver_preload(list(modules))
    _start_tracker()
    forkserver.ensure_running()


def _start_tracker() -> None:
    """Start the process of the standard library that removes semaphores after a driver's end.

    The process would warn of them in the log of each run that is stopped.
    """
    name = "PYTHONWARNINGS"
    before = os.environ.get(name)
    os.environ[name] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def run_here(
    function: Callable[..., Any],
    batches: Sequence[Any],
    more: Sequence[Any],
    *,
    cpus: float,
    at_once: int | None,
    doing: str,
    every_s: float,
) -> list[Any]:
    """Do `run.run_tasks` in processes of this machine. A task takes at least one CPU."""
    if not batches:
        return []
    most = min(processes_here(cpus), at_once or len(batches), len(batches))
    with _in_a_file((function, more)) as file:
        results, lost = _run_all(file, batches, most, doing=doing, every_s=every_s)
        for number in lost:
            results[number] = _run_alone(file, batches[number])
    return [results[number] for number in range(len(batches))]


def _run_all(
    file: str, batches: Sequence[Any], most: int, *, doing: str, every_s: float
) -> tuple[dict[int, Any], list[int]]:
    """Return the results by batch number, and the numbers of batches lost with a process."""
    pool, environment = _pool(), dict(os.environ)
    # one batch more than processes, so that no process waits for its next batch
    ahead = most + (most == processes_here(1))
    results: dict[int, Any] = {}
    waiting: dict[Future[Any], int] = {}
    numbers, logged_at = iter(range(len(batches))), time.monotonic()
    try:
        while len(results) < len(batches):
            while len(waiting) < ahead and (number := next(numbers, None)) is not None:
                waiting[pool.submit(_call, file, batches[number], environment)] = number
            done, _ = wait(waiting, timeout=every_s, return_when=FIRST_COMPLETED)
            for future in done:
                results[waiting[future]] = future.result()
                del waiting[future]
            if time.monotonic() - logged_at >= every_s and waiting:
                log.info("%d of %d tasks have %s", len(results), len(batches), doing)
                logged_at = time.monotonic()
    except BrokenProcessPool:
        _pool.cache_clear()
        return results, [number for number in range(len(batches)) if number not in results]
    except BaseException:
        for future in waiting:
            future.cancel()  # tasks that run already end, and their results are dropped
        raise
    return results, []


def _run_alone(file: str, batch: Any) -> Any:
    for _ in range(TRIES):
        with _new_pool(1) as pool:
            try:
                return pool.submit(_call, file, batch, dict(os.environ)).result()
            except BrokenProcessPool as error:
                reason = str(error).rstrip(".")
    return Ended(reason)


@lru_cache(maxsize=1)
def _pool() -> ProcessPoolExecutor:
    """Return the pool of processes that is kept between calls."""
    return _new_pool(processes_here(1))


def _new_pool(most: int) -> ProcessPoolExecutor:
    _start_tracker()
    return ProcessPoolExecutor(most, CONTEXT, _begin)


def _begin() -> None:
    """Prepare a process: it ignores Ctrl-C, and ends when its parent process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    import pyarrow as pa  # imported here, so that warming the server does not wait for it

    pa.set_cpu_count(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # this process was started by multiprocessing
    parent.join()
    os._exit(1)


def _call(file: str, batch: Any, environment: dict[str, str]) -> Any:
    """Do one batch with the driver's environment, since the fork server may have an older one.

    The environment may hold credentials, so it is never written to a file.
    """
    if os.environ != environment:
        os.environ.update(environment)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
    function, arguments = _load(file)
    return function(batch, *arguments)


@lru_cache(maxsize=1)
def _load(file: str) -> Any:
    """Load the function and arguments that all batches of a call share, once per process."""
    return pickle.loads(Path(file).read_bytes())


@contextmanager
def _in_a_file(value: Any) -> Iterator[str]:
    with tempfile.NamedTemporaryFile(prefix="rm_ray-task-") as file:
        pickle.dump(value, file)
        file.flush()
        yield file.name
