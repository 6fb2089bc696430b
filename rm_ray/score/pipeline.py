"""The scoring job: what happens to a document, from a corpus's file to its row in a part.

plan      corpus -> shards                          plan_corpus, plan
read      shard -> documents -> token ids           reading        CPU tasks
judge     token ids -> prompts -> answers           judge_actor, judge_shard, engines
reward    answers -> one row a document             rewards        in the same actor
commit    rows -> one part, written once            commit         CPU tasks

It is one pipeline, run in rounds over what is missing. Between the stages a shard travels as one
row of the dataset (shard_row); how a document is asked about, and what its reward is, is judges/.
"""

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rm_ray.cluster import WRITE_CPUS, wait_for_machines
from rm_ray.config import ScoreConfig
from rm_ray.corpus.reading import ReadStage
from rm_ray.corpus.shards import Piece, PlannedFile, ReadUnit, missing_units, shards_of
from rm_ray.errors import Incomplete, one_line
from rm_ray.run.commit import CommitStage
from rm_ray.run.finish import finish
from rm_ray.run.folder import RunFolder
from rm_ray.run.lease import Lease
from rm_ray.run.rounds import judge_rounds
from rm_ray.run.staging import Staging
from rm_ray.run.survey import Survey, open_run, survey
from rm_ray.run.tally import start_tally
from rm_ray.score.cost import cost_of
from rm_ray.score.fingerprint import fingerprint_id
from rm_ray.score.job import Job, prepare
from rm_ray.score.judge_actor import JudgeActor
from rm_ray.score.planning import count_rows
from rm_ray.score.summary import dry_run_text

log = logging.getLogger(__name__)

# Read units a reading task goes through, where there are many; fewer, where there are few.
UNITS_PER_BLOCK = 16
# Shards share a block of about a million token ids, where there are so many for each actor.
BLOCK_BYTES = 4 << 20
SHARDS_PER_ACTOR = 8
# One block is judged while the next lies ready beside it.
BLOCKS_PER_ACTOR = 2


def score(config: ScoreConfig) -> None:
    """Score the corpus; the same call again goes on where the last one ended.

    Raises:
        Refused: before anything is scored, with what to do.
        Incomplete: the run ended with documents missing or too many failed.
    """
    began = time.monotonic()
    job = prepare(config)
    with ray_faults():
        seen = survey(job)
        run, plan = seen.run, seen.plan
        run.make_writable()
        actors = 0
        if config.run.retry_failed or seen.new.files or missing_units(plan, run.committed()):
            actors = wait_for_machines(config.pool, config.read)
        tally = start_tally(actors, config.engine.silence_s)
        with Lease(run.state, lost=lambda reason: tally.halt.remote(reason)) as lease:
            open_run(seen, job)
            if config.run.retry_failed:
                reopen_failed(seen, job)
            units = missing_units(plan, run.committed())
            if units:
                run.mark_incomplete()
            _log_plan(run, plan, units)
            staging = staging_of(run, job)
            judge_rounds(
                units,
                lambda now, nodes, control: pipeline(
                    now, nodes, control, job, run, staging, tally, actors
                ),
                job, run, staging, tally,
            )  # fmt: skip
            lease.check()
            finish(plan, job, run, seen.new.skipped, ray.get(tally.progress.remote()), began)


def dry_run(config: ScoreConfig) -> str:
    """What `score` would do, as text; nothing is written and no engine is started."""
    job = prepare(config)
    with ray_faults():
        seen = survey(job)
        documents = count_rows(seen.plan, job.sample)
    committed = seen.run.committed()
    cost = cost_of(config, seen.plan, committed, seen.new, seen.run.metrics())
    return dry_run_text(seen.run.uri, seen.plan, committed, documents, seen.new, cost)


