"""The configuration of the filter job."""

import json
import math
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rm_ray.config import (
    TYPED,
    NonEmpty,
    OutputConfig,
    RunConfig,
    Section,
    StorageConfig,
    as_list,
    refuse_credentials,
)
from rm_ray.errors import ConfigError
from rm_ray.filter.condition import Condition
from rm_ray.filter.quotas import ELSE, Quotas
from rm_ray.scored.column_path import ColumnPath


class FilteredCorpusConfig(Section):
    """The corpus that was scored, or files of it."""

    path: NonEmpty | list[NonEmpty] | None = Field(
        None,
        description="File, folder or glob of the corpus that was scored, or a list of them; null: "
        "as the scoring run was given it.",
    )
    storage: StorageConfig = Field(
        StorageConfig(), description="How its store is reached; as by the scoring run if not given."
    )

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        for path in as_list(self.path) or []:
            refuse_credentials(path)
        return self


class RewardsConfig(Section):
    """The scoring runs."""

    path: NonEmpty | list[NonEmpty] = Field(
        description="Output folder of a run of jobs/score.py, or a list of runs over one corpus.",
        json_schema_extra=TYPED,
    )
    column: NonEmpty = Field(
        "reward",
        description="What documents are chosen by: a number among the run's columns, such as "
        "reward_quantiles[0], attributes.NAME or logits[1].",
    )
    combine: Literal["mean", "minimum", "maximum"] = Field(
        "mean", description="Of several runs: what is taken of a document's percentile ranks."
    )
    segments: list[int] | list[list[int]] | None = Field(
        None,
        description="Only what these segments of the run's plan hold, counted from 0: what was "
        "there when it was first scored is 0, what was new the next time 1; null for all. Of "
        "several runs a list for each: '[[0], [0, 1]]'.",
        json_schema_extra=TYPED,
    )
    allow_incomplete: bool = Field(
        False,
        description="Go on where the run is not complete; documents not scored yet have no reward.",
    )
    allow_partial: bool = Field(
        False,
        description="Cut rewards of an adaptive run, which judged documents only until their side "
        "of its threshold was clear, elsewhere than there.",
    )
    storage: StorageConfig = Field(StorageConfig(), description="How their store is reached.")

    @property
    def paths(self) -> list[str]:
        """The paths, of which there may be one."""
        paths: list[str] = as_list(self.path)
        return paths

    def segments_of(self, run: int) -> list[int] | None:
        """The segments to read of a run, by its number."""
        if lists := self._segment_lists:
            return lists[run]
        if self.segments is None:
            return None
        return [one for one in self.segments if isinstance(one, int)]

    @property
    def _segment_lists(self) -> list[list[int]]:
        """A list for each run, where that is how they are given."""
        return [one for one in self.segments or () if isinstance(one, list)]

    @model_validator(mode="after")
    def _paths_are_good(self) -> Self:
        for path in self.paths:
            refuse_credentials(path)
        if (lists := self._segment_lists) and len(lists) != len(self.paths):
            raise ValueError(f"segments has {len(lists)} lists for {len(self.paths)} runs")
        if not self.paths or len(set(self.paths)) < len(self.paths):
            raise ValueError("path names no run, or one twice")
        return self


