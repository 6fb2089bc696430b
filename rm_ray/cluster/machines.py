"""The machines of the cluster that this process has joined or started, and their names."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


@dataclass(frozen=True)
class Machine:
    """A Machine holds the resources of one machine. An actor must fit on one machine."""

    cpus: float
    """CPUs of the machine."""
    gpus: float
    """GPUs of the machine."""


def is_connected() -> bool:
    """Return True if this process has joined or started Ray."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def started_here() -> bool:
    """Return True if this process has started Ray, on this machine alone."""
    import ray

    node = ray._private.worker._global_node
    return node is not None and bool(node.is_head())


def spreads_tasks() -> bool:
    """Return True if Ray spreads tasks over machines.

    A Ray that this process started has only this machine, and starts a process more slowly than
    the machine itself does.
    """
    return is_connected() and not started_here()


def live_machines() -> list[Machine]:
    """Return the live machines; [] if Ray is not connected."""
    return list(machines_by_node().values())


def machines_by_node() -> dict[str, Machine]:
    """Return the live machines by node id; {} if Ray is not connected."""
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


def machine_names() -> dict[str, str]:
    """Return the names of the cluster's live machines, by node id."""
    return {
        node["NodeID"]: _called(node["NodeManagerHostname"], node["NodeID"])
        for node in _nodes()
        if node["Alive"]
    }


def machine_name(node: str) -> str:
    """Return a machine's name for people: its host name and the start of its node id."""
    hosts = {known["NodeID"]: known["NodeManagerHostname"] for known in _nodes()}
    return _called(hosts.get(node, "a lost machine"), node)


def _called(host: str, node: str) -> str:
    return f"{host} (node {node[:8]})"


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


@cache
def cpus_here() -> float:
    """Return the CPUs that this process may use, limited by the container's quota."""
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    try:
        quota, period = CPU_QUOTA.read_text().split()
    except (OSError, ValueError):
        return cpus
    return cpus if quota == "max" else min(cpus, int(quota) / int(period))
