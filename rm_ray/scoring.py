"""The scoring job: what happens to a document, from a corpus's file to its row in a part.

plan      corpus -> shards                          plan_corpus, plan
read      shard -> documents -> token ids           reading        CPU tasks
judge     token ids -> windows -> label logits      judge_actor    actors, one engine each
reward    label logits -> one row a document        rewards        in the same actor
commit    rows -> one part, written once            commit         CPU tasks

Between the stages a shard travels as one row of the dataset (shard_row); how a document is asked
about, and what its reward is, is judges/preference.
"""

import logging
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext, Dataset, TaskPoolStrategy

from rm_ray.cluster import WRITE_CPUS, check_engine_installed, connect, wait_for_machines
from rm_ray.commit import PartSink, count_parts
from rm_ray.config import ScoreConfig
from rm_ray.engines import EngineSettings, choose_block_size
from rm_ray.errors import Incomplete
from rm_ray.fingerprint import fingerprint, fingerprint_id
from rm_ray.judge_actor import JudgeActor
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.model import resolve_model
from rm_ray.plan import PlannedFile, ReadUnit, RowSample, missing_units, shards_of
from rm_ray.plan_corpus import NewFiles, count_rows, plan_new_files
from rm_ray.progress import ProgressLog, RunProgress, start_tally
from rm_ray.reading import ReadStage
from rm_ray.run import RunFolder, installed_versions, new_run, version_changes
from rm_ray.summary import dry_run_text, metrics, totals_text

log = logging.getLogger(__name__)

# Read units a reading task goes through, where there are many; fewer, where there are few.
UNITS_PER_BLOCK = 16
# One shard is judged while the next lies ready beside it.
SHARDS_PER_ACTOR = 2
# A shard that keeps killing its actor is given up and reported, rather than tried for ever.
SHARD_TRIES = 3
# More shards that fail than this are not the shards' fault: the run stops.
MAX_FAILED_SHARDS = 10


@dataclass(frozen=True)
class Job:
    """Everything decided before a machine is asked for."""

    config: ScoreConfig
    judge: PreferenceJudge
    engine: EngineSettings
    fingerprint: dict[str, Any]
    sample: RowSample


def score(config: ScoreConfig) -> None:
    """Score the corpus; the same call again goes on where the last one ended.

    Raises:
        Refused: before anything is scored, with what to do.
        Incomplete: the run ended with documents missing or too many failed.
    """
    job = prepare(config)
    run, stored, planned, new = survey(job)
    plan = [*planned, *new.files]
    units = missing_units(plan, run.committed())
    run.make_writable()
    actors = wait_for_machines(config.pool, config.read) if units else 0
    if stored is None:
        run.create(new_run(job.fingerprint, config.model_dump(mode="json"), new.columns))
    else:
        _warn_of_versions(stored["versions"])
    if units:
        run.mark_incomplete()
    if new.files:
        run.add_segment(new.files)
    _log_plan(run, plan, units)
    began = time.monotonic()
    standing = judge_units(units, job, run, actors) if units else None
    finish(plan, job, run, standing, time.monotonic() - began)


def dry_run(config: ScoreConfig) -> str:
    """What `score` would do, as text; nothing is written and no engine is started."""
    job = prepare(config)
    run, _, planned, new = survey(job)
    plan = [*planned, *new.files]
    committed = run.committed()
    done = sum(shard.part in committed for shard in shards_of(plan))
    return dry_run_text(run.uri, plan, done, count_rows(plan, job.sample), new, job.sample)


def prepare(config: ScoreConfig) -> Job:
    """Resolve and check everything that needs neither Ray nor an engine.

    Raises:
        JudgeError: the model, its tokenizer or labels do not fit.
        ClusterError: the engine is not installed.
        ConfigError: no prefix-cache block divides the chunk.
    """
    check_engine_installed(config.engine)
    on_gpu = config.pool.gpus > 0
    block_size = choose_block_size(
        config.engine, config.judge.chunk_tokens, config.judge.prompt, on_gpu=on_gpu
    )
    model = resolve_model(config.judge.model, config.judge.revision, config.judge.tokenizer)
    judge = PreferenceJudge.of(config.judge, model)
    engine = EngineSettings(
        config=config.engine,
        model=model,
        label_ids=judge.label_ids,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=block_size,
        on_gpu=on_gpu,
        threads=config.engine.threads or max(1, int(config.pool.cpus)),
    )
    return Job(
        config=config,
        judge=judge,
        engine=engine,
        fingerprint=fingerprint(config.judge, config.input, judge, engine),
        sample=RowSample(config.input.sample_fraction, config.input.sample_seed),
    )


