"""A round as a dataset of Ray: units, then the job's stages, then the commit."""

import logging
import math
import warnings
from functools import partial
from typing import Any

import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.cluster.fit import TASK_CPUS
from rm_ray.errors import one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.watch import EngineWatch, NoEngineLeft
from rm_ray.run.output.commit import CommitStage
from rm_ray.run.shard_job import AnyJob, Planning, Round
from rm_ray.run.staging import Staging

log = logging.getLogger(__name__)

# Units per block, at least, if there are very many units.
UNITS_PER_BLOCK = 16


def round_of(this: Round[Any], job: AnyJob, planning: Planning[Any]) -> Dataset:
    """Build the Ray dataset of one round. Its rows are units first, and shards in later stages."""
    units = ray.data.from_items(
        [{"unit": unit.to_json()} for unit in this.units],
        override_num_blocks=blocks(len(this.units), job.blocks_wanted(this)),
    )
    context = units.context  # a copy, so that these settings are only this round's
    context.max_errored_blocks = -1  # the tally counts faults, and knows more about them
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a large shard takes as long as it takes
    context.max_consecutive_actor_init_deaths = -1  # the watch ends a round without engines
    if this.engines:
        # Ray Data expects a class, but only calls it
        watch: Any = partial(EngineWatch, this.tally, job.spec.machines)
        context.custom_execution_callback_classes = [watch]
    return job.stages(units, this, planning)


def commit_rows(
    job: AnyJob, staging: Staging, tally: TallyHandle, most: int, rows: Dataset
) -> Dataset:
    """Add the last stage, which writes packed rows as parts.

    Args:
        job: the job.
        staging: has the folders of parts and pieces.
        tally: handle of the run's tally.
        most: tasks at once, at most. Without a limit Ray starts a process per task, all on one
            machine's CPUs.
        rows: packed rows (shard_row).
    """
    # Ray warns if a round has fewer shards than `most`
    warnings.filterwarnings("ignore", "The maximum number of concurrent tasks")
    return rows.map_batches(
        CommitStage(
            parts=staging.parts,
            staged=staging.staged,
            fingerprint=staging.fingerprint,
            counts=job.spec.counts,
            tally=tally,
        ),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=TASK_CPUS,
        compute=TaskPoolStrategy(most),
    )


def blocks(units: int, wanted: float) -> int:
    """Return how many blocks to send the units in.

    Large and few units get a block each. Small units share blocks, because each block costs Ray
    some tasks.

    Args:
        units: how many units there are.
        wanted: the least number of blocks that the job asks for.
    """
    most = max(min(units, 256), units // UNITS_PER_BLOCK)
    return max(1, min(most, math.ceil(wanted)))


def run_through(dataset: Dataset) -> bool:
    """Run the pipeline; return True if it came to its end."""
    try:
        for _ in dataset.iter_internal_ref_bundles():
            pass  # the last stage yields nothing; the results are in the parts
    except NoEngineLeft as error:
        log.error("the pipeline was ended: %s", error)
        return False
    except ray.exceptions.RayError as error:
        log.error("the pipeline stopped: %s", one_line(error))
        return False
    return True
