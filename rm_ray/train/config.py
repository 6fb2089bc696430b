"""The configuration of the training job."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from rm_ray.config import (
    TYPED,
    CostConfig,
    NonEmpty,
    OutputConfig,
    Section,
    StorageConfig,
    as_list,
    refuse_credentials,
)
from rm_ray.judges.classifier.keys import ClassifierConfig
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.judges.sections import JudgeConfig

Paths = Annotated[list[NonEmpty], BeforeValidator(as_list)]


class PairsConfig(Section):
    """The labelled pairs to learn from."""

    path: Paths = Field(
        description="Folder of a run of the job pairs, or a list of them; or Parquet files with "
        "its columns.",
        json_schema_extra=TYPED,
    )
    storage: StorageConfig = Field(StorageConfig(), description="How its store is reached.")


class RewardsConfig(Section):
    """The rewards to learn from: those of a run of the job score, with its corpus."""

    path: NonEmpty = Field(
        description="Output folder of a run of the job score.", json_schema_extra=TYPED
    )
    storage: StorageConfig = Field(StorageConfig(), description="How its store is reached.")
    documents: int | None = Field(
        None, ge=1, description="Most documents to learn from, chosen by a seeded hash; null: all."
    )
    validation: float = Field(
        0.05, gt=0, lt=1, description="Fraction of the documents that are kept for validation."
    )


class LoraConfig(Section):
    """Low-rank adapters in place of all weights, where `rank` is given."""

    rank: int | None = Field(None, ge=1, description="Rank; null: train all weights.")
    alpha: float = Field(32, gt=0, description="Adapters count with alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before each adapter.")
    targets: Paths | None = Field(
        None, description="Names of the modules with an adapter; null: all linear ones."
    )


class ScheduleConfig(Section):
    """The optimizer (AdamW) and its learning rate."""

    learning_rate: float = Field(
        1e-5, gt=0, description="Learning rate at its highest.", json_schema_extra=TYPED
    )
    kind: NonEmpty = Field(
        "cosine", description="How it falls, as transformers names it: cosine, linear, constant..."
    )
    warmup_steps: int = Field(0, ge=0, description="Steps in which it rises.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay.")
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam's two betas.")
    clip: float = Field(1.0, gt=0, description="Gradients longer than this are shortened to it.")


class TrainingConfig(Section):
    """What is learnt, and how."""

    objective: Literal["answer", "pairs", "rewards"] = Field(
        "answer",
        description="answer: cross-entropy over the two labels; pairs: -log sigmoid of the "
        "difference of the log ratios of the chosen and the rejected chunk; rewards: regression on "
        "the rewards of another judge.",
        json_schema_extra=TYPED,
    )
    from_scratch: bool = Field(
        False, description="Begin with random weights of the shape that judge.model's config says."
    )
    epochs: float = Field(
        1.0, gt=0, description="How often each pair is seen.", json_schema_extra=TYPED
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="Steps of the optimizer, in place of epochs.",
        json_schema_extra=TYPED,
    )
    batch_windows: int = Field(
        32,
        ge=1,
        description="Windows in one step of the optimizer, over all workers; a pair has two.",
        json_schema_extra=TYPED,
    )
    worker_windows: int | None = Field(
        None, ge=1, description="Most windows that a worker holds at once; null: its share of all."
    )
    packed: Literal["auto", "true", "false"] = Field(
        "auto",
        description="Windows of a document that share their context are one sequence with a tree "
        "mask: true, false, or auto (on GPUs).",
    )
    language_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the loss of the next token of real text, beside the objective; a "
        "judge that begins from scratch needs some.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="float32, or bfloat16: products in bfloat16, weights in float32; those that "
        "adapters leave as they are in bfloat16. The judge is written in it.",
    )
    lora: LoraConfig = LoraConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    gradient_checkpointing: bool = Field(
        False, description="Compute activations again on the way back, in place of keeping them."
    )
    sharded: bool = Field(
        False, description="Shard weights, gradients and optimizer over the workers (FSDP)."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field(
        "sdpa", description="How transformers computes attention; packed windows need sdpa."
    )
    seed: int = Field(0, ge=0, description="Seed of the order, of dropout and of random weights.")

    @model_validator(mode="before")
    @classmethod
    def _packed_is_a_word(cls, data: object) -> object:
        if isinstance(data, dict) and isinstance(data.get("packed"), bool):
            return {**data, "packed": str(data["packed"]).lower()}  # YAML reads it as a truth
        return data

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.objective == "rewards" and self.language_weight:
            raise ValueError("language_weight is of real and worse chunks; rewards name neither")
        if self.packed == "true" and self.attention != "sdpa":
            raise ValueError(f"packed windows need attention sdpa, and it is {self.attention}")
        if self.lora.rank and self.from_scratch:
            raise ValueError("lora.rank adapts a trained model, and from_scratch begins with none")
        return self


class WorkersConfig(Section):
    """The processes that train, one model each."""

    count: int = Field(1, ge=1, description="How many.", json_schema_extra=TYPED)
    gpus: float = Field(
        1, ge=0, description="GPUs of one: 1, or 0 to train on CPU.", json_schema_extra=TYPED
    )
    cpus: float = Field(1, ge=0.1, description="CPUs of one; on CPU as many threads.")
    wait_s: float = Field(
        1800, ge=0, description="How long to wait for machines to join the cluster, seconds."
    )
    weights_folder: NonEmpty | None = Field(
        None, description="Folder on each machine for weights from a store; null: a cache."
    )

    @model_validator(mode="after")
    def _one_or_none(self) -> Self:
        if self.gpus not in (0, 1):
            raise ValueError(f"gpus is {self.gpus:g}; a worker has one GPU, or none (0)")
        return self


class CheckpointsConfig(Section):
    """What a run that was interrupted goes on from."""

    every_steps: int = Field(500, ge=1, description="Steps between two checkpoints.")
    keep: int = Field(2, ge=1, description="How many are kept, the last ones.")


class ValidationConfig(Section):
    """How the judge is measured on pairs that it does not learn from."""

    every_steps: int = Field(500, ge=1, description="Steps between two measurements.")
    pairs: int = Field(
        2000, ge=1, description="Most pairs or documents measured, chosen by a seed."
    )


class LogConfig(Section):
    """What is told of the training."""

    every_steps: int = Field(50, ge=1, description="Steps between two lines.")
    tensorboard: NonEmpty | None = Field(
        None, description="Local folder for TensorBoard's files; null: none."
    )


class VerifyConfig(Section):
    """The check that the judge that was written is the judge that was trained."""

    engines: Annotated[list[Literal["vllm", "transformers"]], BeforeValidator(as_list)] = Field(
        ["vllm", "transformers"],
        min_length=1,
        description="The engines that judge windows of the validation split.",
    )
    windows: int = Field(64, ge=1, description="How many windows, or documents, they judge.")
    tolerance: float | None = Field(
        None,
        gt=0,
        description="By how much a reward may differ from the trainer's own; null: 1e-4 for "
        "float32, 0.25 for bfloat16.",
    )


class TrainEstimateConfig(Section):
    """What --dry-run reckons hours with; a run that goes on has its own measurement."""

    tokens_per_s: float | None = Field(
        None, gt=0, description="Tokens that one worker learns from in a second."
    )


class TrainConfig(Section):
    """Everything the training job can be told."""

    pairs: PairsConfig | None = None
    rewards: RewardsConfig | None = None
    output: OutputConfig
    judge: JudgeConfig
    train: TrainingConfig = TrainingConfig()
    workers: WorkersConfig = WorkersConfig()
    checkpoints: CheckpointsConfig = CheckpointsConfig()
    validation: ValidationConfig = ValidationConfig()
    log: LogConfig = LogConfig()
    verify: VerifyConfig = VerifyConfig()
    estimate: TrainEstimateConfig = TrainEstimateConfig()
    cost: CostConfig = CostConfig()

    @property
    def packed(self) -> bool:
        """Whether windows are packed: where asked, else on GPUs."""
        by_itself = self.workers.gpus > 0 and self.train.attention == "sdpa"
        return self.train.packed == "true" or (self.train.packed == "auto" and by_itself)

    @property
    def pairs_a_step(self) -> int:
        """Pairs in one step of the optimizer."""
        return self.train.batch_windows // self.windows_each

    @property
    def windows_each(self) -> int:
        """Windows of one example: a pair has two, a reward is of one."""
        return 1 if self.train.objective == "rewards" else 2

    @property
    def accumulated(self) -> int:
        """How often a worker goes through the model in one step of the optimizer."""
        share = self.train.batch_windows // self.workers.count
        return share // (self.train.worker_windows or share)

    @property
    def pairs_at_once(self) -> int:
        """Pairs that a worker holds at once."""
        return self.pairs_a_step // self.workers.count // self.accumulated

    @model_validator(mode="after")
    def _learns_from_one_thing(self) -> Self:
        wanted, other = ("rewards", "pairs") if self.train.objective == "rewards" else (
            "pairs", "rewards")  # fmt: skip
        if getattr(self, wanted) is None:
            raise ValueError(
                f"train.objective is {self.train.objective}, which learns from {wanted}: give "
                f"--{wanted}.path"
            )
        if getattr(self, other) is not None:
            raise ValueError(
                f"train.objective is {self.train.objective}, which does not learn from {other}: "
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
            raise ValueError(f"judge.family {judge.family} is not trained; give preference")
        if isinstance(judge, ClassifierConfig) and self.train.objective != "rewards":
            raise ValueError(
                "judge.family classifier learns from rewards: give --train.objective rewards"
            )
        if isinstance(judge, PreferenceConfig) and judge.prompt == "text":
            raise ValueError("judge.prompt text is not trained; windows are token ids (ids)")
        if isinstance(judge, ClassifierConfig) and (
            judge.as_chat or judge.long == "windows" or judge.reduction != "identity"
        ):
            raise ValueError(
                "a classifier is trained on texts with one label: leave judge.as_chat, judge.long "
                "and judge.reduction out"
            )
        if judge.trust_remote_code:
            raise ValueError(
                "judge.trust_remote_code: models with code of their own are not trained"
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
