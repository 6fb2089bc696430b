"""The evaluation job.

judge     pairs -> two windows each -> rewards of both chunks    judged/, with pair_judge
measure   rewards and labels -> figures with intervals           measure, grouping, statistics
texts     the same figures for length, zlib, a unigram model     texts, baselines
write     evaluation.json, evaluation.html, evaluation.md        words, page, markdown, folder

Pairs are judged by the scoring job with another judge, so an evaluation resumes, retries and
estimates as scoring does. A scoring run with labels has its rewards already, so nothing is judged.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
from typing_extensions import override

from rm_ray.config import InputConfig
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.parquet import Unreadable, open_parquet
from rm_ray.corpus.plan import PlannedFile
from rm_ray.errors import ConfigError, InputError, short
from rm_ray.evaluate.against import Other, open_other
from rm_ray.evaluate.config import JUDGED_PAIRS, EvaluateConfig
from rm_ray.evaluate.figures import Facts
from rm_ray.evaluate.folder import (
    HTML,
    calibration_place,
    output_folder,
    store_calibration,
    write,
)
from rm_ray.evaluate.labelled import Labelled, judged_pairs, labelled_run
from rm_ray.evaluate.making import Material, Texts, make
from rm_ray.evaluate.markdown import summary as page_summary
from rm_ray.evaluate.pair_tokens import SPLIT
from rm_ray.evaluate.pairs_input import look_at
from rm_ray.run.counts import RunCounts
from rm_ray.run.execute import execute
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.run_json import fingerprint_id, installed_versions
from rm_ray.run.output.segments import planned_files
from rm_ray.run.shard_job import Planning
from rm_ray.score.config import ScoreConfig
from rm_ray.score.job import ScoreJob, look_ahead
from rm_ray.score.planning import ScorePlanning
from rm_ray.scored.run import ScoredRun
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)


def evaluate(config: EvaluateConfig) -> None:
    """Evaluate a judge. Calling this again with the same configuration resumes.

    Raises:
        Refused: a check failed before anything was judged; the message says what to do.
        Incomplete: the run ended with pairs missing.
    """
    if config.pairs.paths:
        execute(EvaluateJob(config))
        return
    folder = output_folder(config.output)
    _leave(_of_run(config), config, folder)


def dry_run(config: EvaluateConfig) -> str:
    """Return the estimate of judging pairs, or the summary of a scoring run. Nothing is written."""
    if config.pairs.paths:
        return look_ahead(EvaluateJob(config))
    return page_summary(make(_of_run(config), config))


class EvaluateJob(ScoreJob):
    """The scoring job with a judge of pairs. At its end it writes the figures."""

    def __init__(self, config: EvaluateConfig) -> None:
        """Check everything that the scoring job checks, the table of pairs, and the other judge.

        Raises:
            Refused: a check failed, or the pairs were made for another judge.
        """
        assert config.judge is not None
        self.table = look_at(config)
        # the raw rewards of chunks are evaluated
        asked = config.judge.model_copy(update={"calibration": "none"})
        scoring = ScoreConfig(
            input=self.table.inputs,
            output=config.output,
            judge=asked,
            engine=config.engine,
            pool=config.pool,
            read=config.read,
            shard=config.shard,
            run=config.run,
            estimate=config.estimate,
            cost=config.cost,
        )
        super().__init__(scoring, self.table.build)
        self.evaluation = config
        self.spec = replace(self.spec, config=config, parts=JUDGED_PAIRS)
        # check these two before anything is judged
        if config.against:
            open_other(config, "pairs")
        if config.calibrate:
            calibration_place(config, asked.model, asked.storage)

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFile],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> ScorePlanning:
        if self.table.split and not planned and not self._has_split(found):
            split = self.table.split
            raise InputError(
                f"pairs.path: {', '.join(self.evaluation.pairs.paths)} has no pairs of the split "
                f"{split}; --pairs.split all takes all pairs"
            )
        return super().plan(found, planned, notes, columns)

    def _has_split(self, found: Corpus) -> bool:
        """Return True if any pair belongs to the configured split."""
        for file in found.files:
            try:
                with open_parquet(file.path, self.table.inputs.storage) as parquet:
                    for batch in parquet.iter_batches(columns=[SPLIT]):
                        if self.table.split in batch.column(0).to_pylist():
                            return True
            except (OSError, Unreadable, pa.ArrowException) as error:
                raise InputError(f"pairs.path: cannot read {file.path}: {short(error)}") from None
        return False

    @override
    def leave(self, totals: RunCounts, run: RunFolder, planning: Planning[PlannedFile]) -> None:
        config = self.evaluation
        sample = judged_pairs(run, config)
        other = open_other(config, "pairs") if config.against else None
        files = planned_files(run.segments.read())
        texts = Texts(files, self.table.inputs, ("chosen", "rejected"), trained=self.table.trained)
        model = self.engine.model
        facts = _facts(
            sample,
            config,
            path=config.pairs.paths,
            split=self.table.split,
            model=self.config.judge.model,
            fingerprint=self.spec.fingerprint,
        )
        material = Material(sample, facts, self.spec.fingerprint, model.identity, texts, other)
        _leave(material, config, run.root)


def _leave(material: Material, config: EvaluateConfig, folder: Folder) -> None:
    """Write the figures, and the calibration if configured."""
    made = make(material, config)
    write(made, folder)
    if config.calibrate:
        place = store_calibration(material, config, made, folder.uri)
        calibration = made.calibration and made.calibration.model_copy(update={"written": place})
        made = made.model_copy(update={"calibration": calibration})
        write(made, folder)
        log.info("%s", f"{place}: from now on scoring with this judge writes p_chosen")
    log.info("%s -> %s/%s", made.verdict.sentence, folder.uri, HTML)
    for line in made.verdict.blind:
        log.info("%s", line)


def _of_run(config: EvaluateConfig) -> Material:
    """Open a scoring run with labels as the material of an evaluation."""
    if config.calibrate and config.rewards.column != "reward":
        raise ConfigError(
            f"calibrate: p_chosen is computed from the column reward, but rewards.column is "
            f"{config.rewards.column}; leave out calibrate or rewards.column"
        )
    sample, run = labelled_run(config)
    other: Other | None = open_other(config, "documents") if config.against else None
    stored = run.stored["config"]["judge"]
    facts = _facts(
        sample,
        config,
        path=[run.uri],
        split=None,
        model=str(stored["model"]),
        fingerprint=run.stored["fingerprint"],
    )
    identity = str(run.stored["fingerprint"].get("model"))
    return Material(sample, facts, run.stored["fingerprint"], identity, _texts_of(run), other)


def _texts_of(run: ScoredRun) -> Texts | None:
    """Return how to read the documents of a scoring run; None if they are chats."""
    stored = run.stored["config"]["input"]
    column = stored.get("text") or stored.get("completion")
    if not column:
        return None
    inputs = InputConfig(path=stored["path"], storage=stored.get("storage") or {}, text=column)
    return Texts(run.files, inputs, (column,), trained=False)


def _facts(
    sample: Labelled,
    config: EvaluateConfig,
    path: list[str],
    split: str | None,
    model: str,
    fingerprint: Mapping[str, Any],
) -> Facts:
    return Facts(
        of=sample.of,
        path=path,
        split=split,
        column="reward" if sample.of == "pairs" else config.rewards.column,
        model=model,
        identity=str(fingerprint.get("model")),
        family=str(fingerprint.get("family", "unknown")),
        fingerprint=fingerprint_id(fingerprint),
        left_out=dict(sample.left_out),
        cut_pairs=sample.cut_texts,
        blind_below=config.figures.blind_below,
        few_documents=config.figures.few_documents,
        resamples=config.figures.resamples,
        seed=config.figures.seed,
        versions=installed_versions(),
    )