@contextmanager
def ray_faults() -> Iterator[None]:
    """Says in a sentence what Ray raises when it cannot go on.

    Raises:
        Incomplete: in place of an error of Ray's.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        store = isinstance(error, ray.exceptions.RayTaskError) and isinstance(error.cause, OSError)
        what = "the store failed" if store else "Ray has lost what the run cannot do without"
        raise Incomplete(
            f"{what}: {one_line(error)}. Run the same command again to go on"
        ) from error


def reopen_failed(seen: Survey, job: Job) -> None:
    """Take back the parts in which documents failed, but for the rows that did not.

    Parts of files that are no longer there stay: nothing in them could be scored again.
    """
    run, committed = seen.run, seen.run.committed()
    files = (file for file in seen.plan if file.path in seen.new.present)
    shards = [shard for shard in shards_of(files) if shard.part in committed]
    run.mark_incomplete()
    reopened = staging_of(run, job).reopen_failed(shards)
    log.info("%d shards have documents that failed: these are scored again", reopened)


def staging_of(run: RunFolder, job: Job) -> Staging:
    """What makes pieces of this run into parts."""
    return Staging(
        rewards=run.rewards,
        staged=run.staged,
        fingerprint=fingerprint_id(job.fingerprint),
        input=job.config.input,
        sample=job.sample,
        tokenizer_ref=ray.put(job.tokenizer),
        judge_ref=ray.put(job.judge),
    )


def pipeline(
    units: Sequence[ReadUnit],
    nodes: Sequence[str],
    control: Any,
    job: Job,
    run: RunFolder,
    staging: Staging,
    tally: Any,
    actors: int,
) -> Dataset:
    """The Ray dataset of one round: rows are read units, then shards to the end.

    Args:
        nodes: machines that the actors should be on; anywhere if empty.
        control: a reference to a document that is known to be good, or None.
    """
    config = job.config
    shards = [shard for unit in units for shard in unit.shards]
    # a block is what a failure costs, and what an actor gets: few rows share none
    alone = any(isinstance(shard, Piece) and shard.alone for shard in shards)
    share = not alone and len(shards) >= SHARDS_PER_ACTOR * actors
    _set_data_context(BLOCK_BYTES if share else 1)
    actors = min(actors, len(shards))
    next_node = cycle(nodes)

    def remote_args() -> dict[str, Any]:
        # a retried unit is declined by the tally, so retries end by themselves
        args: dict[str, Any] = {"max_task_retries": -1}
        if nodes:
            args["scheduling_strategy"] = NodeAffinitySchedulingStrategy(
                next(next_node), soft=True, _spill_on_unavailable=True
            )
        return args

    return (
        ray.data.from_items(
            [{"unit": unit.to_json()} for unit in units],
            override_num_blocks=max(min(len(units), 256), len(units) // UNITS_PER_BLOCK),
        )
        .map_batches(
            ReadStage(config.input, staging.tokenizer_ref, tally),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=config.read.cpus,
            compute=TaskPoolStrategy(config.read.max_tasks),
        )
        .map_batches(
            JudgeActor,
            fn_constructor_args=(job.engine, staging.judge_ref, tally, control),
            # a call a shard, a task a block: Ray refuses None, a call a block, beside GPUs
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=config.pool.cpus,
            num_gpus=config.pool.gpus,
            compute=ActorPoolStrategy(
                min_size=min(config.pool.min_actors, actors),
                max_size=actors,
                max_tasks_in_flight_per_actor=BLOCKS_PER_ACTOR,
            ),
            # an environment of its own also keeps Ray from fusing reading into the actor
            runtime_env={"env_vars": job.engine.environment()},
            ray_remote_args_fn=remote_args,
        )
        .map_batches(
            CommitStage(run.rewards, run.staged, staging.fingerprint, tally),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=WRITE_CPUS,
        )
    )


def _set_data_context(block_bytes: int) -> None:
    # Ray 2.60 has no named parameter for max_task_retries, and warns of the one that takes it
    warnings.filterwarnings("ignore", "`ray_remote_args_fn`")
    context = DataContext.get_current()
    context.target_max_block_size = block_bytes
    # an engine takes minutes to start: none is dropped while there is work, however little
    context.autoscaling_config.actor_pool_util_downscaling_threshold = -1.0
    context.max_errored_blocks = -1  # the tally counts what goes wrong, and knows more of it
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a large shard takes as long as it takes


def _log_plan(run: RunFolder, plan: Sequence[PlannedFile], units: Sequence[ReadUnit]) -> None:
    shards = sum(1 for _ in shards_of(plan))
    left = sum(len(unit.shards) for unit in units)
    log.info(
        "%d files, %d shards, %d done, %d to score -> %s",
        len(plan), shards, shards - left, left, run.uri,
    )  # fmt: skip
    if not run.rewards.conditional:
        log.info("this store refuses create-only writes; parts are written with plain ones")
