"""The configuration of the nightly job: a scoring run's, plus report and filter."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

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
from rm_ray.filter.delivery import DeliverConfig, LeaveOutConfig
from rm_ray.report.config import (
    NightName,
    ReportConfig,
    ReportRewardsConfig,
    ReportSection,
    today,
)
from rm_ray.score.config import ScoreConfig

# Folders within the output folder.
SCORED, HISTORY, REPORTS, NIGHTS = "scored", "history", "reports", "nights"
KEPT, HELD = "kept", "held"
OnAlert = Literal["keep", "hold_group", "hold_night"]


class NightlyReportConfig(ReportSection):
    """The report of each night."""

    column: NonEmpty = "reward"
    """Column of the rewards that is reported."""


class NightlyFilterConfig(Section):
    """The filter of each night, over the night's new documents."""

    on_alert: OnAlert = "hold_night"
    """The effect of an alert of level fail, new or standing. hold_night:
    the night's documents are held until somebody releases them; hold_group: those of the groups
    that alert are held, and all if the alert is of all documents; keep: nothing is held.
    """
    repeats: Literal["keep", "drop"] = "keep"
    """drop: leave out documents whose text an earlier night has kept and delivered. They do not
    count for the rule.
    """
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

    @model_validator(mode="after")
    def _has_texts(self) -> Self:
        if self.repeats == "drop" and self.output.kind != "rows":
            raise ValueError(
                "repeats drop compares the texts of kept documents, which only output.kind rows has"
            )
        return self


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

    release: NightName | None = None
    """Instead of a night: deliver what is held of this night."""
    accept: NonEmpty | None = None
    """Instead of a night: this group is right as it was when it alerted last. From that night on
    it is compared with that night and later quiet nights. Its name is the one on the page.
    """
    because: NonEmpty | None = None
    """The reason for release or accept, for the record."""

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

    def reporting(
        self, night: str, segments: list[int], accepted: Mapping[str, str]
    ) -> ReportConfig:
        """Return the configuration of one night's report.

        Args:
            night: name of the night.
            segments: its segments of the scoring run.
            accepted: the first night on which a group is right again, by the group's name. It wins
                over report.baseline.accept where it is later.
        """
        settings = {name: getattr(self.report, name) for name in ReportSection.model_fields}
        if self.report.history.path is None:
            place = {"path": self._folder(HISTORY).path, "storage": self.output.storage}
            settings["history"] = self.report.history.model_copy(update=place)
        typed = self.report.baseline.accept
        accept = {
            name: max(typed.get(name, ""), accepted.get(name, "")) for name in {**typed, **accepted}
        }
        settings["baseline"] = self.report.baseline.model_copy(update={"accept": accept})
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

    def filters(self, night: str) -> bool:
        """Return True if a night is to be filtered."""
        return self.filter is not None and night not in self.skip_filter

    def filtering(
        self,
        night: str,
        segments: list[int],
        deliver: DeliverConfig,
        place: str = KEPT,
        leave_out: str | None = None,
    ) -> FilterConfig:
        """Return the configuration of one night's filter.

        Args:
            night: name of the night.
            segments: its segments of the scoring run.
            deliver: the groups whose documents are written.
            place: the folder of the filter's folder, KEPT or HELD.
            leave_out: file that names documents to leave out; None for none.
        """
        asked = self.filter or NightlyFilterConfig()
        folder = self._folder(f"{place}/night={night}")
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
            deliver=deliver,
            leave_out=LeaveOutConfig(path=leave_out, storage=self.output.storage),
            output=FilterOutputConfig(**{**dict(asked.output), **dict(folder)}),
            tasks=asked.tasks,
            run=RunConfig(progress_s=self.run.progress_s),
        )

    def _folder(self, name: str) -> OutputConfig:
        return OutputConfig(
            path=f"{self.output.path.rstrip('/')}/{name}", storage=self.output.storage
        )
