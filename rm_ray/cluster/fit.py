"""Connects to Ray, and checks that the machines can run the job, before it would wait for ever.

Ray is imported inside functions, so a run without Ray does not wait for its import.

Engines may hold every CPU, and the tasks that read for them and write their results must still run.
So an engine reserves a little less than its CPUs, and each of these tasks needs less than the rest.
"""

import logging
import math
import os
import signal
import socket
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

# CPUs that Ray reserves for a task beside the engines: the smallest number that Ray knows. There
# are about as many reading tasks as engines, and Ray Data spreads them over the machines.
TASK_CPUS = 0.0001
# Share of its CPUs that an engine leaves for these tasks. On a machine full of up to 32 engines
# there is room for as many reading tasks and one writing task.
LEFT = 0.005
POLL_SECONDS = 5.0
# Seconds after which a waiting run logs again what it waits for.
REMIND_S = 60.0
# `ray start` leaves this file on a machine of a cluster.
RUNS_HERE = Path(
    os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "ray", "ray_current_cluster"
)
# Seconds in which the head of a cluster must answer.
HEAD_S = 20.0
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")
# Seconds in which a cluster must have a first machine that runs tasks.
FIRST_MACHINE_S = 1800.0


@dataclass(frozen=True)
class Machine:
    """A Machine holds the resources of one machine. An actor must fit on one machine."""

    cpus: float
    """CPUs of the machine."""
    gpus: float
    """GPUs of the machine."""


def join_cluster() -> None:
    """Join the cluster of RAY_ADDRESS or of `ray job submit`, or the one that this machine runs.

    Without a cluster, nothing is started.

    Raises:
        ClusterError: for the same reasons as in `connect`.
    """
    address = os.environ.get("RAY_ADDRESS") or ("auto" if RUNS_HERE.exists() else "local")
    if address != "local":
        connect()


def spreads_tasks() -> bool:
    """Return True if Ray spreads tasks over machines.

    A Ray that this process started has only this machine, and starts a process more slowly than
    the machine itself does.
    """
    return is_connected() and not _started_here()


def connect() -> None:
    """Join the cluster of RAY_ADDRESS or `ray job submit`, or start one on this machine.

    Raises:
        ClusterError: there is no cluster at the address, or no machine that runs tasks came.
    """
    import ray
    import ray.data

    # Ray Data prints a traceback of each fault that a run survives; rm_ray logs one line instead.
    # The level is set after the import, since the import sets it too.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        return
    address = os.environ.get("RAY_ADDRESS")
    check_head(address)
    # without an address, Ray finds a running cluster by itself
    default = "joining this machine's Ray, or starting one"
    log.info("%s", {None: default, "local": "starting Ray here"}.get(address, f"joining {address}"))
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=True)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(f"cannot join or start Ray: {error}") from None
    if threading.current_thread() is threading.main_thread():
        # Ray's handler prints a trace of native code
        signal.signal(signal.SIGTERM, on_sigterm)
    _wait_for_a_cpu()
    machines = _present()
    log.info(
        "Ray: %d machines, %g CPUs, %g GPUs",
        len(machines),
        sum(machine.cpus for machine in machines),
        sum(machine.gpus for machine in machines),
    )


def check_head(address: str | None, seconds: float = HEAD_S) -> None:
    """Check that the head of the cluster to join answers. Ray would try for minutes, in silence.

    Args:
        address: the value of RAY_ADDRESS; None to join the cluster of this machine, if it has one.
        seconds: how long a head that does not answer is tried again.

    Raises:
        ClusterError: nobody answers at the address.
    """
    named, where = address or "auto", "RAY_ADDRESS"
    if named == "auto" and RUNS_HERE.exists():
        named, where = RUNS_HERE.read_text().strip(), str(RUNS_HERE)
    host, _, port = named.rpartition(":")
    if not host or not port.isdigit() or "/" in host:  # local, ray://..., or nothing to join
        return
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=POLL_SECONDS).close()
        except OSError as error:
            if time.monotonic() >= deadline:
                raise ClusterError(
                    f"nobody answers at {named}, the Ray of {where} ({error.strerror or error}): "
                    "start it again, or set RAY_ADDRESS=local to start one on this machine"
                ) from None
            time.sleep(1)
        else:
            return


def wait_for_machines(pool: PoolConfig) -> int:
    """Wait until the smallest pool fits, and return how many actors may run at once.

    A cluster that this process has joined may grow, by an autoscaler or by machines that join it.
    This function waits for it up to `pool.wait_s`. A cluster that this process started on this
    machine cannot grow: a pool that does not fit is refused at once, and the pool's maximum is
    lowered to the actors that fit.

    Raises:
        ClusterError: the machines are too few, and none can come or none came in time.
    """
    if not _started_here():
        _wait_for_growth(pool)
        return pool.max_actors
    check_machines(pool)
    return _most_actors(pool, _present())


