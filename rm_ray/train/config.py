"""The configuration of the training job."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rm_ray.addresses import refuse_credentials
from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    Section,
    StorageConfig,
    as_list,
)
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.sections import JudgeConfig

Beta = Annotated[float, Field(ge=0, lt=1)]
Paths = Annotated[list[NonEmpty], BeforeValidator(as_list)]


class TrainingPairsConfig(Section):
    """The labelled pairs to learn from."""

    path: Paths = Field(json_schema_extra=TYPED)
    """Folder of a run of the job pairs, or a list of such folders; or Parquet files with the same
    columns.
    """
    storage: StorageConfig = StorageConfig()
    """How to reach the store of the pairs."""


class TrainingRewardsConfig(Section):
    """The rewards to learn from: the output of a run of the job score, with its corpus."""

    path: NonEmpty = Field(json_schema_extra=TYPED)
    """Output folder of a run of the job score."""
    storage: StorageConfig = StorageConfig()
    """How to reach the store of the rewards."""
    documents: int | None = Field(None, ge=1)
    """Maximum number of documents to learn from, chosen by a seeded hash; null: all."""
    validation: float = Field(0.05, gt=0, lt=1)
    """Fraction of the documents kept for validation."""


class LoraConfig(Section):
    """Low-rank adapters, trained in place of all weights if `rank` is given."""

    rank: int | None = Field(None, ge=1)
    """Rank of the adapters; null: train all weights."""
    alpha: float = Field(32, gt=0)
    """The output of an adapter is multiplied by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout probability before each adapter."""
    targets: Paths | None = None
    """Names of the modules that get an adapter; null: all linear modules."""


class ScheduleConfig(Section):
    """The optimizer (AdamW) and its learning rate."""

    learning_rate: float = Field(1e-5, gt=0, json_schema_extra=TYPED)
    """Highest learning rate."""
    kind: Literal[
        "cosine",
        "cosine_with_restarts",
        "linear",
        "polynomial",
        "inverse_sqrt",
        "constant_with_warmup",
        "constant",
    ] = "cosine"
    """How the learning rate falls after the warm-up, by transformers' names."""
    warmup_steps: int = Field(0, ge=0)
    """Steps in which the learning rate rises to its highest, fewer than the training has. The
    schedule `constant` has none.
    """
    weight_decay: float = Field(0.0, ge=0)
    """Weight decay."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Adam's two betas."""
    clip: float = Field(1.0, gt=0)
    """Maximum norm of the gradient; longer gradients are scaled down to it."""

    @model_validator(mode="after")
    def _constant_has_no_warmup(self) -> Self:
        if self.kind == "constant" and self.warmup_steps:
            raise ValueError(
                f"the schedule constant has no warm-up, and warmup_steps is {self.warmup_steps}; "
                "give --train.schedule.kind constant_with_warmup, or 0 steps"
            )
        return self