def survey(job: Job) -> tuple[RunFolder, dict[str, Any] | None, list[PlannedFile], NewFiles]:
    """The run's folder, what it stored, what it planned, and what is new; nothing is written.

    Raises:
        OutputError: the folder is another run's.
        InputError: the corpus cannot be read, or has changed.
    """
    run = RunFolder(job.config.output)
    stored = run.open(job.fingerprint)
    connect()
    planned = run.planned_files()
    columns = stored["columns"] if stored else None
    new = plan_new_files(job.config, planned, columns, ray.put(job.judge))
    return run, stored, planned, new


def judge_units(units: Sequence[ReadUnit], job: Job, run: RunFolder, actors: int) -> RunProgress:
    """Run the pipeline over the units that have shards missing, on at most `actors` engines.

    What stops it is logged; what is missing then, `finish` finds by counting.
    """
    tally = start_tally()
    sink = PartSink(run.rewards, fingerprint_id(job.fingerprint), tally)
    shards = [shard for unit in units for shard in unit.shards]
    documents = sum(len(job.sample.chosen(s.file, s.start, s.stop)) for s in shards)
    every = job.config.run.progress_s
    with ProgressLog(tally, documents=documents, parts=len(shards), every=every):
        try:
            pipeline(units, job, tally, actors).write_datasink(
                sink, ray_remote_args={"num_cpus": WRITE_CPUS}
            )
        except ray.exceptions.RayError as error:
            log.error("the pipeline stopped: %s", _cause(error))
    standing: RunProgress = ray.get(tally.standing.remote())
    return standing


def pipeline(units: Sequence[ReadUnit], job: Job, tally: Any, actors: int) -> Dataset:
    """The Ray dataset: rows are read units, then shards, one block each, to the end."""
    config = job.config
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
            fn_constructor_args=(job.engine, judge, tally),
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
            ray_remote_args_fn=lambda: {"max_task_retries": SHARD_TRIES - 1},
        )
    )


def finish(
    plan: Sequence[PlannedFile],
    job: Job,
    run: RunFolder,
    standing: RunProgress | None,
    seconds: float,
) -> None:
    """Count every part, store the totals, and say the truth about the run.

    Raises:
        Incomplete: parts are missing or wrong, or too many documents failed.
    """
    shards = list(shards_of(plan))
    totals, problems = count_parts(shards, run.rewards, fingerprint_id(job.fingerprint), job.sample)
    run.write_metrics(metrics(totals, len(shards), len(problems), standing, seconds))
    for line in totals_text(totals, standing):
        log.info("%s", line)
    if problems:
        reason = standing.first_error if standing else None
        raise Incomplete(
            f"{len(problems)} of {len(shards)} shards are not done; first {problems[0]}"
            + (f"; first reason: {reason.rstrip('.')}" if reason else "")
            + ". Run the same command again to go on"
        )
    run.mark_complete({"shards": len(shards), **asdict(totals)})
    failed = totals.statuses.get("failed", 0)
    if failed > job.config.run.max_failed_fraction * totals.documents:
        raise Incomplete(
            f"{failed:,} of {totals.documents:,} documents failed, more than "
            f"run.max_failed_fraction {job.config.run.max_failed_fraction:g} allows; "
            f"their rows in {run.rewards.uri} say why"
        )
    log.info("complete: %s", run.rewards.uri)


def _set_data_context() -> None:
    # Ray 2.60 has no named parameter for max_task_retries, and warns of the one that takes it
    warnings.filterwarnings("ignore", "`ray_remote_args_fn`")
    context = DataContext.get_current()
    context.target_max_block_size = 1  # never join two shards in one block
    context.max_errored_blocks = MAX_FAILED_SHARDS
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


def _warn_of_versions(stored: dict[str, str]) -> None:
    changes = version_changes(stored, installed_versions())
    if changes:
        log.warning("versions have changed since this run began: %s", ", ".join(changes))


def _cause(error: BaseException | None) -> str:
    """The last line of the deepest error that says anything."""
    said = f"{type(error).__name__}"
    while error is not None:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = f"{type(error).__name__}: {lines[-1]}" if lines else said
        error = error.__cause__
    return said
