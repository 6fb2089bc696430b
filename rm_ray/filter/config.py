"""The configuration of the filter job."""

import json
import math
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import (
    TYPED,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    RunConfig,
    Section,
    StorageConfig,
    as_list,
)
from rm_ray.errors import ConfigError
from rm_ray.filter.condition import Condition
from rm_ray.filter.delivery import DeliverConfig, LeaveOutConfig
from rm_ray.filter.quotas import ELSE, Quotas
from rm_ray.scored.column_path import ColumnPath


class FilteredCorpusConfig(Section):
    """The corpus that was scored, or some of its files."""

    path: NonEmpty | list[NonEmpty] | None = None
    """File, folder or glob of the corpus that was scored, or a list of these; null: the path that
    the scoring run was given.
    """
    storage: StorageConfig = StorageConfig()
    """How the corpus's store is reached; if not given, as the scoring run reached it."""

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        for path in as_list(self.path) or []:
            refuse_credentials(path)
        return self


class FilterRewardsConfig(Section):
    """The scoring runs whose rewards choose the documents."""

    path: NonEmpty | list[NonEmpty] = Field(json_schema_extra=TYPED)
    """Output folder of a run of jobs/score.py, or a list of runs over one corpus."""
    column: NonEmpty = "reward"
    """The number that documents are chosen by: a column of the run, such as reward_quantiles[0],
    attributes.NAME or logits[1].
    """
    combine: Literal["mean", "minimum", "maximum"] = "mean"
    """With several runs: how a document's percentile ranks become one number."""
    segments: list[int] | list[list[int]] | None = Field(None, json_schema_extra=TYPED)
    """Read only these segments of the run's plan, counted from 0: segment 0 holds the files of
    the first scoring, segment 1 the files that were new the next time; null: all segments. With
    several runs, give a list for each: '[[0], [0, 1]]'.
    """
    allow_incomplete: bool = False
    """Go on if the run is not complete; documents that are not scored yet have no reward."""
    allow_partial: bool = False
    """Allow cuts elsewhere than at the threshold of an adaptive run, which judged each document
    only until its side of the threshold was clear.
    """
    storage: StorageConfig = StorageConfig()
    """How the store of the scoring runs is reached."""

    @property
    def paths(self) -> list[str]:
        """Return the runs' paths as a list, also if there is only one."""
        paths: list[str] = as_list(self.path)
        return paths

    def segments_of(self, run: int) -> list[int] | None:
        """Return the segments to read of run number `run`; None for all."""
        if lists := self._segment_lists:
            return lists[run]
        if self.segments is None:
            return None
        return [segment for segment in self.segments if isinstance(segment, int)]

    @property
    def _segment_lists(self) -> list[list[int]]:
        """Return the lists of segments, one per run; empty if they are not given per run."""
        return [segments for segments in self.segments or () if isinstance(segments, list)]

    @model_validator(mode="after")
    def _paths_are_good(self) -> Self:
        for path in self.paths:
            refuse_credentials(path)
        if (lists := self._segment_lists) and len(lists) != len(self.paths):
            raise ValueError(f"segments has {len(lists)} lists for {len(self.paths)} runs")
        if not self.paths or len(set(self.paths)) < len(self.paths):
            raise ValueError("path names no run, or one run twice")
        return self


