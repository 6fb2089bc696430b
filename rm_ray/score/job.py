"""Defines the scoring job for `run`, which executes it.

plan      corpus -> shards                          planning
read      shard -> documents -> token ids           read_stage     CPU tasks
judge     token ids -> prompts -> answers           judge_actor    actors, one engine each
reward    answers -> one row per document           judge_shard    in the same actor
commit    rows -> one part, written once            run/output     CPU tasks

`pipeline` puts the stages together; judges/ makes prompts of documents, and rewards of answers.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from typing_extensions import override

from rm_ray.cluster.fit import machines_that_fit, wait_for_machines
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.plan import PlannedFile, ReadUnit, shards_of
from rm_ray.corpus.reading import read_patiently
from rm_ray.engines.engine import EngineSettings, choose_block_size
from rm_ray.engines.runnable import check_runs
from rm_ray.engines.sharing import sharing_of
from rm_ray.engines.start import check_engine_installed
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError
from rm_ray.judges.families import Builder, build_judge
from rm_ray.judges.judge import Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.output.folder import REWARDS, TOKENIZER
from rm_ray.run.shard_job import JobSpec, Round
from rm_ray.run.standing.price import Price
from rm_ray.run.survey import open_folder, survey
from rm_ray.score import summary
from rm_ray.score.calibrations import find_calibration
from rm_ray.score.config import ScoreConfig
from rm_ray.score.corpus_job import CorpusJob
from rm_ray.score.cost import cost_of, judged_so_far
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.estimate import Estimator
from rm_ray.score.examples import resolve_examples
from rm_ray.score.fingerprint import fingerprint
from rm_ray.score.judge_shard import divide, give_up
from rm_ray.score.library import fastest, say_difference, with_fast
from rm_ray.score.planning import ScorePlanning, plan_new_files
from rm_ray.score.read_stage import tokenize
from rm_ray.score.rewards import reward_table
from rm_ray.score.stop_rules import check_rule, with_rule
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset

log = logging.getLogger(__name__)

# Advice if input files have changed since they were planned.
CHANGED = (
    "Rewards of the old content would not match the new content: put the old files back, give "
    "another --output.path, or give --run.rescore_changed to score the files again"
)


def score(config: ScoreConfig) -> None:
    """Score the corpus; the same call again resumes the run.

    Raises:
        Refused: the run cannot start; the text says what to do.
        Incomplete: the run ended with documents missing, or too many failed.
    """
    execute(ScoreJob(config))


def dry_run(config: ScoreConfig) -> str:
    """Return a page on what `score` would do; nothing is written and no engine is started."""
    return look_ahead(ScoreJob(config))


def look_ahead(job: "ScoreJob") -> str:
    """Return a page on what a job would do."""
    with ray_faults():
        seen = survey(job, open_folder(job), to_run=False)
        documents = job.count_documents(shards_of(seen.files))
        metrics = seen.run.metrics()
        judged = judged_so_far(metrics, job.sharing) or job.sampled(seen)
    committed, new = seen.run.committed(), cast(ScorePlanning, seen.new)
    cost = cost_of(
        job.config,
        cast(list[PlannedFile], seen.files),
        chosen=job.chosen,
        committed=committed,
        new=new,
        judged=judged,
        metrics=metrics,
        sharing=job.sharing,
        at_most=job.judge.stops_early,
    )
    return summary.dry_run_text(seen, committed, documents=documents, new=new, cost=cost)


class ScoreJob(CorpusJob[ScorePlanning]):
    """ScoreJob resolves and checks everything that needs no machine of the cluster."""

    config: ScoreConfig

    def __init__(self, config: ScoreConfig, build: Builder = build_judge) -> None:
        """Resolve and check everything that needs neither Ray nor an engine.

        Args:
            config: the job's configuration.
            build: makes both halves of the judge.

        Raises:
            JudgeError: the model, its tokenizer or labels do not fit.
            ClusterError: the engine is not installed.
            ConfigError: no prefix-cache block divides the chunk.
        """
        super().__init__(config)
        check_engine_installed(config.engine)
        on_gpu = config.pool.gpus > 0
        log.info("looking at the model %s", config.judge.model)
        section = config.judge
        model = resolve_model(
            section.model,
            section.revision,
            trust_remote_code=section.trust_remote_code,
            storage=section.storage,
            weights_folder=config.engine.weights_folder,
        )
        self.tokenizer, judge = build(section, config.input, model)
        self.judge = with_rule(judge, section, config.input.keep)
        self.examples = resolve_examples(section, model)
        _check_kept(config.input.keep, self.judge)
        made_by = {**self.tokenizer.fingerprint(), **self.judge.fingerprint()}
        self.calibration = find_calibration(section, model, made_by, config.input.keep)
        self.engine = EngineSettings(
            config=config.engine,
            model=model,
            read_out=self.judge.read_out,
            max_prompt_tokens=self.judge.max_prompt_tokens,
            block_size=choose_block_size(config.engine, self.judge.shared_step, on_gpu=on_gpu),
            gpus=config.pool.gpus,
            threads=config.engine.threads or max(1, int(config.pool.cpus)),
        )
        check_runs(self.engine, partial(_shorter, section, self.judge.max_prompt_tokens))
        self.sharing = sharing_of(self.engine)
        self.summary = summary.ScoreSummary(self.sharing.reason, config.pool.gpus)
        self.spec = JobSpec(
            config=config,
            output=config.output,
            settings=config.run,
            fingerprint=fingerprint(
                self.tokenizer, self.judge, self.engine, config.input, self.calibration
            ),
            counts=ScoreCounts,
            parts=REWARDS,
            a_row_each=True,
            retry_failed=config.run.retry_failed,
            max_failed_fraction=config.run.max_failed_fraction,
            skips_bad_files=config.input.on_bad_file == "skip",
            silence_s=config.engine.silence_s,
            start_s=config.engine.start_s,
            machines=partial(machines_that_fit, config.pool),
            has_engines=True,
            price=Price(config.pool.gpus, config.cost.per_gpu_hour),
        )
        check_rule(self.judge, self.spec.fingerprint)

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFile],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> ScorePlanning:
        config, tokenizer = self.config, fastest(self.tokenizer, notes)
        planning = plan_new_files(
            self.cutting(notes, None if config.run.rescore_changed else CHANGED),
            found,
            planned=planned,
            columns=columns,
            tokenizer=tokenizer,
            estimator=Estimator(self.judge, self.sharing),
        )
        self.chosen = replace(self.chosen, deleted=planning.deleted)
        if planning.differs:
            say_difference(planning.differs)
        return replace(planning, fast=tokenizer.fast and not planning.differs)

    @override
    def begin(self, state: Folder) -> None:
        """Keep the tokenizer in the run's folder, if the judge cuts texts into chunks.

        A report needs it to show the chunks, and the model may be gone by then.
        """
        if isinstance(self.config.judge, PreferenceConfig):
            (plain_json,) = self.tokenizer.plain_tokenizers
            state.overwrite(TOKENIZER, plain_json.encode())

    @override
    def wait_for_engines(self) -> int:
        return wait_for_machines(self.config.pool)

    @override
    def stages(self, units: "Dataset", this: Round[ReadUnit], planning: ScorePlanning) -> "Dataset":
        from rm_ray.score.pipeline import Judging, stages

        judging = Judging(
            config=self.config,
            tokenizer=with_fast(self.tokenizer, planning.fast),
            judge=self.judge,
            engine=self.engine,
            examples=self.examples,
            types=planning.columns,
            calibration=self.calibration,
            deleted=self.chosen.deleted,
        )
        return stages(judging, units, this)

    @override
    def divide(self, counts: RunCounts, stretches: Sequence[pa.Table]) -> Sequence[ScoreCounts]:
        return divide(ScoreCounts() + counts, stretches, self.judge)

    @override
    def give_up(
        self, unit: ReadUnit, reasons: Mapping[int, str], columns: Mapping[str, pa.DataType]
    ) -> Iterator[tuple[pa.Table, ScoreCounts]]:
        columns_read, deleted = self.tokenizer.columns, self.chosen.deleted
        shards = read_patiently(unit, self.config.input, columns_read, columns, deleted=deleted)
        for shard, documents in shards:
            tokenized = tokenize(documents, self.tokenizer)
            yield give_up(shard, tokenized, reasons, self.judge, self.calibration)

    @override
    def work_done(self, progress: RunProgress) -> float:
        return (ScoreCounts() + progress.work).tokens

    @override
    def no_rows(self, columns: Mapping[str, pa.DataType]) -> pa.Table:
        carried = {name: pa.array([], kind) for name, kind in columns.items()}
        return reward_table(
            "",
            pa.array([], pa.int64()),
            carried=carried,
            lengths=[],
            verdicts=[],
            family=self.judge.columns,
            calibration=self.calibration,
        )

    @override
    def blocks_wanted(self, this: Round[ReadUnit]) -> float:
        from rm_ray.score.pipeline import blocks_wanted

        return blocks_wanted(this, self.config.pool)


def _shorter(section: JudgeSection, longest: int, less: int) -> str:
    """Return the option that shortens the judge's longest prompt; empty if none can.

    Args:
        section: the judge's configuration.
        longest: tokens of the longest prompt.
        less: tokens that it has to lose.
    """
    if not isinstance(section, PreferenceConfig):
        return f"--judge.max_tokens {longest - less}"
    chunks = (section.context_tokens - less) // section.chunk_tokens
    return f"--judge.context_tokens {chunks * section.chunk_tokens}" if chunks >= 0 else ""


def _check_kept(keep: Sequence[str], judge: Judge) -> None:
    """Raise ConfigError if a kept column has the name of one of the judge's own columns."""
    own = {name.casefold() for name in judge.columns.names}
    for name in keep:
        if name.casefold() in own:
            raise ConfigError(
                f"input.keep: the column {name!r} has the name of one of this judge's own columns "
                f"({', '.join(judge.columns.names)}); rename it, or leave it out"
            )
