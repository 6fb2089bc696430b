"""Joins the cluster that the environment names, or starts Ray on this machine."""

import logging
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

from rm_ray.cluster.machines import live_machines
from rm_ray.cluster.waiting import wait_while
from rm_ray.errors import ClusterError

log = logging.getLogger(__name__)

# `ray start` leaves this file on a machine of a cluster.
RUNS_HERE = Path(
    os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), "ray", "ray_current_cluster"
)
# Seconds in which the head of a cluster must answer.
HEAD_S = 20.0
# Seconds after which one try to reach it has failed.
TRY_S = 5.0
# Seconds in which a cluster must have a first machine that runs tasks.
FIRST_MACHINE_S = 1800.0


def join_cluster() -> None:
    """Join the cluster of RAY_ADDRESS or of `ray job submit`, or the one that this machine runs.

    Without a cluster, nothing is started.

    Raises:
        ClusterError: for the same reasons as in `connect`.
    """
    address = os.environ.get("RAY_ADDRESS") or ("auto" if RUNS_HERE.exists() else "local")
    if address != "local":
        connect()


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
    machines = live_machines()
    log.info(
        "Ray: %d machine%s, %g CPUs, %g GPUs",
        len(machines),
        "s" if len(machines) != 1 else "",
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
            socket.create_connection((host.strip("[]"), int(port)), timeout=TRY_S).close()
        except OSError as error:
            if time.monotonic() >= deadline:
                raise ClusterError(
                    f"nobody answers at {named}, the Ray of {where} ({error.strerror or error}): "
                    "start it again, or set RAY_ADDRESS=local to start one on this machine"
                ) from None
            time.sleep(1)
        else:
            return


def _wait_for_a_cpu() -> None:
    """Wait for a first machine with CPUs: a cluster may have only its head yet, without tasks."""

    def lacking() -> str | None:
        if any(machine.cpus for machine in live_machines()):
            return None
        return "the cluster has no machine yet that runs tasks (see `ray status` on its head)"

    wait_while(lacking, [{"CPU": 1}], FIRST_MACHINE_S)
