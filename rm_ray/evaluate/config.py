"""The configuration of the evaluation job."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rm_ray.addresses import check_address, refuse_credentials
from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    Section,
    ShardConfig,
    StorageConfig,
    as_list,
)
from rm_ray.engines.keys import EngineConfig
from rm_ray.errors import ConfigError
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.score.config import EstimateConfig, ScoreRunConfig
from rm_ray.scored.column_path import ColumnPath

# The folder of the judged pairs in an evaluation's output.
JUDGED_PAIRS = "judged"

Names = Annotated[list[NonEmpty], BeforeValidator(as_list)]


class EvaluationPairsConfig(Section):
    """Labelled pairs, to be judged by this job."""

    path: NonEmpty | list[NonEmpty] | None = Field(None, json_schema_extra=TYPED)
    """Folder of a run of jobs/pairs.py, or files with text columns prompt, chosen and
    rejected; or a list of them. In place of rewards.path.
    """
    storage: StorageConfig = StorageConfig()
    """How to reach the store of the pairs."""
    split: Literal["validation", "train", "all"] = Field("validation", json_schema_extra=TYPED)
    """The split to judge, if the table has a column split; from other tables, all pairs are
    judged.
    """
    keep: Names = Field([])
    """Further columns to copy to the judged pairs."""

    @property
    def paths(self) -> list[str]:
        """Return the paths as a list."""
        return as_list(self.path) or []

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        for path in self.paths:
            refuse_credentials(path)
            check_address(path)
        return self


class LabelledRunConfig(Section):
    """A scoring run of labelled documents. Its rewards are evaluated; nothing is judged."""

    path: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Output folder of a run of jobs/score.py that kept a column with labels. In place of
    pairs.path.
    """
    storage: StorageConfig = StorageConfig()
    """How to reach the store of the run."""
    column: NonEmpty = "reward"
    """The number to evaluate: a column of the run, or a part of one such as logits[1]."""

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
    """The labels that say which documents of a scoring run are good."""

    column: NonEmpty = Field("label", json_schema_extra=TYPED)
    """Kept column with the labels."""
    good: Names = Field(["good"], json_schema_extra=TYPED)
    """Label, or labels, of good documents; all other documents are bad."""

    @field_validator("good", mode="before")
    @classmethod
    def _texts(cls, given: object) -> object:
        """Convert numbers and bools to text, because labels are compared as text."""
        values = given if isinstance(given, list) else [given]
        return [str(value) for value in values]


class FiguresConfig(Section):
    """The figures, and the columns that make groups."""

    kind: NonEmpty = "kind"
    """Column with the kind of bad text, if there is one."""
    source: NonEmpty = "source"
    """Column with the source of a document, if there is one."""
    document: NonEmpty | None = None
    """Column with the same value for all pairs of a document; null: the columns that
    jobs/pairs.py writes, or in other tables each row is a document of its own.
    """
    resamples: int = Field(1000, ge=100)
    """Number of resamples of the documents."""
    seed: int = 0
    """Seed of the resamples, and of the halves for calibration."""
    blind_below: float = Field(0.6, gt=0, lt=1)
    """A kind is reported as blind if the interval of its accuracy (for documents, of its AUC)
    reaches below this.
    """
    few_documents: int = Field(30, ge=2)
    """Groups with fewer documents are marked, because they show little."""
    baselines: bool = True
    """Read the texts, and compute the figures of length, zlib and a unigram model."""


class CalibrationConfig(Section):
    """The calibration: a map from rewards to probabilities."""

    by: NonEmpty | None = None
    """Column whose values get a map each, such as source; null: one map."""
    path: NonEmpty | None = None
    """Folder for calibration.json; null: the judge's own folder, if it is not a model of the
    hub.
    """
    storage: StorageConfig = StorageConfig()
    """How to reach the store of calibration.path."""
    replace: bool = False
    """Overwrite a different calibration.json."""

    @model_validator(mode="after")
    def _no_credentials(self) -> Self:
        if self.path:
            refuse_credentials(self.path)
            check_address(self.path, written=True)
        return self


class EvaluateConfig(Section):
    """The configuration of the evaluation job."""

    pairs: EvaluationPairsConfig = EvaluationPairsConfig()
    """Labelled pairs, to be judged by this job."""
    rewards: LabelledRunConfig = LabelledRunConfig()
    """A scoring run of labelled documents, in place of pairs."""
    labels: LabelsConfig = LabelsConfig()
    """The labels that say which documents of a scoring run are good."""
    output: OutputConfig
    """The folder of the evaluation."""
    judge: PreferenceConfig | None = None
    """The judge that judges the pairs."""
    against: NonEmpty | None = Field(None, json_schema_extra=TYPED)
    """Another judge to compare with: the folder of an evaluation of the same pairs, or of a
    scoring run of the same documents.
    """
    calibrate: Literal["isotonic", "platt"] | None = Field(None, json_schema_extra=TYPED)
    """Fit the probability that a text is good, and store it beside the judge; null: only show
    how exact it would be.
    """
    calibration: CalibrationConfig = CalibrationConfig()
    """The calibration: a map from rewards to probabilities."""
    figures: FiguresConfig = FiguresConfig()
    """The figures, and the columns that make groups."""
    engine: EngineConfig = EngineConfig()
    """The engine that runs the judge."""
    pool: PoolConfig = PoolConfig()
    """The judge actors; each holds one engine."""
    read: ReadConfig = ReadConfig()
    """The CPU tasks that read and tokenise the pairs."""
    shard: ShardConfig = ShardConfig()
    """How new input files are cut into shards."""
    run: ScoreRunConfig = ScoreRunConfig()
    """The run as a whole: progress, failed pairs, and changed files."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""
    estimate: EstimateConfig = EstimateConfig()
    """The speed that --dry-run computes GPU hours with."""
    cost: CostConfig = CostConfig()
    """Prices, for progress lines, metrics and estimates."""

    @model_validator(mode="after")
    def _one_thing_to_evaluate(self) -> Self:
        if bool(self.pairs.paths) == bool(self.rewards.path):
            given = "both are" if self.rewards.path else "neither is"
            raise ValueError(f"give either pairs.path or rewards.path; {given} given")
        if self.pairs.paths and self.judge is None:
            raise ValueError(
                "pairs.path needs a judge to judge the pairs; give --judge FILE, or --judge.model"
            )
        refuse_credentials(self.against or "", "against")
        return self
