"""The pairs job, as the machinery of runs needs it.

plan      corpus -> shards, and texts to mix in        score/planning, donors
read      shard -> documents -> token ids              score/read_stage   CPU tasks
make      token ids -> random choices -> pairs         making             in the same tasks, or
write     the same, asking a generator                 write_actor        actors, one engine each
commit    rows -> one part, written once               run/output         CPU tasks

A pair depends only on the seed, the file, the row and its number in the document (drawing).
"""

import json
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import pyarrow as pa
from ray.data import Dataset
from typing_extensions import override

from rm_ray.cluster.fit import machines_that_fit, wait_for_machines
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.plan import PlannedFile, ReadUnit, shards_of
from rm_ray.corpus.tables.deleted import NOTE as TABLE_NOTE
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError, InputError
from rm_ray.judges.preference.judge import PreferenceJudge, build_preference
from rm_ray.judges.text import TextTokenizer
from rm_ray.pairs import summary
from rm_ray.pairs.config import PairsJobConfig
from rm_ray.pairs.counts import PairCounts
from rm_ray.pairs.donors import draw_donors, stored
from rm_ray.pairs.fingerprint import fingerprint
from rm_ray.pairs.generator import resolve_generator
from rm_ray.pairs.making import Maker
from rm_ray.pairs.pipeline import stages
from rm_ray.pairs.planning import PairsEstimator, PairsPlanning
from rm_ray.pairs.reading import PAIRS
from rm_ray.pairs.table import SCHEMA
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.shard_job import JobSpec, Round
from rm_ray.run.standing.price import Price
from rm_ray.run.survey import Survey, open_folder, survey
from rm_ray.score.corpus_job import CorpusJob
from rm_ray.score.pipeline import blocks_wanted
from rm_ray.score.planning import plan_new_files

log = logging.getLogger(__name__)

# Advice for input files that have changed since they were planned.
CHANGED = (
    "Pairs already made would not match the changed files: restore the files, or give another "
    "--output.path"
)


def make_pairs(config: PairsJobConfig) -> None:
    """Make the pairs; the same call again resumes the run.

    Raises:
        Refused: the run cannot start, and the message says what to do; or no document has a chunk.
        Incomplete: the run ended with documents missing, or too many failed.
    """
    execute(PairsJob(config))


def dry_run(config: PairsJobConfig) -> str:
    """Say what `make_pairs` would do, as text; nothing is written and no engine is started."""
    job = PairsJob(config)
    with ray_faults():
        seen = survey(job, open_folder(job), to_run=False)
        documents = job.count_documents(shards_of(seen.files))
        average = _pairs_of_a_document(job, seen)
    committed, new = seen.run.committed(), cast(PairsPlanning, seen.new)
    missing = [shard for shard in shards_of(seen.files) if shard.part not in committed]
    left = job.count_documents(missing)
    return summary.dry_run_text(seen, config, new, documents, left, average)


def _pairs_of_a_document(job: "PairsJob", seen: Survey) -> float:
    """Return the average number of pairs of a document: of those of this run, or of a sample if the
    run was stopped before it wrote its figures; 0 if nothing was planned before.
    """
    totals = (seen.run.metrics() or {}).get("totals", {})
    if totals.get("documents"):
        return float(totals["rows"] / totals["documents"])
    sampled = job.sampled(seen)
    return sampled.windows / max(1, sampled.documents)


