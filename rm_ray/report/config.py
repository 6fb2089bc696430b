"""The configuration of the report job."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    RunConfig,
    Section,
    StorageConfig,
    as_list,
)
from rm_ray.errors import ConfigError
from rm_ray.scored.column_path import ColumnPath

# Nights are sorted by name.
NightText = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,60}$")]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)
RuleLevel = Literal["ignore", "warn", "fail"]


class PlaceConfig(Section):
    """A folder and its store."""

    path: NonEmpty | None = None
    """Folder."""
    storage: StorageConfig = StorageConfig()
    """How its store is reached."""

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        if self.path:
            refuse_credentials(self.path)
        return self


class ReportRewardsConfig(PlaceConfig):
    """The scoring run to report, or the part of it that one night added."""

    path: NonEmpty = Field(json_schema_extra=TYPED)
    """Output folder of a run of jobs/score.py."""
    column: NonEmpty = "reward"
    """Column of the run to report. Its values are numbers: reward_quantiles[0], attributes.NAME or
    logits[1], for example.
    """
    segments: list[int] | None = Field(None, json_schema_extra=TYPED)
    """Report these segments of the run's plan only, counted from 0. -1 is the last one: the
    documents that were new when the corpus was scored last. null: all segments.
    """
    allow_incomplete: bool = False
    """Report a run that is not complete: the parts that are there."""


class BaselineConfig(PlaceConfig):
    """The baseline of tonight's rewards: a pinned run, or else the nights of the history."""

    path: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Output folder of a scoring run to compare with; null: the history."""
    segments: list[int] | None = None
    """Segments of that run; null: all."""
    nights: int = Field(7, ge=1)
    """Nights of the history to pool: the last ones that did not alert."""
    accept: dict[str, NightText] = Field({}, json_schema_extra=TYPED)
    """Group: the first night on which its rewards are right again. Earlier nights no longer count
    for the group; that night does, even if it alerted. The group 'all documents' is all groups
    together, '*' is everything.
    """

    @field_validator("accept", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """Turn the keys and nights into texts: YAML reads 20261124 as a number."""
        if isinstance(given, dict):
            return {str(group): str(night) for group, night in given.items()}
        return given

    weekend: list[Day] = Field([])
    """Days that differ from the other days, such as [saturday, sunday]. They are compared with each
    other only. The names of the nights must be dates.
    """

    @property
    def weekend_days(self) -> set[int]:
        """Return the numbers of the weekend days; Monday is 0."""
        return {DAYS.index(day) for day in self.weekend}


class ReportCorpusConfig(PlaceConfig):
    """The corpus that excerpts are read from."""

    path: NonEmpty | None = None
    """Folder of the corpus, if it has moved since it was scored; null: it has not moved."""
    storage: StorageConfig = StorageConfig()
    """How its store is reached; not given: as the scoring run reached it."""
    excerpts: bool = Field(True, json_schema_extra=TYPED)
    """Show documents; false: no text leaves the corpus."""


class HistoryConfig(PlaceConfig):
    """The history: one Parquet file for each earlier night."""

    path: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Folder of the history. A night that is reported again replaces its file. null: no history."""
    shown: int = Field(60, ge=2, le=400)
    """Nights that the trend shows."""


class DriftRule(Section):
    """Alerts if the rewards are distributed differently than before."""

    above: float = Field(0.3, ge=0)
    """Wasserstein distance from the baseline, in standard deviations of the baseline. A larger
    distance alerts, if chance alone does not reach it.
    """
    psi_above: float = Field(0.25, ge=0)
    """Population stability index. A larger index alerts too, if chance alone does not reach it."""
    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class SpreadRule(Section):
    """Alerts if the rewards hardly differ from each other any more."""

    below: float = Field(0.5, ge=0)
    """Standard deviation, divided by the baseline's. A smaller ratio alerts."""
    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class MeanRule(Section):
    """Alerts if the mean reward moved. The drift rule notices that too."""

    above: float | None = Field(None, ge=0)
    """Change of the mean, in standard deviations of the baseline. A larger change alerts. null:
    the rule is off.
    """
    level: RuleLevel = "warn"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class VolumeRule(Section):
    """Alerts if there are more or fewer documents than before."""

    below: float = Field(0.5, ge=0, le=1)
    """Share of a baseline night's documents. Fewer documents alert."""
    above: float | None = Field(None, ge=1)
    """Multiple of a baseline night's documents. More documents alert. null: never too many."""
    level: RuleLevel = "warn"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class TokensRule(Section):
    """Alerts if a night, or a document, has more or fewer tokens than before."""

    below: float = Field(0.5, ge=0, le=1)
    """Share of a usual night's tokens. Fewer tokens alert."""
    above: float | None = Field(None, ge=1)
    """Multiple of a usual night's tokens. More tokens alert. null: never too many."""
    document_below: float = Field(0.5, ge=0, le=1)
    """Share of a usual document's tokens, on average. Fewer tokens alert."""
    document_above: float | None = Field(None, ge=1)
    """Multiple of a usual document's tokens, on average. More tokens alert. null: never too
    many.
    """
    level: RuleLevel = "warn"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class RewardedRule(Section):
    """Alerts if too many documents have no reward: empty, too short, invalid or failed ones."""

    below: float = Field(0.9, ge=0, le=1)
    """Share of the documents with a reward, divided by the usual share. A smaller ratio alerts. A
    night without any reward always alerts.
    """
    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class CreepRule(Section):
    """Alerts if the mean moves a little every night. Checked once a week, after six weeks."""

    above: float = Field(0.3, ge=0)
    """Move of the weekly mean from four weeks ago to the last week, in standard deviations. A
    larger move alerts.
    """
    level: RuleLevel = "warn"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class FailedRule(Section):
    """Alerts if too many documents could not be scored."""

    above: float = Field(0.01, ge=0, le=1)
    """Share of the documents that failed. A larger share alerts."""
    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class MissingRule(Section):
    """Alerts if a group of the baseline has no document."""

    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class NewRule(Section):
    """Alerts if a group is not in the baseline."""

    level: RuleLevel = "warn"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class RepeatedRule(Section):
    """Alerts if too many documents came before: on an earlier night, or twice in this one."""

    above: float = Field(0.2, ge=0, le=1)
    """Share of the documents that came before. A larger share alerts, if it is larger than on the
    group's quiet nights too.
    """
    level: RuleLevel = "fail"
    """Level of an alert: ignore, warn or fail (the exit status is then 3)."""


