"""The configuration of the select job: a scoring run's, plus the rule and how sure to be."""

from typing import Self

from pydantic import Field, model_validator

from rm_ray.config import TYPED, OutputConfig, PoolConfig, RunConfig, Section
from rm_ray.corpus.listing import has_signs
from rm_ray.counts.order import least_at
from rm_ray.engines.keys import EngineConfig
from rm_ray.filter.config import (
    FilesConfig,
    FilterConfig,
    FilteredCorpusConfig,
    FilterOutputConfig,
    FilterRewardsConfig,
    FilterTasksConfig,
    RuleConfig,
)
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.sections import JudgeConfig
from rm_ray.score.config import ScoreConfig
from rm_ray.scored.column_path import ColumnPath

# Folders within the output folder.
STAGES, DECIDED, KEPT = "stages", "decided", "kept"
# A folder that is never written: the output of the filter that is only asked where its cut lies.
UNWRITTEN = "cut"
# The file that a selection begins with.
BEGAN = "began.json"
# Names of the stages; wider stages are numbered.
CHEAP, SAMPLE, MAIN, WIDER = "cheap", "sample", "main", "wider"
# The column of the decided documents that the filter cuts by.
KEY = "key"
# The other columns that a selection adds to the decided documents.
STAGE, SIDE, CHEAP_REWARD = "stage", "side", "cheap_reward"


class SelectionConfig(Section):
    """The limit of wrong decisions, and its measurement."""

    max_wrong: float = Field(0.05, gt=0, lt=1, json_schema_extra=TYPED)
    """Wrong keeps at most, as a share of the kept documents, or of the dropped ones if these are
    fewer. A decision is wrong if it is not the decision of judging every document whole."""
    failure: float = Field(0.05, gt=0, lt=0.5)
    """Probability that there are more wrong keeps than that."""
    sample_documents: int | None = Field(None, ge=1)
    """Documents that are judged whole to calibrate the stop rule; null: as many as cost least."""
    audit_documents: int | None = Field(None, ge=0)
    """Further documents that are judged whole, to measure the error of the decisions; null: 0.5% of
    the documents, but 200 to 1,000."""
    seed: int = 0
    """Seed of the choice of these documents."""


class CheapConfig(Section):
    """A cheap judge that looks at every document first, and decides the clear ones alone."""

    judge: JudgeConfig = Field(json_schema_extra=TYPED)
    """The cheap judge: a small classifier or a distilled judge, for example."""
    engine: EngineConfig | None = None
    """The engine that runs it; null: as the section engine says."""
    pool: PoolConfig | None = None
    """Its actors; null: as the section pool says."""


class SelectConfig(ScoreConfig):
    """All settings of the select job: those of jobs/score.py, plus the rule and its error.

    `output` is the folder of the whole selection. Each stage of judging has a folder in it.
    """

    rule: RuleConfig = RuleConfig()
    """The rule that chooses the documents to keep."""
    select: SelectionConfig = SelectionConfig()
    """The limit of wrong decisions, and its measurement."""
    cheap: CheapConfig | None = None
    """A cheap judge that looks at every document first; none if not given."""
    kept: FilesConfig = FilesConfig()
    """Files of the kept documents."""
    tasks: FilterTasksConfig = FilterTasksConfig()
    """Tasks that gather the decisions and copy the documents."""

    @model_validator(mode="after")
    def _decides_something(self) -> Self:
        rule, judge = self.rule, self.judge
        if rule.choice is None:
            raise ValueError(
                "the rule keeps everything; give --rule.keep_fraction, --rule.keep_documents, "
                "--rule.keep_tokens or --rule.min_reward"
            )
        refused = {
            "rule.temperature": rule.temperature is not None,
            "rule.where": rule.where is not None,
            "rule.invert": rule.invert,
            "rule.null_rewards keep": rule.null_rewards == "keep",
            f"rule.weight {rule.weight}": rule.weight_column is not None,
            "kept.buckets": self.kept.buckets is not None,
            "kept.kind rewards": self.kept.kind == "rewards",
        }
        if names := [name for name, given in refused.items() if given]:
            raise ValueError(
                f"{names[0]} needs the rewards of all documents; score them with jobs/score.py, "
                "and filter them with jobs/filter.py"
            )
        if rule.choice != "keep_fraction" and rule.relative and not any(rule.quotas.values()):
            raise ValueError(f"rule.{rule.choice} is 0, which keeps nothing without any judge")
        if rule.choice == "keep_fraction" and all(q in (0, 1) for q in rule.quotas.values()):
            raise ValueError(
                "rule.keep_fraction is 0 or 1, which keeps nothing or everything without any "
                "judge; give a fraction between them, to one group at least"
            )
        if self.input.sample_fraction < 1 or self.input.sample_skip or self.input.rows:
            raise ValueError(
                "input.sample_fraction, input.sample_skip and input.rows are for jobs/score.py: a "
                "selection samples by itself, and decides on every document"
            )
        own = (KEY, STAGE, SIDE, CHEAP_REWARD)
        names = [*self.input.keep, *self.by_columns]
        if taken := [name for name in names if name.casefold() in own]:
            raise ValueError(
                f"the column {taken[0]!r} would collide with one that a selection adds to its "
                f"rows ({', '.join(own)}); give the corpus's column another name, or leave it out "
                "of input.keep and rule.by"
            )
        if has_signs(self.output.path):
            raise ValueError(
                f"output.path {self.output.path} has one of the signs * ? [, and a selection reads "
                "tables of rows from its own folder by their path; give a path without these signs"
            )
        if isinstance(judge, PreferenceConfig) and (judge.chunks != "all" or judge.adaptive.rule):
            raise ValueError(
                "judge.chunks and judge.adaptive.rule are for jobs/score.py: a selection decides "
                "itself how much of a document it judges"
            )
        if self.run.retry_failed or self.run.rescore_changed:
            raise ValueError(
                "run.retry_failed and run.rescore_changed would change documents that are already "
                "decided; give a new --output.path"
            )
        return self

    @property
    def by_columns(self) -> tuple[str, ...]:
        """Return the names under which the stages keep the columns of `rule.by`."""
        return tuple(ColumnPath.parse(text).kept_as for text in self.rule.by)

    @property
    def groups_by(self) -> tuple[str, ...]:
        """Return the columns that make groups with cuts of their own; none for a fixed cut."""
        return self.by_columns if self.rule.relative else ()

    @property
    def least_reward(self) -> float | None:
        """Return the fixed cut as the filter makes it, rounded to float32; None without one."""
        fixed = self.rule.min_reward
        return None if fixed is None else float(least_at("float32", fixed))

    def filtering(self, decided: str, output: str = KEPT) -> FilterConfig:
        """Return the configuration of the filter that copies the kept documents.

        Args:
            decided: name of the folder with the decided documents.
            output: name of the folder to write.
        """
        place = self.folder(output)
        return FilterConfig(
            corpus=FilteredCorpusConfig(storage=self.input.storage),
            rewards=FilterRewardsConfig(
                path=self.folder(decided).path,
                column=KEY,
                allow_partial=True,
                storage=self.output.storage,
            ),
            rule=self.rule,
            output=FilterOutputConfig(**{**dict(self.kept), **dict(place)}),
            tasks=self.tasks,
            run=RunConfig(progress_s=self.run.progress_s),
        )

    def folder(self, name: str) -> OutputConfig:
        """Return a folder of this name within the output folder."""
        return OutputConfig(
            path=f"{self.output.path.rstrip('/')}/{name}", storage=self.output.storage
        )
