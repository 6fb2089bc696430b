"""The configuration of the nightly job: a scoring run's, and what comes after it."""

from pydantic import Field

from rm_ray.config import NonEmpty, OutputConfig, RunConfig, Section
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
    )
    report: NightlyReportConfig = NightlyReportConfig()
    filter: NightlyFilterConfig | None = None

    def scoring(self) -> ScoreConfig:
        """The scoring run of all nights."""
        names = set(ScoreConfig.model_fields) - {"output"}
        return ScoreConfig(output=self._folder(SCORED), **{n: getattr(self, n) for n in names})

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
        if asked is None:
            return None
        folder = self._folder(f"{KEPT}/night={night}")
        return FilterConfig(
            corpus=FilteredCorpusConfig(storage=self.input.storage),
            rewards=FilterRewardsConfig(
                path=self._folder(SCORED).path, segments=segments, storage=self.output.storage
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
