"""Checks that the machines can run the job, before it would wait for ever.

Engines may hold every CPU, and the tasks that read for them and write their results must still run.
So an engine reserves a little less than its CPUs, and each of these tasks needs less than the rest.
"""

import logging
import math
from collections.abc import Sequence

from rm_ray.cluster.machines import (
    Machine,
    cpus_here,
    live_machines,
    machines_by_node,
    spreads_tasks,
    started_here,
)
from rm_ray.cluster.waiting import wait_while
from rm_ray.config import PoolConfig
from rm_ray.errors import ClusterError

log = logging.getLogger(__name__)

# CPUs that Ray reserves for a task beside the engines: the smallest number that Ray knows. There
# are about as many reading tasks as engines, and Ray Data spreads them over the machines.
TASK_CPUS = 0.0001
# Share of its CPUs that an engine leaves for these tasks. On a machine full of up to 32 engines
# there is room for as many reading tasks and one writing task.
LEFT = 0.005


def wait_for_machines(pool: PoolConfig) -> int:
    """Wait until the smallest pool fits, and return how many actors may run at once.

    A cluster that this process has joined may grow, by an autoscaler or by machines that join it.
    This function waits for it up to `pool.wait_s`. A cluster that this process started on this
    machine cannot grow: a pool that does not fit is refused at once, and the pool's maximum is
    lowered to the actors that fit.

    Raises:
        ClusterError: the machines are too few, and none can come or none came in time.
    """
    if not started_here():
        _wait_for_growth(pool)
        return pool.max_actors
    check_machines(pool)
    return _most_actors(pool, live_machines())


def check_machines(pool: PoolConfig) -> None:
    """Refuse a pool that does not fit on this machine, if the cluster is only this machine.

    Raises:
        ClusterError: the machine is too small.
    """
    if started_here() and (lacking := _lacking(pool, live_machines())):
        raise ClusterError(f"{lacking}; lower pool.*, or run on a larger machine")


def check_task(cpus: float, key: str) -> None:
    """Refuse tasks that need more CPUs than this machine has, if the cluster cannot grow.

    Args:
        cpus: CPUs of one task.
        key: the configuration key that sets them.

    Raises:
        ClusterError: the machine is too small.
    """
    if spreads_tasks():
        return
    most = max((machine.cpus for machine in live_machines()), default=cpus_here())
    if cpus > most:
        raise ClusterError(f"{key} is {cpus:g} and this machine has {most:g} CPUs; lower it")


def processes_here(cpus: float) -> int:
    """Return how many tasks of `cpus` CPUs each this machine runs at once, at least 1."""
    return max(1, math.floor(cpus_here() / max(cpus, 1.0) + 1e-9))


def tasks_at_once(cpus: float) -> int:
    """Return how many tasks of `cpus` CPUs each run at once now, at least 1."""
    if not spreads_tasks():
        return processes_here(cpus)
    return max(1, sum(_times(cpus, machine.cpus) for machine in live_machines()))


def _wait_for_growth(pool: PoolConfig) -> None:
    actor = {"CPU": pool.cpus, **({"GPU": pool.gpus} if pool.gpus else {})}
    wait_while(
        lambda: _lacking(pool, live_machines()),
        [actor] * pool.min_actors,
        pool.wait_s,
        "pool.wait_s",
    )


def _lacking(pool: PoolConfig, machines: Sequence[Machine]) -> str | None:
    """Return in words what the machines lack for the smallest pool; None if it fits."""
    gpus = pool.gpus * pool.min_actors
    cpus = pool.cpus * pool.min_actors
    all_gpus = sum(machine.gpus for machine in machines)
    all_cpus = sum(machine.cpus for machine in machines)
    if gpus > all_gpus:
        hint = "" if all_gpus else " (if no GPU will come, run on CPU: --pool.gpus 0)"
        return (
            f"{pool.min_actors} judge actors need {gpus:g} GPUs and the cluster has "
            f"{all_gpus:g}{hint}"
        )
    if cpus > all_cpus:
        return (
            f"{pool.min_actors} judge actors ({pool.cpus:g} CPUs each) need {cpus:g} CPUs and the "
            f"cluster has {all_cpus:g}"
        )
    if (fit := sum(_held(pool, machine) for machine in machines)) < pool.min_actors:
        return (
            f"{pool.min_actors} judge actors of {pool.cpus:g} CPUs and {pool.gpus:g} GPUs each "
            f"are asked for, and the cluster's {len(machines)} machines hold {fit} of that size"
        )
    return None


def _most_actors(pool: PoolConfig, machines: Sequence[Machine]) -> int:
    most = max(
        pool.min_actors, min(pool.max_actors, sum(_held(pool, machine) for machine in machines))
    )
    if most < pool.max_actors:
        log.info("pool.max_actors %d lowered to %d: no more fit", pool.max_actors, most)
    return most


def machines_that_fit(pool: PoolConfig) -> set[str]:
    """Return the node ids of the machines that hold a judge actor."""
    return {node for node, machine in machines_by_node().items() if _held(pool, machine)}


def reserved_cpus(pool: PoolConfig) -> float:
    """Return the CPUs that Ray reserves for one actor. Ray counts in ten-thousandths."""
    return math.floor(pool.cpus * (1 - LEFT) * 10_000) / 10_000


def _held(pool: PoolConfig, machine: Machine) -> int:
    """Return how many judge actors one machine holds."""
    by_cpus = _times(pool.cpus, machine.cpus)
    if not pool.gpus:
        return by_cpus
    # an actor with a part of a GPU has it from one GPU, never from the rests of two GPUs
    on_one = _times(pool.gpus, 1.0)
    by_gpus = on_one * int(machine.gpus) if on_one else _times(pool.gpus, machine.gpus)
    return min(by_cpus, by_gpus)


def _times(part: float, whole: float) -> int:
    return int(whole / part + 1e-9)
