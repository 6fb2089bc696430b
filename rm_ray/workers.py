"""Isolation's own judge actors: started where they are needed, used again, ended when in doubt."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rm_ray.config import PoolConfig
from rm_ray.engines import EngineSettings
from rm_ray.errors import one_line
from rm_ray.judge_actor import JudgeActor
from rm_ray.staging import Staging

# An actor that has not started by then finds no machine.
START_SECONDS = 3600


class Stopped(Exception):
    """Isolation cannot go on: the run is stopping, or what fails is not the documents."""


@dataclass
class Worker:
    """One judge actor; `number` tells it from all others of its Workers."""

    handle: Any
    number: int
    node: str


@dataclass
class Workers:
    """At most `most` judge actors at once. `judge`: a Ray reference."""

    engine: EngineSettings
    judge: Any
    tally: Any
    staging: Staging
    pool: PoolConfig
    most: int
    _all: list[Worker] = field(default_factory=list)
    _idle: list[Worker] = field(default_factory=list)
    _started: int = 0

    def take(
        self, numbers: Collection[int], nodes: Collection[str], failed: Callable[[str], None]
    ) -> Worker:
        """An actor that is none of `numbers`; of idle ones, one on none of `nodes` before others.

        Args:
            failed: told why an engine did not start, before another one is tried; what it raises
                ends that.

        Raises:
            Stopped: no machine came for it.
        """
        fit = [worker for worker in self._idle if worker.number not in numbers]
        fit.sort(key=lambda worker: worker.node in nodes)
        if fit:
            self._idle.remove(fit[0])
            return fit[0]
        if len(self._all) >= self.most:
            self.end(self._idle[0])  # to make room
        return self._start(nodes, failed)

    def give_back(self, worker: Worker) -> None:
        """It is well, and has nothing to do."""
        self._idle.append(worker)

    def end(self, worker: Worker) -> None:
        """End its process, if that has not been done."""
        if worker not in self._all:
            return
        ray.kill(worker.handle)
        self._all.remove(worker)
        if worker in self._idle:
            self._idle.remove(worker)

    def end_all(self) -> None:
        """End every process."""
        for worker in list(self._all):
            self.end(worker)

    def _start(self, avoid: Collection[str], failed: Callable[[str], None]) -> Worker:
        elsewhere = _other_node(avoid, self.pool) if avoid else None
        actor = ray.remote(JudgeActor).options(
            num_cpus=self.pool.cpus,
            num_gpus=self.pool.gpus,
            max_restarts=0,
            runtime_env={"env_vars": self.engine.environment()},
            scheduling_strategy=elsewhere or "DEFAULT",
        )
        while True:
            self._started += 1
            handle: Any = actor.remote(self.engine, self.judge, self.tally, self.staging)
            worker = Worker(handle, self._started, "")
            self._all.append(worker)
            try:
                worker.node = ray.get(handle.start.remote(), timeout=START_SECONDS)
            except GetTimeoutError:
                raise Stopped(f"no machine for a judge actor within {START_SECONDS} s") from None
            except (RayActorError, RayTaskError) as error:
                self.end(worker)
                failed(f"the engine did not start: {one_line(error)}")
            else:
                return worker


def _other_node(avoid: Collection[str], pool: PoolConfig) -> NodeAffinitySchedulingStrategy | None:
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        resources = node["Resources"]
        fits = resources.get("CPU", 0) >= pool.cpus and resources.get("GPU", 0) >= pool.gpus
        if node["Alive"] and fits and node["NodeID"] not in avoid:
            # a busy one must not be waited for
            return NodeAffinitySchedulingStrategy(
                node["NodeID"], soft=True, _spill_on_unavailable=True
            )
    return None