def _as_precise_as_typed(given: Any) -> int | float | None:
    """The number that is given; one of more than 53 bits as an int, since a float is another.

    Raises:
        ValueError: it is no finite number.
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
    """Which documents are kept. One of min_reward and the keep_ keys; all with a reward if none."""

    min_reward: Annotated[int | float | None, BeforeValidator(_as_precise_as_typed)] = Field(
        None, description="Keep documents whose reward is at least this.", json_schema_extra=TYPED
    )
    keep_fraction: Quotas | None = Field(
        None,
        description="Keep this part of the documents (of their tokens, with rule.weight tokens), "
        "the best; a number, or numbers by group: {en: 0.1, de: 0.5, '*': 0}.",
        json_schema_extra=TYPED,
    )
    keep_tokens: Quotas | None = Field(
        None,
        description="Keep the best documents that have no more tokens together; a number, for each "
        "group where there are groups, or numbers by group.",
        json_schema_extra=TYPED,
    )
    keep_documents: Quotas | None = Field(
        None,
        description="Keep so many documents, the best; a number, or numbers by group.",
        json_schema_extra=TYPED,
    )
    weight: NonEmpty = Field(
        "documents",
        description="What keep_fraction is a part of: documents, tokens, or the sum of a column of "
        "whole numbers of the rewards or the corpus, such as token_count; keep_tokens counts by "
        "such a column too.",
        json_schema_extra=TYPED,
    )
    by: Annotated[list[NonEmpty], BeforeValidator(as_list)] = Field(
        [],
        description="Columns whose values make groups, each with its own cut; of the rewards, the "
        "corpus, or hive folders. Null is a value.",
        json_schema_extra=TYPED,
    )
    where: NonEmpty | None = Field(
        None,
        description="A condition on other columns in SQL, as DuckDB reads it, such as "
        "n_tokens >= 128 and lang = 'en' and day between '2024-01-01' and '2024-06-30': documents "
        "for which it does not hold are dropped and do not count.",
        json_schema_extra=TYPED,
    )
    temperature: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="In place of the very best, a sample: a reward higher by this is e times as "
        "likely to be taken next (Gumbel top-k).",
    )
    seed: int = Field(0, description="Seed of the sample, and of the order of equal rewards.")
    null_rewards: Literal["drop", "keep"] = Field(
        "drop", description="What becomes of documents without a reward."
    )
    short: Literal["refuse", "take_all"] = Field(
        "refuse", description="Where a group has less than its quota: refuse, or take all it has."
    )
    invert: bool = Field(False, description="Keep what would be dropped, and drop the rest.")

    # by which a document is kept, at most one of them; the last that is said counts
    alternatives: ClassVar = (
        ("min_reward",),
        ("keep_fraction",),
        ("keep_tokens",),
        ("keep_documents",),
    )

    @classmethod
    def _choices(cls) -> list[str]:
        return [name for (name,) in cls.alternatives]

    @property
    def choice(self) -> str | None:
        """The name of the one that is given."""
        return next((name for name in self._choices() if getattr(self, name) is not None), None)

    @property
    def quotas(self) -> dict[str, Decimal]:
        """Of the keep_ key that is given."""
        quotas: dict[str, Decimal] = getattr(self, self.choice or "")
        return quotas

    @property
    def relative(self) -> bool:
        """Whether what is kept of a document depends on the others."""
        return self.choice not in (None, "min_reward")

    @property
    def weight_column(self) -> str | None:
        """The column by which budgets are counted; None for documents, or the judge's tokens."""
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
            raise ValueError("weight is of keep_fraction; keep_tokens counts tokens without it")
        if self.weight_column and self.choice not in ("keep_fraction", "keep_tokens"):
            raise ValueError(
                f"weight {self.weight} is of keep_fraction and keep_tokens; documents and tokens "
                "are counted without it"
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
    """What is written."""

    kind: Literal["rows", "ids", "rewards"] = Field(
        "rows",
        description="rows: the corpus's rows, every column; ids: where they are (id, source_file, "
        "row, reward); rewards: the scoring run's rows, in few files.",
        json_schema_extra=TYPED,
    )
    add: list[NonEmpty] = Field(
        [],
        description="Columns of the rewards to add to the rows or ids, such as reward; with "
        "buckets also quality, the number of the bucket as an int32 column.",
    )
    buckets: int | None = Field(
        None,
        ge=2,
        le=100,
        description="Keep all with a reward: folders quality=00 (the worst) and up, each with as "
        "many documents, by the rank of their rewards (in their group, with rule.by).",
    )
    file_mb: float = Field(
        256,
        gt=0,
        description="About how large files are, MiB; smaller where so little is kept that cores "
        "would have fewer than four each to write.",
    )
    row_group_rows: int | None = Field(
        None, ge=1, description="Rows of a row group; null: as the corpus has them."
    )
    codec: Literal["uncompressed", "snappy", "zstd", "gzip", "lz4", "brotli"] | None = Field(
        None, description="Compression; null: column by column as the corpus has it."
    )
    lossy: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Where a column cannot be written as the corpus has it (it is encrypted, or "
        "nested in a way that pyarrow does not write): refuse, or go on; manifest.json lists what "
        "is lost.",
    )


class FilterOutputConfig(FilesConfig, OutputConfig):
    """Where the run's folder is, and what it holds."""


class TasksConfig(Section):
    """The CPU tasks that count and copy."""

    cpus: float = Field(1, gt=0, description="CPUs reserved for one task.")
    max_tasks: int | None = Field(
        None, ge=1, description="Most tasks that copy at once; null: as many as there is room for."
    )


class FilterConfig(Section):
    """Everything the filter job can be told."""

    corpus: FilteredCorpusConfig = FilteredCorpusConfig()
    rewards: RewardsConfig
    rule: RuleConfig = RuleConfig()
    output: FilterOutputConfig
    tasks: TasksConfig = TasksConfig()
    run: RunConfig = RunConfig()

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
                "output.kind rewards joins the parts of one run; of several, output.kind ids says "
                "what is kept"
            )
        return self


def _parsed(text: str, kind: type[Condition] | type[ColumnPath]) -> str:
    try:
        kind.parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return text
