"""The machines: connect to Ray, and check that what is asked for can run, before it waits for ever.

Ray is imported where it is used: a run that does without it does not wait for its import.

Engines may hold every CPU there is, and what reads for them and writes what they have judged must
run all the same: an engine reserves a little less than its CPUs, and such a task less than that.
"""

import logging
import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rm_ray.config import PoolConfig
from rm_ray.errors import ClusterError

log = logging.getLogger(__name__)

# CPUs that Ray reserves for a task beside the engines: the least that it knows. There are about as
# many that read as there are engines, and Ray Data spreads them over the machines.
TASK_CPUS = 0.0001
# What an engine leaves of its CPUs, for such tasks: however up to 32 engines fill a machine, there
# is room for as many that read and for one that writes.
LEFT = 0.005
POLL_SECONDS = 5.0
# After so long, who waits for machines is told again what for.
REMIND_S = 60.0
# `ray start` leaves this file on a machine of a cluster.
RUNS_HERE = Path(
    os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "ray", "ray_current_cluster"
)
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
# How long a cluster may take to have a machine that runs tasks.
FIRST_MACHINE_S = 1800.0


@dataclass(frozen=True)
class Machine:
    """Resources of one machine; an actor needs all of its own on one."""

    cpus: float
    gpus: float


def join_cluster() -> None:
    """Join the cluster that this process was told of (RAY_ADDRESS, ray job submit), or that runs on
    this machine. Without one, nothing is started.

    Raises:
        ClusterError: as `connect`.
    """
    address = os.environ.get("RAY_ADDRESS") or ("auto" if RUNS_HERE.exists() else "local")
    if address != "local":
        connect()


def spreads_tasks() -> bool:
    """Whether Ray spreads tasks over machines. One that this process has started has this one
    machine alone, and takes longer to start a process than the machine itself.
    """
    return is_connected() and not _started_here()


def connect() -> None:
    """Join the cluster this process was told of (RAY_ADDRESS, ray job submit), or start one here.

    Raises:
        ClusterError: there is no cluster at the address, or none of its machines runs tasks and
            none came.
    """
    import ray
    import ray.data

    # Ray Data prints a traceback of each fault that a run survives; rm_ray says it in a line.
    # Importing it sets this level anew, so it is set here, after that
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        return
    address = os.environ.get("RAY_ADDRESS")
    here = "joining this machine's Ray, or starting one"  # Ray finds one that runs by itself
    log.info("%s", {None: here, "local": "starting Ray here"}.get(address, f"joining {address}"))
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=True)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(f"cannot join or start Ray: {error}") from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray's prints a trace of native code
    _wait_for_a_cpu()
    there = _present()
    log.info(
        "Ray: %d machines, %g CPUs, %g GPUs",
        len(there),
        sum(one.cpus for one in there),
        sum(one.gpus for one in there),
    )


def wait_for_machines(pool: PoolConfig) -> int:
    """Wait until the smallest pool fits; the actors that may run at once.

    A cluster that this process has joined may grow, by an autoscaler or by machines that join it,
    and is waited for, up to `pool.wait_s`. One that it started on this machine cannot: it is
    refused at once, and the pool's maximum is lowered to what fits.

    Raises:
        ClusterError: the machines are too few, and none can come or none came in time.
    """
    if not _started_here():
        _wait_for_growth(pool)
        return pool.max_actors
    check_machines(pool)
    return _most_actors(pool, _present())


def check_machines(pool: PoolConfig) -> None:
    """Refuse a pool that a cluster on this machine alone, which cannot grow, does not hold.

    Raises:
        ClusterError: the machine is too small.
    """
    if _started_here() and (lacking := _lacking(pool, _present())):
        raise ClusterError(f"{lacking}; lower pool.*, or run on a larger machine")


def check_task(cpus: float, key: str) -> None:
    """Refuse tasks that no machine of a cluster that cannot grow has CPUs for.

    Raises:
        ClusterError: the machines are too small.
    """
    if spreads_tasks():
        return
    most = max((one.cpus for one in _present()), default=cpus_here())
    if cpus > most:
        raise ClusterError(f"{key} is {cpus:g} and this machine has {most:g} CPUs; lower it")


@cache
def cpus_here() -> float:
    """The CPUs that this process may use: what the container is given, if that is less."""
    there = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    try:
        quota, period = CPU_QUOTA.read_text().split()
    except (OSError, ValueError):
        return there
    return there if quota == "max" else min(there, int(quota) / int(period))


def processes_here(cpus: float) -> int:
    """How many tasks of so many CPUs each this machine runs at once, at least 1."""
    return max(1, math.floor(cpus_here() / max(cpus, 1.0) + 1e-9))


def tasks_at_once(cpus: float) -> int:
    """How many tasks of so many CPUs each run at once now, at least 1."""
    if not spreads_tasks():
        return processes_here(cpus)
    return max(1, sum(_times(cpus, one.cpus) for one in _present()))


def _wait_for_a_cpu() -> None:
    """A cluster may have only its head yet, where no tasks go, and what is planned needs some."""

    def lacking() -> str | None:
        if any(one.cpus for one in _present()):
            return None
        return "the cluster has none yet that runs tasks (see `ray status` on its head)"

    _wait_while(lacking, [{"CPU": 1}], FIRST_MACHINE_S)


