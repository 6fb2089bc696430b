"""The stage of unit tasks on a cluster: tasks of Ray Data."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.run.unit_tasks import UnitStage


def do_units_on_ray(
    units: Dataset, stage: UnitStage[Any], *, cpus: float, at_once: int | None
) -> Dataset:
    """Do the units of a round, one task per unit.

    Args:
        units: one row per unit, as JSON in the column `unit`.
        stage: does a unit.
        cpus: CPUs of each task.
        at_once: most tasks at once; None for as many as there is room for.
    """
    return units.map_batches(
        UnitTasks(ray.put(stage)),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=cpus,
        compute=TaskPoolStrategy(at_once),
    )


@dataclass(frozen=True)
class UnitTasks:
    """UnitTasks holds the stage by reference, since a stage may know a whole plan and be large."""

    stage_ref: Any
    """Ray's reference to the UnitStage."""

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Do the units of a block. Yields nothing."""
        _stage(self.stage_ref).do_all(block.column("unit").to_pylist())
        yield from ()


@lru_cache(maxsize=1)
def _stage(reference: Any) -> UnitStage[Any]:
    """Fetch the stage, once per process."""
    stage: UnitStage[Any] = ray.get(reference)
    return stage
