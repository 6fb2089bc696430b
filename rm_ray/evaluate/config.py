"""The configuration of the evaluation job."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    Section,
    ShardConfig,
    StorageConfig,
    as_list,
    check_address,
    refuse_credentials,
)
from rm_ray.engines.keys import EngineConfig
from rm_ray.errors import ConfigError
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.score.config import EstimateConfig, ScoreRunConfig
from rm_ray.scored.column_path import ColumnPath

# The folder of the judged pairs in an evaluation's output.
JUDGED_PAIRS = "judged"

Names = Annotated[list[NonEmpty], BeforeValidator(as_list)]


class PairsConfig(Section):
    """Labelled pairs, which the judge is asked about here."""

    path: NonEmpty | list[NonEmpty] | None = Field(
        None,
        description="Folder of a run of jobs/pairs.py, or files with text columns prompt, chosen "
        "and rejected; or a list of them. In place of rewards.path.",
        json_schema_extra=TYPED,
    )
    storage: StorageConfig = Field(StorageConfig(), description="How its store is reached.")
    split: Literal["validation", "train", "all"] = Field(
        "validation",
        description="Which pairs are judged, where the table has a column split; all of another.",
        json_schema_extra=TYPED,
    )
    keep: Names = Field([], description="Further columns to copy to the judged pairs.")

    @property
    def paths(self) -> list[str]:
        """The paths, of which there may be one."""
        return as_list(self.path) or []

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        for path in self.paths:
            refuse_credentials(path)
            check_address(path)
        return self


class LabelledRunConfig(Section):
    """A scoring run of labelled documents, whose rewards are looked at; nothing is judged."""

    path: NonEmpty | None = Field(
        None,
        description="Output folder of a run of jobs/score.py that has kept a column with labels. "
        "In place of pairs.path.",
        json_schema_extra=TYPED,
    )
    storage: StorageConfig = Field(StorageConfig(), description="How its store is reached.")
    column: NonEmpty = Field(
        "reward",
        description="What is evaluated: a number among the run's columns, such as logits[1].",
    )

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        refuse_credentials(self.path or "")
        return self

    @field_validator("column")
    @classmethod
    def _is_a_column(cls, text: str) -> str:
        try:
            ColumnPath.parse(text)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return text


class LabelsConfig(Section):
    """Tells which documents of a scoring run are good."""

    column: NonEmpty = Field(
        "label", description="The kept column that says it.", json_schema_extra=TYPED
    )
    good: Names = Field(
        ["good"],
        description="Its value, or values, that a good document has; all others are bad.",
        json_schema_extra=TYPED,
    )

    @field_validator("good", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        """Numbers and truth values are compared as text."""
        values = given if isinstance(given, list) else [given]
        return [str(value) for value in values]


class FiguresConfig(Section):
    """The figures, and the groups that they are of."""

    kind: NonEmpty = Field(
        "kind", description="Column of the kind of bad text, where there is one."
    )
    source: NonEmpty = Field(
        "source", description="Column of where a document comes from, where there is one."
    )
    document: NonEmpty | None = Field(
        None,
        description="Column that says which pairs are of one document; null: as jobs/pairs.py "
        "wrote it, and each row of another table is a document.",
    )
    resamples: int = Field(1000, ge=100, description="Times that the documents are drawn anew.")
    seed: int = Field(0, description="Seed of these draws, and of the halves for calibration.")
    blind_below: float = Field(
        0.6,
        gt=0,
        lt=1,
        description="A kind whose interval of the accuracy (of the AUC, for documents) reaches "
        "below this is told of first.",
    )
    few_documents: int = Field(
        30, ge=2, description="Groups of fewer documents are marked: they show little."
    )
    baselines: bool = Field(
        True, description="Read the texts, and say what length, zlib and a unigram model reach."
    )


class CalibrationConfig(Section):
    """From rewards to probabilities."""

    by: NonEmpty | None = Field(
        None, description="Column whose values have a map each, such as source; null for one map."
    )
    path: NonEmpty | None = Field(
        None,
        description="Folder that gets calibration.json; null: the judge's own, where that is no "
        "model of the hub.",
    )
    storage: StorageConfig = Field(
        StorageConfig(), description="How the store of calibration.path is reached."
    )
    replace: bool = Field(False, description="Write over a calibration.json that is another.")

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        if self.path:
            refuse_credentials(self.path)
            check_address(self.path, written=True)
        return self


class EvaluateConfig(Section):
    """Everything the evaluation job can be told."""

    pairs: PairsConfig = PairsConfig()
    rewards: LabelledRunConfig = LabelledRunConfig()
    labels: LabelsConfig = LabelsConfig()
    output: OutputConfig
    judge: PreferenceConfig | None = None
    against: NonEmpty | None = Field(
        None,
        description="Another judge on the same: the folder of an evaluation of the same pairs, or "
        "of a scoring run of the same documents.",
        json_schema_extra=TYPED,
    )
    calibrate: Literal["isotonic", "platt"] | None = Field(
        None,
        description="Fit the probability that a text is good, and store it beside the judge; "
        "null: only show what it would do.",
        json_schema_extra=TYPED,
    )
    calibration: CalibrationConfig = CalibrationConfig()
    figures: FiguresConfig = FiguresConfig()
    engine: EngineConfig = EngineConfig()
    pool: PoolConfig = PoolConfig()
    read: ReadConfig = ReadConfig()
    shard: ShardConfig = ShardConfig()
    run: ScoreRunConfig = ScoreRunConfig()
    estimate: EstimateConfig = EstimateConfig()
    cost: CostConfig = CostConfig()

    @model_validator(mode="after")
    def _one_thing_to_evaluate(self) -> Self:
        if bool(self.pairs.paths) == bool(self.rewards.path):
            given = "both are" if self.rewards.path else "neither is"
            raise ValueError(
                f"what is evaluated is pairs.path or rewards.path, and {given} given; give one"
            )
        if self.pairs.paths and self.judge is None:
            raise ValueError(
                "pairs.path needs a judge that is asked about the pairs; give --judge FILE, or "
                "--judge.model"
            )
        refuse_credentials(self.against or "", "against")
        return self
