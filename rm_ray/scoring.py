"""The scoring job: what happens to a document, from a corpus's file to its row in a part.

plan      corpus -> shards                          plan_corpus, plan
read      shard -> documents -> token ids           reading        CPU tasks
judge     token ids -> windows -> label logits      judge_actor, judge_shard, engines
reward    label logits -> one row a document        rewards        in the same actor
commit    rows -> one part, written once            commit         CPU tasks

Between the stages a shard travels as one row of the dataset (shard_row); how a document is asked
about, and what its reward is, is judges/preference.
"""

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from rm_ray.cluster import (
    WRITE_CPUS,
    actors_that_fit,
    wait_for_machines,
)
from rm_ray.commit import CommitStage
from rm_ray.config import ScoreConfig
from rm_ray.cost import cost_of
from rm_ray.errors import Incomplete, one_line
from rm_ray.fingerprint import fingerprint_id
from rm_ray.finish import finish
from rm_ray.isolation import Isolation
from rm_ray.job import Job, prepare
from rm_ray.judge_actor import JudgeActor
from rm_ray.lease import Lease
from rm_ray.plan import (
    PlannedFile,
    ReadUnit,
    missing_units,
    shards_of,
    single_shards,
    split_units,
    without,
)
from rm_ray.plan_corpus import count_rows
from rm_ray.progress import ProgressLog
from rm_ray.reading import ReadStage
from rm_ray.run import RunFolder
from rm_ray.staging import Staging, reopen_parts
from rm_ray.summary import dry_run_text
from rm_ray.survey import Survey, open_run, survey
from rm_ray.tally import RunProgress, start_tally
from rm_ray.workers import Stopped, Workers

log = logging.getLogger(__name__)

# Read units a reading task goes through, where there are many; fewer, where there are few.
UNITS_PER_BLOCK = 16
# One shard is judged while the next lies ready beside it.
SHARDS_PER_ACTOR = 2
# A shard whose actor dies so often is looked at document by document (isolation).
DEATHS_BEFORE_ISOLATION = 3


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
        tally = start_tally(engines=actors)
        with Lease(run.state, lost=lambda reason: tally.halt.remote(reason)) as lease:
            open_run(seen, job)
            if config.run.retry_failed:
                reopen_failed(seen, job)
            units = missing_units(plan, run.committed())
            if units:
                run.mark_incomplete()
            _log_plan(run, plan, units)
            judge_units(units, job, run, tally, actors)
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
    reopened = reopen_parts(shards, run.rewards, staging_of(run, job), ray.put(job.judge))
    log.info("%d shards have documents that failed: these are scored again", reopened)


def staging_of(run: RunFolder, job: Job) -> Staging:
    """Where this judge's pieces lie."""
    return Staging(run.staged, fingerprint_id(job.fingerprint))


def judge_units(
    units: Sequence[ReadUnit], job: Job, run: RunFolder, tally: Any, actors: int
) -> None:
    """Judge what is missing on at most `actors` engines, and find what makes shards fail.

    What stops it is logged or told to the tally; what is missing, `finish` finds by counting.
    """
    shards = [shard for unit in units for shard in unit.shards]
    documents = sum(len(job.sample.chosen(s.file, s.start, s.stop)) for s in shards)
    every = job.config.run.progress_s
    with ProgressLog(tally, documents=documents, parts=len(shards), every=every):
        try:
            while units:
                judge_once(units, job, run, tally, actors)
                left = without(units, run.committed())
                if left == units or ray.get(tally.stopped.remote()):
                    return
                ray.get(tally.resume.remote())
                units = left  # such as shards that waited for an actor which another one killed
        except Stopped as error:
            ray.get(tally.halt.remote(str(error)))
        except ray.exceptions.RayError as error:
            log.error("the pipeline stopped: %s", one_line(error))


def judge_once(
    units: Sequence[ReadUnit], job: Job, run: RunFolder, tally: Any, actors: int
) -> None:
    """The pipeline over all units but those begun in pieces; then isolation of what failed."""
    whole, begun = split_units(units, staging_of(run, job).names())
    if whole:
        for _ in pipeline(whole, job, run, tally, actors).iter_internal_ref_bundles():
            pass  # nothing leaves the last stage; what was judged is in the parts
    isolate(whole, begun, job, run, tally, actors)


def isolate(
    whole: Sequence[ReadUnit],
    begun: Sequence[ReadUnit],
    job: Job,
    run: RunFolder,
    tally: Any,
    actors: int,
) -> None:
    """Find the documents that make shards fail, and commit these shards without them.

    Args:
        whole: units whose shards were judged whole just now; those whose judging failed count.
        begun: units of shards with pieces staged by an earlier run.
    """
    progress: RunProgress = ray.get(tally.progress.remote())
    committed = run.committed()
    suspected = {part: why for part, why in progress.suspects.items() if part not in committed}
    units = [*begun, *(u for u in single_shards(whole) if u.shards[0].part in suspected)]
    if progress.halted or not units:
        return
    well = (unit for unit in single_shards(whole) if unit.shards[0].part in committed)
    config, judge, staging = job.config, ray.put(job.judge), staging_of(run, job)
    # a pool may wait for machines to come; these few must not wait for each other
    most = min(actors, actors_that_fit(config.pool, config.read))
    Isolation(
        workers=Workers(job.engine, judge, tally, staging, config.pool, most),
        judge=judge,
        tally=tally,
        staging=staging,
        rewards=run.rewards,
        input=config.input,
        read=config.read,
        reference=next(well, None),
    ).settle(units, suspected)


def pipeline(
    units: Sequence[ReadUnit], job: Job, run: RunFolder, tally: Any, actors: int
) -> Dataset:
    """The Ray dataset: rows are read units, then shards, one block each, to the end."""
    config, staging = job.config, staging_of(run, job)
    _set_data_context()
    judge = ray.put(job.judge)
    return (
        ray.data.from_items(
            [{"unit": unit.to_json()} for unit in units],
            override_num_blocks=max(min(len(units), 256), len(units) // UNITS_PER_BLOCK),
        )
        .map_batches(
            ReadStage(config.input, judge, tally),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=config.read.cpus,
            compute=TaskPoolStrategy(config.read.max_tasks),
        )
        .map_batches(
            JudgeActor,
            fn_constructor_args=(job.engine, judge, tally, staging),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=config.pool.cpus,
            num_gpus=config.pool.gpus,
            compute=ActorPoolStrategy(
                min_size=config.pool.min_actors,
                max_size=actors,
                max_tasks_in_flight_per_actor=SHARDS_PER_ACTOR,
            ),
            # an environment of its own also keeps Ray from fusing reading into the actor
            runtime_env={"env_vars": job.engine.environment()},
            ray_remote_args_fn=lambda: {"max_task_retries": DEATHS_BEFORE_ISOLATION - 1},
        )
        .map_batches(
            CommitStage(run.rewards, staging.fingerprint, tally),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=WRITE_CPUS,
        )
    )


def _set_data_context() -> None:
    # Ray 2.60 has no named parameter for max_task_retries, and warns of the one that takes it
    warnings.filterwarnings("ignore", "`ray_remote_args_fn`")
    context = DataContext.get_current()
    context.target_max_block_size = 1  # never join two shards in one block
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