def _as_precise_as_typed(given: Any) -> int | float | None:
    """Return the typed number. A whole number that a float cannot hold exactly (above 53 bits)
    stays an int.

    Raises:
        ValueError: the value is not a finite number.
    """
    if given is None:
        return None
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{given!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{given!r} is not a finite number")
    whole = int(given) if isinstance(given, int) or str(given).lstrip("+-").isdigit() else number
    return number if whole == number else whole


class RuleConfig(Section):
    """The rule that chooses the documents to keep. Give one of min_reward and the keep_ keys; with
    none of these keys, every document with a reward is kept.
    """

    min_reward: Annotated[int | float | None, BeforeValidator(_as_precise_as_typed)] = Field(
        None, json_schema_extra=TYPED
    )
    """Keep documents whose reward is at least this."""
    keep_fraction: Quotas | None = Field(None, json_schema_extra=TYPED)
    """Keep this part of the documents, the best (with rule.weight tokens: this part of their
    tokens); a number, or numbers by group: {en: 0.1, de: 0.5, '*': 0}.
    """
    keep_tokens: Quotas | None = Field(None, json_schema_extra=TYPED)
    """Keep the best documents, up to this many tokens in all; a number (for each group, if
    rule.by makes groups), or numbers by group.
    """
    keep_documents: Quotas | None = Field(None, json_schema_extra=TYPED)
    """Keep this many documents, the best; a number, or numbers by group."""
    weight: NonEmpty = Field("documents", json_schema_extra=TYPED)
    """keep_fraction is a part of this: documents, tokens, or the sum of a column of whole numbers
    of the rewards or the corpus, such as token_count; keep_tokens can count such a column too.
    """
    by: Annotated[list[NonEmpty], BeforeValidator(as_list)] = Field([], json_schema_extra=TYPED)
    """Columns whose values make groups, each with its own cut; columns of the rewards or of the
    corpus, or hive folders. Null is a value.
    """
    where: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """A condition on other columns in SQL, as DuckDB reads it, such as n_tokens >= 128 and
    lang = 'en' and day between '2024-01-01' and '2024-06-30': a document for which it does not
    hold is dropped and does not count.
    """
    temperature: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Draw a sample instead of the very best: a reward that is higher by this number is e times as
    likely to be taken next (Gumbel top-k).
    """
    seed: int = 0
    """Seed of the sample, and of the order of documents with equal rewards."""
    null_rewards: Literal["drop", "keep"] = "drop"
    """Drop or keep documents without a reward."""
    short: Literal["refuse", "take_all"] = "refuse"
    """If a group has less than its quota: refuse to run, or take everything the group has."""
    invert: bool = False
    """Keep the documents that would be dropped, and drop the rest."""

    alternatives: ClassVar = (
        ("min_reward",),
        ("keep_fraction",),
        ("keep_tokens",),
        ("keep_documents",),
    )
    """Keys that exclude each other. A key on the command line replaces the others."""

    @classmethod
    def _choices(cls) -> list[str]:
        return [name for (name,) in cls.alternatives]

    @property
    def choice(self) -> str | None:
        """Return the name of the given key (min_reward or a keep_ key); None if none is given."""
        return next((name for name in self._choices() if getattr(self, name) is not None), None)

    @property
    def quotas(self) -> dict[str, Decimal]:
        """Return the quotas by group of the keep_ key that is given."""
        quotas: dict[str, Decimal] = getattr(self, self.choice or "")
        return quotas

    @property
    def relative(self) -> bool:
        """Return True if whether a document is kept depends on the other documents."""
        return self.choice not in (None, "min_reward")

    @property
    def weight_column(self) -> str | None:
        """Return the column that budgets are counted in; None for documents or judge tokens."""
        return None if self.weight in ("documents", "tokens") else self.weight

    @field_validator("weight")
    @classmethod
    def _is_a_column(cls, text: str) -> str:
        return text if text in ("documents", "tokens") else _parsed(text, ColumnPath)

    @field_validator("where")
    @classmethod
    def _is_a_condition(cls, text: str | None) -> str | None:
        return text and _parsed(text, Condition)

    @field_validator("by")
    @classmethod
    def _are_columns(cls, names: list[str]) -> list[str]:
        return [_parsed(name, ColumnPath) for name in names]

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        given = [name for name in self._choices() if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other; give one of them")
        if self.temperature is not None and not self.relative:
            raise ValueError(
                "temperature draws a sample of a given size: give it with keep_fraction, "
                "keep_tokens or keep_documents, not with a fixed min_reward"
            )
        if self.weight == "tokens" and self.choice != "keep_fraction":
            raise ValueError(
                "weight tokens belongs to keep_fraction; keep_tokens counts tokens without it"
            )
        if self.weight_column and self.choice not in ("keep_fraction", "keep_tokens"):
            raise ValueError(
                f"weight {self.weight} belongs to keep_fraction and keep_tokens; documents and "
                "tokens are counted without it"
            )
        if not self.relative:
            return self
        named = [label for label in self.quotas if label != ELSE]
        if named and not self.by:
            raise ValueError(f"{given[0]} has numbers by group, and no rule.by makes groups")
        if wrong := [label for label in named if len(json.loads(label)) != len(self.by)]:
            raise ValueError(
                f"{given[0]} has a number for {wrong[0]}, and rule.by has {len(self.by)} columns; "
                'a group of several columns is written as a list: \'["en", "web"]\''
            )
        for number in self.quotas.values():
            if self.choice == "keep_fraction" and number > 1:
                raise ValueError(f"keep_fraction {number} is more than 1")
            if self.choice != "keep_fraction" and number != int(number):
                raise ValueError(f"{self.choice} {number} is not a whole number")
        return self


class FilesConfig(Section):
    """The files that are written."""

    kind: Literal["rows", "ids", "rewards"] = Field("rows", json_schema_extra=TYPED)
    """rows: the corpus's rows, every column; ids: where the rows are (id, source_file, row,
    reward); rewards: the scoring run's rows, in few files.
    """
    add: list[NonEmpty] = Field([])
    """Columns of the rewards to add to the rows or ids, such as reward; with buckets also quality,
    the number of the bucket as an int32 column.
    """
    buckets: int | None = Field(None, ge=2, le=100)
    """Keep every document with a reward, in folders quality=00 (the worst) and up. Each folder
    has as many documents, by the rank of their rewards (in their group, with rule.by).
    """
    file_mb: float = Field(256, gt=0)
    """About how large files are, in MiB; smaller if so little is kept that there would be fewer
    than four files for each core.
    """
    row_group_rows: int | None = Field(None, ge=1)
    """Rows of a row group; null: as the corpus has them."""
    codec: Literal["uncompressed", "snappy", "zstd", "gzip", "lz4", "brotli"] | None = None
    """Compression; null: the corpus's compression, column by column."""
    lossy: Literal["refuse", "allow"] = "refuse"
    """If a column cannot be written as the corpus has it (it is encrypted, or nested in a way that
    pyarrow does not write): refuse, or go on; manifest.json lists what is lost.
    """


