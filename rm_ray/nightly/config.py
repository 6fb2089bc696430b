"""The configuration of the nightly job: a scoring run's, plus report and filter."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from rm_ray.config import TYPED, NonEmpty, OutputConfig, RunConfig, Section, as_list
from rm_ray.filter.config import (
    FilesConfig,
    FilterConfig,
    FilteredCorpusConfig,
    FilterOutputConfig,
    FilterTasksConfig,
    RuleConfig,
)
from rm_ray.filter.config import FilterRewardsConfig as FilterRewardsConfig
from rm_ray.report.config import (
    NightName,
    ReportConfig,
    ReportRewardsConfig,
    ReportSection,
    today,
)
from rm_ray.score.config import ScoreConfig

# Folders within the output folder.
SCORED, HISTORY, REPORTS, KEPT, NIGHTS = "scored", "history", "reports", "kept", "nights"


class NightlyReportConfig(ReportSection):
    """The report of each night."""

    column: NonEmpty = "reward"
    """Column of the rewards that is reported."""


class NightlyFilterConfig(Section):
    """The filter of each night, over the night's new documents."""

    column: NonEmpty = "reward"
    """Column of the rewards that documents are cut by."""
    allow_partial: bool = False
    """Cut rewards of an adaptive judge elsewhere than at its threshold."""
    rule: RuleConfig = RuleConfig()
    """Rule that selects the documents to keep."""
    output: FilesConfig = FilesConfig()
    """Files that the filter writes."""
    tasks: FilterTasksConfig = FilterTasksConfig()
    """Tasks that copy the documents."""


class NightlyConfig(ScoreConfig):
    """All settings of the nightly job: those of jobs/score.py, plus report and filter.

    `output` is the folder of all nights. The scoring run, the reports and the filtered corpora have
    folders in it.
    """

    night: NightName = Field(default_factory=today, json_schema_extra=TYPED)
    """Name of this night. Nights are ordered by name. Default: today's date (UTC)."""
    report: NightlyReportConfig = NightlyReportConfig()
    """The report of each night."""
    filter: NightlyFilterConfig | None = None
    """The filter of each night; none if not given."""
    skip_filter: Annotated[list[NightName], BeforeValidator(as_list)] = Field([])
    """Nights to finish without their filter, because it was refused."""

    @model_validator(mode="after")
    def _leaves_nights_as_they_were(self) -> Self:
        for name in ("retry_failed", "rescore_changed"):
            if getattr(self.run, name):
                raise ValueError(
                    f"run.{name} changes nights that are already reported and filtered: run "
                    f"jobs/score.py with it on OUTPUT/{SCORED}, and report and filter those nights "
                    "again"
                )
        if "max_failed_fraction" in self.run.model_fields_set:
            raise ValueError(
                "run.max_failed_fraction is for all nights together; set "
                "report.alerts.failed.above, the fraction of one night's documents that may fail"
            )
        return self

    def scoring(self) -> ScoreConfig:
        """Return the configuration of the scoring run of all nights."""
        names = set(ScoreConfig.model_fields) - {"output", "run"}
        run = self.run.model_copy(update={"max_failed_fraction": 1.0})  # the report checks it
        settings = {name: getattr(self, name) for name in names}
        return ScoreConfig(output=self._folder(SCORED), run=run, **settings)

    def reporting(self, night: str, segments: list[int]) -> ReportConfig:
        """Return the configuration of one night's report."""
        settings = {name: getattr(self.report, name) for name in ReportSection.model_fields}
        if self.report.history.path is None:
            place = {"path": self._folder(HISTORY).path, "storage": self.output.storage}
            settings["history"] = self.report.history.model_copy(update=place)
        return ReportConfig(
            rewards=ReportRewardsConfig(
                path=self._folder(SCORED).path,
                column=self.report.column,
                segments=segments,
                storage=self.output.storage,
            ),
            output=self._folder(f"{REPORTS}/{night}"),
            night=night,
            run=RunConfig(progress_s=self.run.progress_s),
            **settings,
        )

    def filtering(self, night: str, segments: list[int]) -> FilterConfig | None:
        """Return the configuration of one night's filter; None without a filter."""
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
