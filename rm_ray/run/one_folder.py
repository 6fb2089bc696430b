"""A local output folder on several machines: one folder, or one of its own on each of them?"""

import socket
import uuid

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rm_ray.cluster import alive_machines
from rm_ray.errors import OutputError
from rm_ray.run.folder import RunFolder
from rm_ray.store.folder import Folder


def see_one_folder(run: RunFolder) -> None:
    """Make sure that what one machine writes into a local folder is there for all the others.

    A machine that wrote parts to a disk of its own would look as if it had done nothing.

    Raises:
        OutputError: naming a machine that has another folder of that name.
    """
    machines = alive_machines()
    if "://" in run.uri or len(machines) < 2:
        return
    name = f"seen-{uuid.uuid4().hex}"
    run.state.create(name, b"")
    try:
        looks = {
            machine: _sees.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)
            ).remote(run.state, name)
            for node, machine in machines.items()
        }
        for machine, look in looks.items():
            if not ray.get(look):
                raise OutputError(
                    f"output.path: {run.uri} is a folder of {socket.gethostname()} that the "
                    f"machine {machine} does not see; give a folder that all machines share, or "
                    "an object store (s3://...)"
                )
    finally:
        run.state.remove(name)


@ray.remote(num_cpus=0, max_retries=3)
def _sees(folder: Folder, name: str) -> bool:
    return name in folder.names()
