"""Defines the configuration of the scoring job."""

from typing import Self

from pydantic import Field, model_validator

from rm_ray.config import (
    CostConfig,
    InputConfig,
    NonEmpty,
    NotifyConfig,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    RunConfig,
    Section,
    ShardConfig,
)
from rm_ray.engines.keys import EngineConfig
from rm_ray.judges.sections import JudgeConfig


class EstimateConfig(Section):
    """Gives the speed for the GPU hours of --dry-run; by default, the run's own measurement."""

    run: NonEmpty | None = None
    """Output folder of an earlier run on the same machines."""
    tokens_per_s: float | None = Field(None, gt=0)
    """Document tokens per second of one engine, with every chunk judged."""


class ScoreRunConfig(RunConfig):
    """Configures the run as a whole, and its failed documents and changed files."""

    max_failed_fraction: float = Field(0.0, ge=0, le=1)
    """Exit status 1 if a larger fraction of the documents is `failed`."""
    retry_failed: bool = False
    """Score the documents that are `failed` again."""
    rescore_changed: bool = False
    """Score input files that have changed since they were planned again, and remove their old
    rewards first; false: refuse."""


class ScoreConfig(Section):
    """ScoreConfig is the whole configuration of the scoring job."""

    input: InputConfig
    """The corpus to score."""
    output: OutputConfig
    """The run's folder."""
    judge: JudgeConfig
    """The reward model, and how to ask it."""
    engine: EngineConfig = EngineConfig()
    """The engine that runs the model."""
    pool: PoolConfig = PoolConfig()
    """The judge actors, one engine each."""
    read: ReadConfig = ReadConfig()
    """The CPU tasks that read and tokenise."""
    shard: ShardConfig = ShardConfig()
    """How to cut new input files."""
    run: ScoreRunConfig = ScoreRunConfig()
    """The run as a whole."""
    notify: NotifyConfig = NotifyConfig()
    """Whom to tell that the job has ended."""
    estimate: EstimateConfig = EstimateConfig()
    """The speed that --dry-run uses."""
    cost: CostConfig = CostConfig()
    """The price of the machines."""

    @model_validator(mode="after")
    def _a_gpu_for_each_process(self) -> Self:
        gpus, processes = self.pool.gpus, self.engine.tensor_parallel
        if gpus and processes and processes != max(1, gpus):
            raise ValueError(
                f"engine.tensor_parallel is {processes} and pool.gpus is {gpus:g}, but each "
                "process of an engine has one GPU; leave engine.tensor_parallel out"
            )
        if gpus > 1 and self.engine.name == "transformers":
            raise ValueError(
                f"pool.gpus is {gpus:g}, and transformers runs on one; give --pool.gpus 1, or "
                "--engine.name vllm"
            )
        return self
