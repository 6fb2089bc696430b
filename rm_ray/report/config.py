"""The configuration of the report job."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    OutputConfig,
    RunConfig,
    Section,
    StorageConfig,
    as_list,
    refuse_credentials,
)
from rm_ray.errors import ConfigError
from rm_ray.scored.column_path import ColumnPath

# Nights are in the order of their names.
Night = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,60}$")]
Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
DAYS: tuple[Day, ...] = get_args(Day)
Level = Literal["ignore", "warn", "fail"]


class PlaceConfig(Section):
    """Where something lies."""

    path: NonEmpty | None = Field(None, description="Folder.")
    storage: StorageConfig = Field(StorageConfig(), description="How its store is reached.")

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        if self.path:
            refuse_credentials(self.path)
        return self


class RewardsConfig(PlaceConfig):
    """The scoring run, or the night of it, that is reported."""

    path: NonEmpty = Field(
        description="Output folder of a run of jobs/score.py.", json_schema_extra=TYPED
    )
    column: NonEmpty = Field(
        "reward",
        description="What is reported: a number among the run's columns, such as "
        "reward_quantiles[0], attributes.NAME or logits[1].",
    )
    segments: list[int] | None = Field(
        None,
        description="Only what these segments of the run's plan hold, counted from 0; -1 is the "
        "last one, what was new when the corpus was scored last; null for all.",
        json_schema_extra=TYPED,
    )
    allow_incomplete: bool = Field(
        False, description="Report what is there where the run is not complete."
    )


class BaselineConfig(PlaceConfig):
    """What tonight is compared with: a pinned run, or else the nights of the history."""

    path: NonEmpty | None = Field(
        None,
        description="Output folder of a scoring run to compare with; null: the history.",
        json_schema_extra=TYPED,
    )
    segments: list[int] | None = Field(None, description="Segments of that run; null for all.")
    nights: int = Field(
        7, ge=1, description="Nights of the history that are pooled, the last that did not alert."
    )
    accept: dict[str, Night] = Field(
        {},
        description="Group ('all documents' for all together, '*' for everything): the night from "
        "which on its rewards are as they should be. Earlier nights no longer count for it, and "
        "that night does.",
        json_schema_extra=TYPED,
    )

    @field_validator("accept", mode="before")
    @classmethod
    def _texts(cls, given: Any) -> Any:
        """YAML reads 20261124 as a number."""
        if isinstance(given, dict):
            return {str(group): str(night) for group, night in given.items()}
        return given

    weekend: list[Day] = Field(
        [],
        description="Days that are not like the others, such as [saturday, sunday]: they are "
        "compared with one another only. Needs nights that are called by their dates.",
    )

    @property
    def weekend_days(self) -> set[int]:
        """These days by number; Monday is 0."""
        return {DAYS.index(day) for day in self.weekend}


class ReportCorpusConfig(PlaceConfig):
    """The corpus, from which excerpts are read."""

    path: NonEmpty | None = Field(
        None,
        description="Where the corpus's folder lies now, if not where it was scored; null: there.",
    )
    storage: StorageConfig = Field(
        StorageConfig(), description="How its store is reached; as by the scoring run if not given."
    )
    excerpts: bool = Field(
        True,
        description="Show documents; false: no text leaves the corpus.",
        json_schema_extra=TYPED,
    )


class HistoryConfig(PlaceConfig):
    """The nights before, a Parquet file each."""

    path: NonEmpty | None = Field(
        None,
        description="Folder of the history; a night reported again is replaced. null: none.",
        json_schema_extra=TYPED,
    )
    shown: int = Field(60, ge=2, le=400, description="Nights of the trend.")


class DriftRule(Section):
    """Rewards that are not distributed as before."""

    above: float = Field(
        0.3,
        ge=0,
        description="Wasserstein distance from the baseline, in its standard deviations, above "
        "which a group alerts, if chance alone does not reach it.",
    )
    psi_above: float = Field(
        0.25, ge=0, description="Or its population stability index above this."
    )
    level: Level = Field("fail", description="What an alert does.")


class SpreadRule(Section):
    """Rewards that hardly differ any more."""

    below: float = Field(
        0.5, ge=0, description="Standard deviation over the baseline's, below which it alerts."
    )
    level: Level = Field("fail", description="What an alert does.")


class MeanRule(Section):
    """A mean that moved; drift sees that too."""

    above: float | None = Field(
        None, ge=0, description="Change in the baseline's standard deviations; null: no such rule."
    )
    level: Level = Field("warn", description="What an alert does.")


class VolumeRule(Section):
    """More or fewer documents than before."""

    below: float = Field(0.5, ge=0, le=1, description="Share of a baseline night's documents.")
    above: float | None = Field(
        None, ge=1, description="Times a baseline night's documents; null: never too many."
    )
    level: Level = Field("warn", description="What an alert does.")


class TokensRule(Section):
    """More or fewer tokens than before, in a night or in a document."""

    below: float = Field(0.5, ge=0, le=1, description="Share of a usual night's tokens.")
    above: float | None = Field(
        None, ge=1, description="Times a usual night's tokens; null: never too many."
    )
    document_below: float = Field(
        0.5, ge=0, le=1, description="Share of a usual document's tokens, on average."
    )
    document_above: float | None = Field(
        None, ge=1, description="Times a usual document's tokens; null: never too many."
    )
    level: Level = Field("warn", description="What an alert does.")


class RewardedRule(Section):
    """Documents that have no reward, for whatever reason: empty, too short, invalid, failed."""

    below: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of the documents with a reward, over the usual share, below which it "
        "alerts; and a night without any reward always does.",
    )
    level: Level = Field("fail", description="What an alert does.")


class CreepRule(Section):
    """A mean that moves a little every night; looked for once a week, from six weeks on."""

    above: float = Field(
        0.3,
        ge=0,
        description="Standard deviations from the week four weeks back to the last one, above "
        "which it alerts.",
    )
    level: Level = Field("warn", description="What an alert does.")


class FailedRule(Section):
    """Documents that could not be scored."""

    above: float = Field(0.01, ge=0, le=1, description="Share of the documents that failed.")
    level: Level = Field("fail", description="What an alert does.")


class MissingRule(Section):
    """A group of the baseline without a document."""

    level: Level = Field("fail", description="What an alert does.")


class NewRule(Section):
    """A group that the baseline has not."""

    level: Level = Field("warn", description="What an alert does.")


class AlertsConfig(Section):
    """What wakes somebody up. Every rule needs an effect that matters, and more than chance."""

    false_per_night: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="How often a night like the nights before may alert by chance, over all groups "
        "and rules together.",
    )
    repeat_standing: bool = Field(
        False, description="An alert that stood the night before fails again."
    )
    drift: DriftRule = DriftRule()
    spread: SpreadRule = SpreadRule()
    mean: MeanRule = MeanRule()
    creep: CreepRule = CreepRule()
    volume: VolumeRule = VolumeRule()
    tokens: TokensRule = TokensRule()
    rewarded: RewardedRule = RewardedRule()
    failed: FailedRule = FailedRule()
    missing: MissingRule = MissingRule()
    new: NewRule = NewRule()


class PageConfig(Section):
    """What is shown."""

    cut: float | None = Field(
        None,
        allow_inf_nan=False,
        description="The threshold in use, to be marked; null for none.",
        json_schema_extra=TYPED,
    )
    max_groups: int = Field(
        50,
        ge=1,
        le=200,
        description="Groups that stand for themselves, those of the baseline first, then the "
        "largest; the others are counted together.",
    )


class TasksConfig(Section):
    """The CPU tasks that count."""

    cpus: float = Field(1, gt=0, description="CPUs reserved for one task.")


class ReportSection(Section):
    """What a report says, whichever night it is of."""

    by: Annotated[list[NonEmpty], BeforeValidator(as_list)] = Field(
        [],
        description="Columns whose values make the groups; of the rewards (--input.keep of the "
        "scoring run), or hive folders. Null is a value.",
        json_schema_extra=TYPED,
    )
    baseline: BaselineConfig = BaselineConfig()
    history: HistoryConfig = HistoryConfig()
    alerts: AlertsConfig = AlertsConfig()
    corpus: ReportCorpusConfig = ReportCorpusConfig()
    page: PageConfig = PageConfig()
    cost: CostConfig = CostConfig()
    tasks: TasksConfig = TasksConfig()

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
    """What a night is called that has no name: the date, UTC."""
    return datetime.now(UTC).date().isoformat()


NightName = Annotated[Night, BeforeValidator(str)]  # YAML reads 20261124 as a number


class ReportConfig(ReportSection):
    """Everything the report job can be told."""

    rewards: RewardsConfig
    output: OutputConfig
    night: NightName = Field(
        default_factory=today,
        description="What the night is called; nights are in the order of their names. Today's "
        "date (UTC) if not given.",
        json_schema_extra=TYPED,
    )
    run: RunConfig = RunConfig()
