"""The job over documents of a corpus that scoring and the making of pairs share."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from rm_ray.config import InputConfig, OutputConfig, PoolConfig, ShardConfig
from rm_ray.corpus.files import Corpus, list_files
from rm_ray.corpus.plan import PlannedFile, ReadUnit, shards_of
from rm_ray.corpus.rows import rows_of
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Undeleted, deleted_of, store
from rm_ray.run.output.folder import state_of
from rm_ray.run.shard_job import ShardJob
from rm_ray.run.survey import Survey
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.planning import Cutting, ScorePlanning, table_noted
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

AnyScorePlanning = TypeVar("AnyScorePlanning", bound=ScorePlanning)


class CorpusJobConfig(Protocol):
    """The sections that such a job has in its configuration."""

    @property
    def input(self) -> InputConfig:
        """The corpus."""

    @property
    def output(self) -> OutputConfig:
        """The output folder."""

    @property
    def shard(self) -> ShardConfig:
        """Limits of a shard."""

    @property
    def pool(self) -> PoolConfig:
        """The engines; each is to get several shards."""


class CorpusJob(ShardJob[PlannedFile, ReadUnit, AnyScorePlanning]):
    """A CorpusJob cuts a corpus into shards, and knows which of their rows are its documents."""

    config: CorpusJobConfig
    """The job's configuration."""
    chosen: Undeleted
    """The rows that are documents of the run."""

    def __init__(self, config: CorpusJobConfig) -> None:
        self.config = config
        self.chosen = Undeleted(rows_of(config.input), NOTHING)

    def cutting(self, notes: Sequence[Mapping[str, Any]], changed: str | None) -> Cutting:
        """Return how new files are planned.

        Args:
            notes: the notes of the plan's segments.
            changed: advice for the error if planned files have changed; None to plan them anew.
        """
        return Cutting(
            inputs=self.config.input,
            shard=self.config.shard,
            pool=self.config.pool,
            changed=changed,
            deleted=deleted_of(notes, state_of(self.config.output)),
            before=table_noted(notes),
        )

    def sampled(self, seen: Survey) -> ScoreCounts:
        """Return the counts of the whole corpus, estimated from a sample of its documents.

        A run that was killed before its end needs them: it has no counts of its own. If nothing
        was planned before, there are none.
        """
        if not seen.run.segments.read():
            return ScoreCounts()
        log.info("this run has no figures of its own yet: its documents are sampled again")
        chosen = self.chosen
        anew = self.plan(seen.found, (), (), None)
        counts = replace(anew.estimate, documents=self.count_documents(shards_of(anew.files)))
        self.chosen = chosen
        return counts

    @override
    def find(self, planned: Collection[str]) -> Corpus:
        return list_files(self.config.input, self.config.output, planned)

    @override
    def store(self, state: Folder, planning: AnyScorePlanning) -> None:
        """Store which rows of the new files the table has deleted."""
        self.chosen = replace(self.chosen, deleted=store(planning.deleted, state))

    @override
    def documents(self, span: Shard) -> npt.NDArray[np.int64]:
        return self.chosen.chosen(span.file, span.start, span.stop)

    @override
    def count_documents(self, spans: Iterable[Shard]) -> int:
        return sum(self.chosen.count(span.file, span.start, span.stop) for span in spans)

    @override
    def work_left(self, units: Sequence[ReadUnit]) -> float:
        return sum(unit.tokens for unit in units)
