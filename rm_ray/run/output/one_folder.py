"""Checks that a local output folder is one shared folder, and not a different one per machine."""

import socket
import uuid
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rm_ray.cluster.machines import machine_names
from rm_ray.errors import OutputError
from rm_ray.run.output.folder import RunFolder
from rm_ray.store.folder import Folder


def see_one_folder(run: RunFolder) -> None:
    """Check that a file written into a local output folder is visible from all machines.

    If a machine wrote parts to its own disk, its work would seem missing.

    Raises:
        OutputError: a machine has another folder of that name; the error names the machine.
    """
    machines = machine_names()
    if "://" in run.uri or len(machines) < 2:
        return
    name = f"seen-{uuid.uuid4().hex}"
    run.state.create(name, b"")
    try:
        looks = {
            node: _sees.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(run.state, name)
            for node in machines
        }
        blind = [node for node, look in looks.items() if not _answer(node, look)]
        if blind:
            raise OutputError(
                f"output.path: {run.uri} is a folder of {socket.gethostname()} that the machine "
                f"{machines[blind[0]]} does not see; give a folder that all machines share, or an "
                "object store (s3://...)"
            )
    finally:
        run.state.remove(name)


def _answer(node: str, look: Any) -> bool:
    """Return True if a machine sees the file, or if the machine has gone meanwhile."""
    try:
        return bool(ray.get(look))
    except ray.exceptions.RayError:
        if node in machine_names():
            raise
        return True


@ray.remote(num_cpus=0, max_retries=3)
def _sees(folder: Folder, name: str) -> bool:
    return name in folder.names()