def _wait_for_growth(pool: PoolConfig) -> None:
    actor = {"CPU": pool.cpus, **({"GPU": pool.gpus} if pool.gpus else {})}
    _wait_while(
        lambda: _lacking(pool, _present()), [actor] * pool.min_actors, pool.wait_s, "pool.wait_s"
    )


def _wait_while(
    lacking: Callable[[], str | None],
    bundles: list[dict[str, float]],
    seconds: float,
    key: str | None = None,
) -> None:
    """Wait for machines, as long as something is lacking.

    Args:
        key: of the configuration, that says for how long.

    Raises:
        ClusterError: it still is after so many seconds.
    """
    if lacking() is None:
        return
    from ray.autoscaler.sdk import request_resources

    # an autoscaler brings machines for what is asked of it, not for one who only waits
    request_resources(bundles=bundles)
    deadline = time.monotonic() + seconds
    said, said_at = "", 0.0
    try:
        while what := lacking():
            now = time.monotonic()
            if now >= deadline:
                within = f"{seconds:.0f} s" + (f" ({key})" if key else "")
                raise ClusterError(
                    f"{what}, and no machine came within {within}: `ray status` on "
                    "the cluster's head says why (quota, no spot machines, a setup that failed), "
                    "and the same command waits again"
                )
            if what != said or now - said_at >= REMIND_S:
                log.info("waiting up to %.0f s more for machines: %s", deadline - now, what)
                said, said_at = what, now
            time.sleep(min(POLL_SECONDS, deadline - now))
    finally:
        request_resources(bundles=[])  # from here on Ray Data asks for what it needs


def _lacking(pool: PoolConfig, there: Sequence[Machine]) -> str | None:
    gpus = pool.gpus * pool.min_actors
    cpus = pool.cpus * pool.min_actors
    all_gpus, all_cpus = sum(one.gpus for one in there), sum(one.cpus for one in there)
    if gpus > all_gpus:
        hint = "" if all_gpus else " (where none will come: --pool.gpus 0, on CPU)"
        return (
            f"{pool.min_actors} judge actors need {gpus:g} GPUs and the cluster has "
            f"{all_gpus:g}{hint}"
        )
    if cpus > all_cpus:
        return (
            f"{pool.min_actors} judge actors ({pool.cpus:g} CPUs each) need {cpus:g} CPUs and the "
            f"cluster has {all_cpus:g}"
        )
    if (fit := sum(_held(pool, one) for one in there)) < pool.min_actors:
        return (
            f"{pool.min_actors} judge actors of {pool.cpus:g} CPUs and {pool.gpus:g} GPUs each "
            f"are asked for, and the cluster's {len(there)} machines hold {fit} of that size"
        )
    return None


def machines_that_fit(pool: PoolConfig) -> set[str]:
    """Node ids of the machines that hold a judge actor."""
    return {node for node, machine in _machines().items() if _held(pool, machine)}


def machine_name(node: str) -> str:
    """How people find a machine: by its host's name, and by what its node id begins with."""
    hosts = {known["NodeID"]: known["NodeManagerHostname"] for known in _nodes()}
    return _called(hosts.get(node, "a lost machine"), node)


def reserved_cpus(pool: PoolConfig) -> float:
    """What Ray reserves for one actor; it counts in ten-thousandths."""
    return math.floor(pool.cpus * (1 - LEFT) * 10_000) / 10_000


def _most_actors(pool: PoolConfig, there: Sequence[Machine]) -> int:
    most = max(pool.min_actors, min(pool.max_actors, sum(_held(pool, one) for one in there)))
    if most < pool.max_actors:
        log.info("pool.max_actors %d lowered to %d, what fits", pool.max_actors, most)
    return most


def _held(pool: PoolConfig, machine: Machine) -> int:
    """Judge actors that one machine holds."""
    by_cpus = _times(pool.cpus, machine.cpus)
    if not pool.gpus:
        return by_cpus
    # what shares a GPU has its part of one, and none of what is left over of two
    on_one = _times(pool.gpus, 1.0)
    by_gpus = on_one * int(machine.gpus) if on_one else _times(pool.gpus, machine.gpus)
    return min(by_cpus, by_gpus)


def _times(part: float, whole: float) -> int:
    return int(whole / part + 1e-9)


def alive_machines() -> dict[str, str]:
    """Names of the cluster's machines that live, by node id."""
    return {
        node["NodeID"]: _called(node["NodeManagerHostname"], node["NodeID"])
        for node in _nodes()
        if node["Alive"]
    }


def _called(host: str, node: str) -> str:
    return f"{host} (node {node[:8]})"


def _present() -> list[Machine]:
    return list(_machines().values())


def _machines() -> dict[str, Machine]:
    """Those that live, by node id."""
    resources = {node["NodeID"]: node["Resources"] for node in _nodes() if node["Alive"]}
    return {
        node: Machine(has.get("CPU", 0.0), has.get("GPU", 0.0)) for node, has in resources.items()
    }


def _nodes() -> list[dict[str, Any]]:
    """All that the cluster has or had, as Ray tells of them; none where Ray is not connected."""
    if not is_connected():
        return []
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def is_connected() -> bool:
    """Whether this process has joined or started Ray."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _started_here() -> bool:
    import ray

    node = ray._private.worker._global_node
    return node is not None and bool(node.is_head())
