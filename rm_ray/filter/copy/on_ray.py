"""The copy stage as tasks of Ray Data, on a cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.filter.config import FilterTasksConfig
from rm_ray.filter.copy.stage import CopyStage


def copy_on_ray(units: Dataset, stage: CopyStage, tasks: FilterTasksConfig) -> Dataset:
    """Copy the bundles of a round, one task per bundle."""
    return units.map_batches(
        _Copies(ray.put(stage)),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=tasks.cpus,
        compute=TaskPoolStrategy(tasks.max_tasks),
    )


@dataclass(frozen=True)
class _Copies:
    """Holds the stage by reference, since its copier knows all parts of the runs and is large."""

    stage_ref: Any
    """Ray's reference to the CopyStage."""

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        _stage(self.stage_ref).copy_all(block.column("unit").to_pylist())
        yield from ()


@lru_cache(maxsize=1)
def _stage(reference: Any) -> CopyStage:
    """Fetch the stage, once per process."""
    stage: CopyStage = ray.get(reference)
    return stage