class TrainingConfig(Section):
    """The objective and the settings of the training."""

    objective: Literal["answer", "pairs", "rewards"] = Field("answer", json_schema_extra=TYPED)
    """answer: cross-entropy over the two labels; pairs: -log sigmoid of the difference of the log
    ratios of the chosen and the rejected chunk; rewards: regression on the rewards of another
    judge.
    """
    from_scratch: bool = False
    """Begin with random weights, in the shape that the config.json of judge.model gives."""
    epochs: float = Field(1.0, gt=0, json_schema_extra=TYPED)
    """How often each pair is seen."""
    steps: int | None = Field(None, ge=1, json_schema_extra=TYPED)
    """Optimizer steps, in place of epochs."""
    batch_windows: int = Field(32, ge=1, json_schema_extra=TYPED)
    """Windows per optimizer step, over all workers; a pair has two."""
    worker_windows: int | None = Field(None, ge=1)
    """Maximum number of windows that a worker holds at once; null: its whole share of a step."""
    packed: Literal["auto", "true", "false"] = "auto"
    """Put the windows of a document that share their context into one sequence with a tree mask:
    true, false, or auto (on GPUs).
    """
    language_weight: float = Field(0.0, ge=0)
    """Weight of the next-token loss on real text, added to the objective; a judge trained from
    scratch needs it above 0.
    """
    precision: Literal["float32", "bfloat16"] = "float32"
    """float32, or bfloat16: matrix products in bfloat16 with weights in float32; weights that
    adapters leave unchanged are in bfloat16. The judge is written in this precision.
    """
    lora: LoraConfig = LoraConfig()
    """Low-rank adapters, trained in place of all weights if `rank` is given."""
    schedule: ScheduleConfig = ScheduleConfig()
    """The optimizer (AdamW) and its learning rate."""
    gradient_checkpointing: bool = False
    """Save memory: compute activations again in the backward pass, in place of keeping them."""
    sharded: bool = False
    """Shard weights, gradients and optimizer state over the workers (FSDP)."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"
    """How transformers computes attention; packed windows need sdpa."""
    seed: int = Field(0, ge=0)
    """Seed of the order of examples, of dropout and of random weights."""

    @model_validator(mode="before")
    @classmethod
    def _packed_is_a_word(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("packed"), bool):
            return {**data, "packed": str(data["packed"]).lower()}  # YAML reads it as a bool
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.objective == "rewards" and self.language_weight:
            raise ValueError(
                "language_weight needs to know which chunks are real text, and rewards do not "
                "tell; leave it 0 with the objective rewards"
            )
        if self.packed == "true" and self.attention != "sdpa":
            raise ValueError(f"packed windows need attention sdpa; it is {self.attention}")
        if self.lora.rank and self.from_scratch:
            raise ValueError(
                "lora.rank adapts a trained model, and from_scratch begins without one; give one "
                "of the two"
            )
        return self


class WorkersConfig(Section):
    """The processes that train; each holds one copy of the model."""

    count: int = Field(1, ge=1, json_schema_extra=TYPED)
    """Number of workers."""
    gpus: float = Field(1, ge=0, json_schema_extra=TYPED)
    """GPUs per worker: 1, or 0 to train on CPU."""
    cpus: float = Field(1, ge=0.1)
    """CPUs per worker; on CPU also its number of threads."""
    wait_s: float = Field(1800, ge=0)
    """Seconds to wait for machines to join the cluster."""
    weights_folder: NonEmpty | None = None
    """Folder on each machine for weights from a store; null: a cache."""

    @model_validator(mode="after")
    def _one_or_none(self) -> Self:
        if self.gpus not in (0, 1):
            raise ValueError(f"gpus is {self.gpus:g}; a worker has one GPU, or none (0)")
        return self


class CheckpointsConfig(Section):
    """Checkpoints, from which an interrupted run resumes."""

    every_steps: int = Field(500, ge=1)
    """Steps between two checkpoints."""
    keep: int = Field(2, ge=1)
    """Number of checkpoints to keep; older ones are removed."""


class ValidationConfig(Section):
    """The measurement of the judge on examples that it does not learn from."""

    every_steps: int = Field(500, ge=1)
    """Steps between two measurements."""
    pairs: int = Field(2000, ge=1)
    """Maximum number of pairs or documents to measure, chosen by a seed."""


class LogConfig(Section):
    """The log of the training."""

    every_steps: int = Field(50, ge=1)
    """Steps between two log lines."""
    tensorboard: NonEmpty | None = None
    """Local folder for TensorBoard's files; null: none."""


class VerifyConfig(Section):
    """The check that the engines give the same rewards as the trainer."""

    engines: Annotated[list[Literal["vllm", "transformers"]], BeforeValidator(as_list)] = Field(
        ["vllm", "transformers"], min_length=1
    )
    """The engines that judge windows of the validation split."""
    windows: int = Field(64, ge=1)
    """Number of windows, or documents, that each engine judges."""
    tolerance: float | None = Field(None, gt=0)
    """Maximum difference between an engine's reward and the trainer's; null: 1e-4 for float32, 0.25
    for bfloat16.
    """


class TrainEstimateConfig(Section):
    """The speed that --dry-run computes hours with. A run that has begun uses its own
    measurement.
    """

    tokens_per_s: float | None = Field(None, gt=0)
    """Tokens per second that one worker learns from."""