class FilterOutputConfig(FilesConfig, OutputConfig):
    """The run's folder, and the files that are written there."""


class FilterTasksConfig(Section):
    """The CPU tasks that count and copy."""

    cpus: float = Field(1, gt=0)
    """CPUs reserved for one task."""
    max_tasks: int | None = Field(None, ge=1)
    """Most tasks that copy at once; null: as many as there is room for."""


class FilterConfig(Section):
    """The whole configuration of the filter job."""

    corpus: FilteredCorpusConfig = FilteredCorpusConfig()
    """The corpus that was scored, or some of its files."""
    rewards: FilterRewardsConfig
    """The scoring runs."""
    rule: RuleConfig = RuleConfig()
    """The rule that chooses the documents to keep."""
    leave_out: LeaveOutConfig = LeaveOutConfig()
    """Documents to leave out, one by one."""
    deliver: DeliverConfig = DeliverConfig()
    """The groups whose kept documents are written."""
    output: FilterOutputConfig
    """The run's folder, and the files that are written there."""
    tasks: FilterTasksConfig = FilterTasksConfig()
    """The CPU tasks that count and copy."""
    run: RunConfig = RunConfig()
    """The run as a whole."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""

    @property
    def keeps_by_reward(self) -> bool:
        """Return True if the written documents are the ones with the highest rewards."""
        rule = self.rule
        whole = not self.deliver.is_asked and self.leave_out.path is None
        return rule.temperature is None and not rule.invert and whole

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.output.buckets and (self.rule.choice or self.rule.invert):
            raise ValueError(
                f"output.buckets keeps everything: leave out rule.{self.rule.choice or 'invert'}"
            )
        if self.output.buckets and self.rule.null_rewards == "keep":
            raise ValueError("a document without a reward has no bucket: leave out null_rewards")
        if self.output.kind == "rewards" and set(self.output.add) - {"quality"}:
            raise ValueError("output.kind rewards has every column already; leave out output.add")
        if self.output.kind == "rewards" and len(self.rewards.paths) > 1:
            raise ValueError(
                "output.kind rewards copies the rows of one run, and several runs are given; "
                "output.kind ids tells which documents are kept"
            )
        return self


def _parsed(text: str, kind: type[Condition] | type[ColumnPath]) -> str:
    try:
        kind.parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text
