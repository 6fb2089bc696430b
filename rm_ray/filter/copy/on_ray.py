"""The copy stage as tasks of Ray Data, on a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.filter.config import TasksConfig
from rm_ray.filter.copy.stage import CopyStage


def copy_on_ray(units: Dataset, stage: CopyStage, tasks: TasksConfig) -> Dataset:
    """Copy the bundles of a round, a task each."""
    return units.map_batches(
        _Copies(ray.put(stage)),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=tasks.cpus,
        compute=TaskPoolStrategy(tasks.max_tasks),
    )


@dataclass(frozen=True)
class _Copies:
    """The stage by reference: its copier knows all parts of the runs."""

    stage_ref: Any

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        _stage(self.stage_ref).copy_all(block.column("unit").to_pylist())
        yield from ()


@lru_cache(maxsize=1)
def _stage(reference: Any) -> CopyStage:
    """Once in a process."""
    found: CopyStage = ray.get(reference)
    return found