class AlertsConfig(Section):
    """The rules that alert. Every rule needs an effect that matters and that is not chance."""

    false_per_night: float = Field(0.05, gt=0, lt=1)
    """False alarms per night: how often a night like the nights before may alert by chance, over
    all groups and rules together.
    """
    repeat_standing: bool = False
    """Fail the night again for an alert that the night before had already."""
    drift: DriftRule = DriftRule()
    """Rule for the distribution of the rewards."""
    spread: SpreadRule = SpreadRule()
    """Rule for the standard deviation of the rewards."""
    mean: MeanRule = MeanRule()
    """Rule for the mean reward."""
    creep: CreepRule = CreepRule()
    """Rule for a mean that moves a little every night."""
    volume: VolumeRule = VolumeRule()
    """Rule for the number of documents."""
    tokens: TokensRule = TokensRule()
    """Rule for the number of tokens."""
    rewarded: RewardedRule = RewardedRule()
    """Rule for the share of documents with a reward."""
    failed: FailedRule = FailedRule()
    """Rule for the share of documents that failed."""
    missing: MissingRule = MissingRule()
    """Rule for groups without a document."""
    new: NewRule = NewRule()
    """Rule for groups that are not in the baseline."""
    repeated: RepeatedRule = RepeatedRule()
    """Rule for documents that came before."""


class RepeatsConfig(Section):
    """How documents that come again are found."""

    by: Literal["auto", "id", "text", "none"] = "auto"
    """The values by which two documents are the same: id (and the number of tokens), or text. auto:
    id if the rewards have one, else text (which is read once more, and not without
    corpus.excerpts); none: they are not counted.
    """
    nights: int = Field(365, ge=1)
    """Earlier nights of the history to look through, the last ones."""


class PageConfig(Section):
    """The contents of the page."""

    cut: float | None = Field(None, allow_inf_nan=False, json_schema_extra=TYPED)
    """Threshold in use, which the page marks; null: none."""
    max_groups: int = Field(50, ge=1, le=200)
    """Groups that the page shows one by one: those of the baseline first, then the largest. The
    other groups are counted together.
    """


class ReportTasksConfig(Section):
    """The CPU tasks that count."""

    cpus: float = Field(1, gt=0)
    """CPUs reserved for one task."""


class ReportSection(Section):
    """The keys of a report that are the same every night."""

    by: Annotated[list[NonEmpty], BeforeValidator(as_list)] = Field([], json_schema_extra=TYPED)
    """Columns to group the documents by: columns of the rewards (--input.keep of the scoring run),
    or hive folders. Null is a value too.
    """
    baseline: BaselineConfig = BaselineConfig()
    """Baseline that the night is compared with."""
    history: HistoryConfig = HistoryConfig()
    """Files of the earlier nights."""
    alerts: AlertsConfig = AlertsConfig()
    """Rules that alert."""
    repeats: RepeatsConfig = RepeatsConfig()
    """How documents that come again are found."""
    corpus: ReportCorpusConfig = ReportCorpusConfig()
    """Corpus that excerpts are read from."""
    page: PageConfig = PageConfig()
    """Contents of the page."""
    cost: CostConfig = CostConfig()
    """Price of the machines."""
    tasks: ReportTasksConfig = ReportTasksConfig()
    """CPU tasks that count."""

    @field_validator("by")
    @classmethod
    def _are_columns(cls, names: list[str]) -> list[str]:
        for name in names:
            try:
                ColumnPath.parse(name)
            except ConfigError as error:
                raise ValueError(str(error)) from None
        return names


def today() -> str:
    """Return today's date (UTC), the name of a night that is not given one."""
    return datetime.now(UTC).date().isoformat()


NightName = Annotated[NightText, BeforeValidator(str)]  # YAML reads 20261124 as a number


class ReportConfig(ReportSection):
    """All keys of the report job."""

    rewards: ReportRewardsConfig
    """Scoring run to report."""
    output: OutputConfig
    """Folder of the report."""
    night: NightName = Field(default_factory=today, json_schema_extra=TYPED)
    """Name of the night. Nights are sorted by name. Not given: today's date (UTC)."""
    run: RunConfig = RunConfig()
    """How the job runs."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""
