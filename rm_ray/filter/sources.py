"""The sources of a filter: scoring runs, columns of their rewards, and the scored corpus."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.counts.ranks import Ranks
from rm_ray.filter.checks import check_threshold, corpus_of
from rm_ray.filter.column_checks import spoken_of, written_columns
from rm_ray.filter.condition import Condition
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.left_out import LeftOut
from rm_ray.filter.count.reader import RewardsReader
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import columns_of
from rm_ray.scored.run import ScoredRun, open_scored


@dataclass(frozen=True)
class FilterSources:
    """Holds the sources of one filter."""

    config: FilterConfig
    """The filter's configuration."""
    runs: list[ScoredRun]
    """The scoring runs, in the order of rewards.path."""
    schemas: list[pa.Schema]
    """The columns of each run's rewards."""
    corpus: CorpusConfig
    """The corpus that the first run has scored."""
    written: pa.Schema
    """The columns of the rewards to write."""
    own: list[str]
    """Columns that the rule names and the rewards have."""
    others: list[str]
    """Columns that the rule names and the rewards do not have: columns of the corpus."""
    left_out: LeftOut
    """Documents that are left out, one by one."""

    @classmethod
    def open(cls, config: FilterConfig) -> Self:
        """Look at the scoring runs.

        Raises:
            InputError: a run is missing, not complete, or does not fit.
            OutputError: a folder is no run.
            ConfigError: a column is not in the rewards.
        """
        rewards = config.rewards
        runs = [
            open_scored(
                path,
                rewards.storage,
                rewards.segments_of(number),
                allow_incomplete=rewards.allow_incomplete,
            )
            for number, path in enumerate(rewards.paths)
        ]
        for run in runs:
            check_threshold(config, run)
        schemas = [columns_of(run, rewards.column) for run in runs]
        config = _as_kept(config, schemas[0].names)
        named = spoken_of(config.rule, config.deliver)
        return cls(
            config=config,
            runs=runs,
            schemas=schemas,
            corpus=corpus_of(config, runs[0]),
            written=written_columns(config, schemas[0]),
            own=[name for name in named if name in schemas[0].names],
            others=[name for name in named if name not in schemas[0].names],
            left_out=LeftOut.read(config.leave_out),
        )

    @property
    def kind(self) -> str:
        """Return the kind of the numbers that documents are chosen by (counts.order.KINDS)."""
        return self.reader().kind

    @property
    def cut_kind(self) -> str:
        """Return the kind of the numbers at cuts: float32 if rewards get noise, else `kind`."""
        return "float32" if self.config.rule.temperature is not None else self.kind

    @property
    def reads_corpus(self) -> bool:
        """Return True if files of the corpus are read, not only the rewards."""
        return self.config.output.kind == "rows" or bool(self.others)

    def reader(self, ranks: Sequence[Ranks] = ()) -> RewardsReader:
        """Return the reader of documents.

        Args:
            ranks: the ranks of each run's rewards, if several runs are combined by rank.
        """
        rule = self.config.rule
        return RewardsReader(
            runs=[run.parts for run in self.runs],
            schemas=self.schemas,
            column=ColumnPath(self.config.rewards.column),
            combine=self.config.rewards.combine,
            by=[ColumnPath(name) for name in rule.by],
            where=Condition(rule.where) if rule.where else None,
            weight=ColumnPath(rule.weight_column) if rule.weight_column else None,
            deliver=self.config.deliver,
            left_out=self.left_out,
            deleted=self.runs[0].deleted,
            own=self.own,
            others=self.others,
            corpus=self.corpus,
            scored_only=self.config.output.kind != "rows",
            ranks=ranks,
        )


def _as_kept(config: FilterConfig, names: Sequence[str]) -> FilterConfig:
    """Name the fields of structs that the scoring run has kept, as the rewards name them.

    Args:
        config: the filter's configuration.
        names: the columns of the rewards.
    """

    def named(text: str) -> str:
        path = ColumnPath(text)
        kept = path.column not in names and path.kept_as in names
        return f"column({path.kept_as!r})" if kept else text

    rule, deliver = config.rule, config.deliver
    weight = named(rule.weight) if rule.weight_column else rule.weight
    return config.model_copy(
        update={
            "rule": rule.model_copy(update={"by": [*map(named, rule.by)], "weight": weight}),
            "deliver": deliver.model_copy(update={"by": [*map(named, deliver.by)]}),
        }
    )
