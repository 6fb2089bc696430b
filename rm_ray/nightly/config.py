"""The configuration of the nightly job: a scoring run's, and what comes after it."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from rm_ray.config import TYPED, NonEmpty, OutputConfig, RunConfig, Section, as_list
from rm_ray.filter.config import (
    FilesConfig,
    FilterConfig,
    FilteredCorpusConfig,
    FilterOutputConfig,
    RuleConfig,
    TasksConfig,
)
from rm_ray.filter.config import RewardsConfig as FilterRewardsConfig
from rm_ray.report.config import (
    Night,
    NightName,
    ReportConfig,
    ReportSection,
    RewardsConfig,
    today,
)
from rm_ray.score.config import ScoreConfig

# Folders of the output.
SCORED, HISTORY, REPORTS, KEPT, NIGHTS = "scored", "history", "reports", "kept", "nights"


class NightlyReportConfig(ReportSection):
    """The report of each night."""

    column: NonEmpty = Field("reward", description="Column of the rewards that is reported.")


class NightlyFilterConfig(Section):
    """The filter of each night, over what was new in it."""

    column: NonEmpty = Field(
        "reward", description="Column of the rewards that documents are cut by."
    )
    allow_partial: bool = Field(
        False, description="Cut rewards of an adaptive judge elsewhere than at its threshold."
    )
    rule: RuleConfig = RuleConfig()
    output: FilesConfig = FilesConfig()
    tasks: TasksConfig = TasksConfig()


class NightlyConfig(ScoreConfig):
    """Everything the nightly job can be told: what jobs/score.py can, and what comes after.

    `output`: the folder of all nights, in which the scoring run, the reports and the filtered
    corpora have theirs.
    """

    night: NightName = Field(
        default_factory=today,
        description="What this night is called; nights are in the order of their names. Today's "
        "date (UTC) if not given.",
        json_schema_extra=TYPED,
    )
    report: NightlyReportConfig = NightlyReportConfig()
    filter: NightlyFilterConfig | None = None
    skip_filter: Annotated[list[Night], BeforeValidator(as_list)] = Field(
        [], description="Nights that are finished without their filter, which was refused."
    )

    @model_validator(mode="after")
    def _leaves_nights_as_they_were(self) -> Self:
        for name in ("retry_failed", "rescore_changed"):
            if getattr(self.run, name):
                raise ValueError(
                    f"run.{name} changes nights that are reported and filtered: run jobs/score.py "
                    f"with it on OUTPUT/{SCORED}, and report and filter those nights again"
                )
        if "max_failed_fraction" in self.run.model_fields_set:
            raise ValueError(
                "run.max_failed_fraction is of all nights together; report.alerts.failed.above "
                "says how many documents of one night may fail"
            )
        return self

    def scoring(self) -> ScoreConfig:
        """The scoring run of all nights."""
        names = set(ScoreConfig.model_fields) - {"output", "run"}
        run = self.run.model_copy(update={"max_failed_fraction": 1.0})  # the report says it
        told = {name: getattr(self, name) for name in names}
        return ScoreConfig(output=self._folder(SCORED), run=run, **told)

    def reporting(self, night: str, segments: list[int]) -> ReportConfig:
        """The report of one night."""
        told = {name: getattr(self.report, name) for name in ReportSection.model_fields}
        if self.report.history.path is None:
            where = {"path": self._folder(HISTORY).path, "storage": self.output.storage}
            told["history"] = self.report.history.model_copy(update=where)
        return ReportConfig(
            rewards=RewardsConfig(
                path=self._folder(SCORED).path,
                column=self.report.column,
                segments=segments,
                storage=self.output.storage,
            ),
            output=self._folder(f"{REPORTS}/{night}"),
            night=night,
            run=RunConfig(progress_s=self.run.progress_s),
            **told,
        )

    def filtering(self, night: str, segments: list[int]) -> FilterConfig | None:
        """The filter of one night, where one is asked for."""
        asked = self.filter
        if asked is None or night in self.skip_filter:
            return None
        folder = self._folder(f"{KEPT}/night={night}")
        return FilterConfig(
            corpus=FilteredCorpusConfig(storage=self.input.storage),
            rewards=FilterRewardsConfig(
                path=self._folder(SCORED).path,
                column=asked.column,
                allow_partial=asked.allow_partial,
                segments=segments,
                storage=self.output.storage,
            ),
            rule=asked.rule,
            output=FilterOutputConfig(**{**dict(asked.output), **dict(folder)}),
            tasks=asked.tasks,
            run=RunConfig(progress_s=self.run.progress_s),
        )

    def _folder(self, name: str) -> OutputConfig:
        return OutputConfig(
            path=f"{self.output.path.rstrip('/')}/{name}", storage=self.output.storage
        )
