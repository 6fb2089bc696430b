"""A cluster of several local nodes that a run can lose."""

import contextlib
import os
import random
import tempfile
from pathlib import Path
from unittest.mock import patch

import psutil


class Nodes:
    """A Ray cluster of a head without CPUs and worker nodes, all on this machine."""

    def __init__(self, env: dict[str, str], workers: int, folder: Path = Path("/tmp")) -> None:
        """Start a cluster whose sockets and logs lie in a folder below `folder`."""
        self._env, self._count, self._folder = env, workers, folder
        self._begin()

    def _begin(self) -> None:
        from ray.cluster_utils import Cluster

        env = self._env
        self._temp = tempfile.mkdtemp(prefix="rc", dir=self._folder)
        with patch.dict(os.environ, env):
            self._cluster = Cluster(
                initialize_head=True,
                head_node_args={
                    "num_cpus": 0,
                    "include_dashboard": False,
                    "temp_dir": self._temp,
                    "object_store_memory": 100 << 20,
                },
            )
        self._workers = [self._add() for _ in range(self._count)]

    @property
    def address(self) -> str:
        return self._cluster.address

    @property
    def ids(self) -> list[str]:
        """Node ids of the workers."""
        return [node.node_id for node in self._workers]

    def _add(self):
        with patch.dict(os.environ, self._env):
            return self._cluster.add_node(num_cpus=2, object_store_memory=100 << 20)

    def lose_one(self, rng: random.Random) -> None:
        """A machine is gone, and another one comes."""
        self.lose(rng.choice(self.ids))

    def lose(self, node: str) -> str:
        """This machine is gone, and another one comes: its node id."""
        (victim,) = (one for one in self._workers if one.node_id == node)
        self._workers.remove(victim)
        self._cluster.remove_node(victim, allow_graceful=False)
        self._workers.append(self._add())
        return self._workers[-1].node_id

    def lose_head(self) -> None:
        """The process that knows the cluster is gone, and with it the cluster."""
        self._cluster.head_node.kill_gcs_server(check_alive=False)

    def begin_again(self) -> None:
        """Another cluster comes."""
        with contextlib.suppress(Exception):  # the old one cannot end in good order
            self.close()
        self._begin()

    def processes(self, title: str) -> list[psutil.Process]:
        """This cluster's worker processes whose title has this in it."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if (
                    words
                    and "ray::" in words[0]
                    and title in " ".join(words)
                    and self._is_ours(process)
                ):
                    found.append(process)
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        return any(self._temp in " ".join(parent.cmdline()) for parent in process.parents())

    def close(self) -> None:
        self._cluster.shutdown()
