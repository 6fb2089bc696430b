"""A round as a dataset of Ray: from its units, through the job's stages, to what is committed."""

import logging
import math
import warnings
from functools import partial
from typing import Any

import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.cluster import TASK_CPUS
from rm_ray.errors import one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.watch import EngineWatch, NoEngine
from rm_ray.run.output.commit import CommitStage
from rm_ray.run.shard_job import AnyJob, Planning, Round
from rm_ray.run.staging import Staging

log = logging.getLogger(__name__)

# Read units that a block holds at least, where there are very many.
UNITS_PER_BLOCK = 16


def round_of(this: Round[Any], job: AnyJob, planning: Planning[Any]) -> Dataset:
    """The Ray dataset of one round: rows are units, then shards to the end."""
    units = ray.data.from_items(
        [{"unit": unit.to_json()} for unit in this.units],
        override_num_blocks=blocks(len(this.units), job.blocks_wanted(this)),
    )
    context = units.context  # the current one's copy; a round's settings are no other's
    context.max_errored_blocks = -1  # the tally counts what goes wrong, and knows more of it
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a large shard takes as long as it takes
    context.max_consecutive_actor_init_deaths = -1  # the watch says when it is of no use
    if this.engines:
        watch: Any = partial(EngineWatch, this.tally, job.spec.machines)  # Ray Data only calls it
        context.custom_execution_callback_classes = [watch]
    return job.stages(units, this, planning)


def commit_rows(
    job: AnyJob, staging: Staging, tally: TallyHandle, most: int, rows: Dataset
) -> Dataset:
    """The last stage of jobs whose stages end with packed rows.

    `most`: tasks at once. Without a limit Ray starts a process for each, all on one machine's CPUs.
    """
    # where a round has fewer shards than that
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
    """Blocks to send units in. One each where they are large and few; the fewer the better, where
    they are small: each costs Ray some tasks.
    """
    most = max(min(units, 256), units // UNITS_PER_BLOCK)
    return max(1, min(most, math.ceil(wanted)))


def run_through(dataset: Dataset) -> bool:
    """The pipeline; whether it came to its end."""
    try:
        for _ in dataset.iter_internal_ref_bundles():
            pass  # nothing leaves the last stage; what was done is in the parts
    except NoEngine as error:
        log.error("the pipeline was ended: %s", error)
        return False
    except ray.exceptions.RayError as error:
        log.error("the pipeline stopped: %s", one_line(error))
        return False
    return True