class TrainConfig(Section):
    """The configuration of the training job."""

    pairs: TrainingPairsConfig | None = None
    """The labelled pairs to learn from."""
    rewards: TrainingRewardsConfig | None = None
    """The rewards to learn from: the output of a run of the job score, with its corpus."""
    output: OutputConfig
    """The folder of the run."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""
    judge: JudgeConfig
    """The judge to begin with."""
    train: TrainingConfig = TrainingConfig()
    """The objective and the settings of the training."""
    workers: WorkersConfig = WorkersConfig()
    """The processes that train."""
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    """Checkpoints, from which an interrupted run resumes."""
    validation: ValidationConfig = ValidationConfig()
    """The measurement of the judge on examples that it does not learn from."""
    log: LogConfig = LogConfig()
    """The log of the training."""
    verify: VerifyConfig = VerifyConfig()
    """The check that the engines give the same rewards as the trainer."""
    estimate: TrainEstimateConfig = TrainEstimateConfig()
    """The speed that --dry-run computes hours with."""
    cost: CostConfig = CostConfig()
    """Prices, for the cost that --dry-run shows."""

    @property
    def packed(self) -> bool:
        """Return True if windows are packed: as configured, and with `auto` on GPUs with sdpa."""
        by_itself = self.workers.gpus > 0 and self.train.attention == "sdpa"
        return self.train.packed == "true" or (self.train.packed == "auto" and by_itself)

    @property
    def pairs_a_step(self) -> int:
        """Return the number of examples (pairs or rewards) per optimizer step."""
        return self.train.batch_windows // self.windows_each

    @property
    def windows_each(self) -> int:
        """Return the number of windows per example: 2 for a pair, 1 for a reward."""
        return 1 if self.train.objective == "rewards" else 2

    @property
    def accumulated(self) -> int:
        """Return the number of batches that a worker runs per optimizer step."""
        share = self.train.batch_windows // self.workers.count
        return share // (self.train.worker_windows or share)

    @property
    def pairs_at_once(self) -> int:
        """Return the number of examples that a worker holds at once."""
        return self.pairs_a_step // self.workers.count // self.accumulated

    @model_validator(mode="after")
    def _learns_from_one_thing(self) -> Self:
        needed, other = ("rewards", "pairs") if self.train.objective == "rewards" else (
            "pairs", "rewards")  # fmt: skip
        if getattr(self, needed) is None:
            raise ValueError(
                f"train.objective {self.train.objective} learns from {needed}: give --{needed}.path"
            )
        if getattr(self, other) is not None:
            raise ValueError(
                f"train.objective {self.train.objective} does not learn from {other}: "
                f"leave the section {other} out"
            )
        return self

    @model_validator(mode="after")
    def _batches_are_whole(self) -> Self:
        share = self.workers.count * (self.train.worker_windows or 1)
        each = self.windows_each * (1 if self.train.worker_windows else self.workers.count)
        if self.train.batch_windows % share or self.train.batch_windows % each:
            raise ValueError(
                f"train.batch_windows is {self.train.batch_windows}; it must be a multiple of "
                f"{self.windows_each} windows (one example) for each of {self.workers.count} "
                "workers, and of train.worker_windows times the workers"
            )
        if self.train.worker_windows and self.train.worker_windows % self.windows_each:
            raise ValueError(
                f"train.worker_windows is {self.train.worker_windows}; a pair has two windows, so "
                "it must be even"
            )
        return self

    @model_validator(mode="after")
    def _judges_that_are_trained(self) -> Self:
        judge = self.judge
        if not isinstance(judge, PreferenceConfig | ClassifierConfig):
            raise ValueError(
                f"judge.family {judge.family} cannot be trained; give preference or classifier"
            )
        if isinstance(judge, ClassifierConfig) and self.train.objective != "rewards":
            raise ValueError(
                "judge.family classifier learns from rewards: give --train.objective rewards"
            )
        if isinstance(judge, PreferenceConfig) and judge.prompt == "text":
            raise ValueError(
                "judge.prompt text cannot be trained; give judge.prompt ids (token ids)"
            )
        if isinstance(judge, ClassifierConfig) and (
            judge.as_chat or judge.long == "windows" or judge.reduction != "identity"
        ):
            raise ValueError(
                "a classifier is trained on texts with one label: leave judge.as_chat, judge.long "
                "and judge.reduction out"
            )
        if judge.trust_remote_code:
            raise ValueError(
                "judge.trust_remote_code: models with code of their own cannot be trained"
            )
        return self

    @model_validator(mode="after")
    def _local_tensorboard(self) -> Self:
        folder = self.log.tensorboard
        refuse_credentials(folder or "", "log.tensorboard")
        if folder and "://" in folder:
            raise ValueError(
                f"log.tensorboard is {folder}; it must be a local folder (metrics.jsonl in the "
                "output has the same figures)"
            )
        return self
