"""The configuration of the scoring job."""

from typing import Self

from pydantic import Field, model_validator

from rm_ray.config import (
    CostConfig,
    InputConfig,
    NonEmpty,
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
    """What --dry-run reckons GPU hours with; a run that goes on has its own measurement."""

    run: NonEmpty | None = Field(
        None, description="Output folder of an earlier run on the same machines."
    )
    tokens_per_s: float | None = Field(
        None, gt=0, description="Document tokens a second of one engine, every chunk judged."
    )


class ScoreRunConfig(RunConfig):
    """The run as a whole, documents that failed, and files that have changed."""

    max_failed_fraction: float = Field(
        0.0, ge=0, le=1, description="Exit status 1 when more of the documents are `failed`."
    )
    retry_failed: bool = Field(False, description="Score the documents that are `failed` again.")
    rescore_changed: bool = Field(
        False,
        description="Score input files that have changed since they were planned again, and "
        "remove their old rewards first; false: refuse.",
    )


class ScoreConfig(Section):
    """Everything the scoring job can be told."""

    input: InputConfig
    output: OutputConfig
    judge: JudgeConfig
    engine: EngineConfig = EngineConfig()
    pool: PoolConfig = PoolConfig()
    read: ReadConfig = ReadConfig()
    shard: ShardConfig = ShardConfig()
    run: ScoreRunConfig = ScoreRunConfig()
    estimate: EstimateConfig = EstimateConfig()
    cost: CostConfig = CostConfig()

    @model_validator(mode="after")
    def _a_gpu_for_each_process(self) -> Self:
        gpus, processes = self.pool.gpus, self.engine.tensor_parallel
        if gpus and processes and processes != max(1, gpus):
            raise ValueError(
                f"engine.tensor_parallel is {processes} and pool.gpus is {gpus:g}; each process of "
                "an engine has a GPU: leave engine.tensor_parallel out"
            )
        if gpus > 1 and self.engine.name == "transformers":
            raise ValueError(
                f"pool.gpus is {gpus:g}, and transformers runs on one; give --pool.gpus 1, or "
                "--engine.name vllm"
            )
        return self