def check_machines(pool: PoolConfig) -> None:
    """Refuse a pool that does not fit on this machine, if the cluster is only this machine.

    Raises:
        ClusterError: the machine is too small.
    """
    if _started_here() and (lacking := _lacking(pool, _present())):
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
    most = max((machine.cpus for machine in _present()), default=cpus_here())
    if cpus > most:
        raise ClusterError(f"{key} is {cpus:g} and this machine has {most:g} CPUs; lower it")


@cache
def cpus_here() -> float:
    """Return the CPUs that this process may use, limited by the container's quota."""
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    try:
        quota, period = CPU_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, int(quota) / int(period))


def processes_here(cpus: float) -> int:
    """Return how many tasks of `cpus` CPUs each this machine runs at once, at least 1."""
    return max(1, math.floor(cpus_here() / max(cpus, 1.0) + 1e-9))


def tasks_at_once(cpus: float) -> int:
    """Return how many tasks of `cpus` CPUs each run at once now, at least 1."""
    if not spreads_tasks():
        return processes_here(cpus)
    return max(1, sum(_times(cpus, machine.cpus) for machine in _present()))


def _wait_for_a_cpu() -> None:
    """Wait for a first machine with CPUs: a cluster may have only its head yet, without tasks."""

    def lacking() -> str | None:
        if any(machine.cpus for machine in _present()):
            return None
        return "the cluster has no machine yet that runs tasks (see `ray status` on its head)"

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
    """Wait for machines, as long as `lacking` returns a text.

    Args:
        lacking: says what is missing; None if nothing is.
        bundles: resources to ask the autoscaler for.
        seconds: the longest wait.
        key: the configuration key that sets `seconds`, if there is one.

    Raises:
        ClusterError: something is still missing after this many seconds.
    """
    if lacking() is None:
        return
    from ray.autoscaler.sdk import request_resources

    # an autoscaler starts machines only for requests, not for a process that waits
    request_resources(bundles=bundles)
    deadline = time.monotonic() + seconds
    logged, logged_at = "", 0.0
    try:
        while missing := lacking():
            now = time.monotonic()
            if now >= deadline:
                within = f"{seconds:.0f} s" + (f" ({key})" if key else "")
                raise ClusterError(
                    f"{missing}, and no machine came within {within}: `ray status` on "
                    "the cluster's head says why (quota, no spot machines, a setup that failed), "
                    "and the same command waits again"
                )
            if missing != logged or now - logged_at >= REMIND_S:
                log.info("waiting up to %.0f s more for machines: %s", deadline - now, missing)
                logged, logged_at = missing, now
            time.sleep(min(POLL_SECONDS, deadline - now))
    finally:
        request_resources(bundles=[])  # from now on Ray Data asks for its own resources


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


def machines_that_fit(pool: PoolConfig) -> set[str]:
    """Return the node ids of the machines that hold a judge actor."""
    return {node for node, machine in _machines().items() if _held(pool, machine)}


def machine_name(node: str) -> str:
    """Return a machine's name for people: its host name and the start of its node id."""
    hosts = {known["NodeID"]: known["NodeManagerHostname"] for known in _nodes()}
    return _called(hosts.get(node, "a lost machine"), node)


def reserved_cpus(pool: PoolConfig) -> float:
    """Return the CPUs that Ray reserves for one actor. Ray counts in ten-thousandths."""
    return math.floor(pool.cpus * (1 - LEFT) * 10_000) / 10_000


def _most_actors(pool: PoolConfig, machines: Sequence[Machine]) -> int:
    most = max(
        pool.min_actors, min(pool.max_actors, sum(_held(pool, machine) for machine in machines))
    )
    if most < pool.max_actors:
        log.info("pool.max_actors %d lowered to %d: no more fit", pool.max_actors, most)
    return most


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


def alive_machines() -> dict[str, str]:
    """Return the names of the cluster's live machines, by node id."""
    return {
        node["NodeID"]: _called(node["NodeManagerHostname"], node["NodeID"])
        for node in _nodes()
        if node["Alive"]
    }


def free_resources() -> str:
    """Return how many CPUs and GPUs of the cluster no job has taken, in words; "" without Ray."""
    if not is_connected():
        return ""
    import ray

    has: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    named = (("CPU", "CPUs"), ("GPU", "GPUs"))
    words = [f"{free.get(key, 0):g} of {has[key]:g} {name}" for key, name in named if has.get(key)]
    return f"{' and '.join(words)} are free" if words else ""


def _called(host: str, node: str) -> str:
    return f"{host} (node {node[:8]})"


def _present() -> list[Machine]:
    return list(_machines().values())


def _machines() -> dict[str, Machine]:
    """Return the live machines, by node id."""
    resources = {node["NodeID"]: node["Resources"] for node in _nodes() if node["Alive"]}
    return {
        node: Machine(has.get("CPU", 0.0), has.get("GPU", 0.0)) for node, has in resources.items()
    }


def _nodes() -> list[dict[str, Any]]:
    """Return Ray's list of all machines, live and lost; [] if Ray is not connected."""
    if not is_connected():
        return []
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def is_connected() -> bool:
    """Return True if this process has joined or started Ray."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _started_here() -> bool:
    import ray

    node = ray._private.worker._global_node
    return node is not None and bool(node.is_head())