class PairsJob(CorpusJob[PairsPlanning]):
    """A pairs job decides, and refuses, all that it can before any machine is asked for."""

    config: PairsJobConfig

    def __init__(self, config: PairsJobConfig) -> None:
        """Resolve and check everything that needs neither Ray nor an engine.

        Raises:
            JudgeError: a model, its tokenizer, its labels or its chat template do not fit.
            ClusterError: the engine is not installed.
            ConfigError: documents are chats, or a kept column has the name of an output column.
        """
        super().__init__(config)
        _check_kept(config.input.keep)
        asked = config.judge
        log.info("looking at the model %s", asked.model)
        model = resolve_model(
            asked.model,
            asked.revision,
            trust_remote_code=asked.trust_remote_code,
            storage=asked.storage,
            weights_folder=config.engine.weights_folder,
        )
        halves = build_preference(asked, config.input, model)
        self.tokenizer = cast(TextTokenizer, halves[0])
        self.judge = cast(PreferenceJudge, halves[1])
        generator = resolve_generator(config, self.judge, self.tokenizer.tokenizer_json)
        self.engine = generator.engine if generator else None
        self.writer = generator.writer if generator else None
        self.summary = summary.PairsSummary()
        gpus = config.pool.gpus if self.engine else 0
        self.spec = JobSpec(
            config=config,
            output=config.output,
            settings=config.run,
            fingerprint=fingerprint(self.tokenizer, asked, config.pairs, self.engine, config.input),
            counts=PairCounts,
            parts=PAIRS,
            max_failed_fraction=config.run.max_failed_fraction,
            skips_bad_files=config.input.on_bad_file == "skip",
            silence_s=config.engine.silence_s,
            start_s=config.engine.start_s,
            machines=partial(machines_that_fit, config.pool) if self.engine else set,
            has_engines=self.engine is not None,
            price=Price(gpus, config.cost.per_gpu_hour if self.engine else None),
        )

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFile],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> PairsPlanning:
        config = self.config
        new = plan_new_files(
            self.cutting(notes, CHANGED),
            found,
            planned=planned,
            columns=columns,
            tokenizer=self.tokenizer,
            estimator=PairsEstimator(config.pairs, self.judge.rule),
        )
        self.chosen = replace(self.chosen, deleted=new.deleted)
        donors = stored(notes)
        if donors is None:
            donors = draw_donors(new.files, config.input, config.pairs, new.deleted)
        table = {name: note for name, note in new.notes.items() if name == TABLE_NOTE}
        kept = {"notes": {**table, **({"donors": donors} if not notes else {})}}
        return PairsPlanning(**(vars(new) | kept), donors=tuple(donors))

    @override
    def wait_for_engines(self) -> int:
        return wait_for_machines(self.config.pool) if self.engine else 0

    @override
    def stages(self, units: Dataset, this: Round[ReadUnit], planning: PairsPlanning) -> Dataset:
        maker = Maker(
            config=self.config.pairs,
            rule=self.judge.rule,
            tokenizer_json=self.tokenizer.tokenizer_json,
            others=planning.donors,
            writer=self.writer,
        )
        return stages(
            units,
            this,
            config=self.config,
            tokenizer=self.tokenizer,
            maker=maker,
            engine=self.engine,
            types=planning.columns,
            deleted=self.chosen.deleted,
        )

    @override
    def give_up(
        self, unit: ReadUnit, reasons: Mapping[int, str], columns: Mapping[str, pa.DataType]
    ) -> Iterator[tuple[pa.Table, PairCounts]]:
        for shard in unit.shards:
            log.warning("%s gives no pair: %s", shard, reasons[shard.start])
            yield self.no_rows(columns), PairCounts(documents=1, statuses={"failed": 1})

    @override
    def work_done(self, progress: RunProgress) -> float:
        return (PairCounts() + progress.work).tokens

    @override
    def no_rows(self, columns: Mapping[str, pa.DataType]) -> pa.Table:
        return pa.schema([*columns.items(), *SCHEMA]).empty_table()

    @override
    def blocks_wanted(self, this: Round[ReadUnit]) -> float:
        return blocks_wanted(this, self.config.pool) if self.engine else len(this.units)

    @override
    def too_many_wrong(self, totals: RunCounts, run: RunFolder) -> str | None:
        failed, most = totals.statuses.get("failed", 0), self.spec.max_failed_fraction
        if failed <= most * totals.documents:
            return None
        enough = math.ceil(1000 * failed / totals.documents) / 1000
        return (
            f"{failed:,} of {totals.documents:,} documents failed and give no pair, more than "
            f"run.max_failed_fraction {most:g} allows; the log of the run that met them says why. "
            f"The other pairs are complete: the same command with --run.max_failed_fraction "
            f"{enough:g} takes them"
        )

    @override
    def leave(self, totals: RunCounts, run: RunFolder, planning: PairsPlanning) -> None:
        """Describe the pairs in manifest.json.

        Raises:
            InputError: there is no pair.
        """
        pairs = PairCounts() + totals
        if not pairs.rows:
            raise InputError(
                f"no document of {self.config.input.path} gives a pair: of {pairs.documents:,} "
                f"documents, {pairs.statuses.get('too_short', 0):,} have no whole chunk of "
                f"{self.judge.rule.chunk} tokens among the chunks that may be taken; give longer "
                "documents, or a smaller --judge.chunk_tokens"
            )
        stored_run = run.stored()
        assert stored_run is not None  # this run has written it
        manifest = summary.manifest(stored_run, pairs)
        run.root.overwrite("manifest.json", (json.dumps(manifest, indent=2) + "\n").encode())


def _check_kept(keep: Sequence[str]) -> None:
    """Raise ConfigError if a kept column has the name of an output column."""
    own = {name.casefold() for name in SCHEMA.names}
    for name in keep:
        if name.casefold() in own:
            raise ConfigError(
                f"input.keep: the output has a column {name!r} of its own "
                f"({', '.join(SCHEMA.names)}); rename the kept column, or leave it out"
            )
