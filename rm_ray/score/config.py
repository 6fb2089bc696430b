"""The configuration of the scoring job."""

from pydantic import Field

from rm_ray.config import (
    EngineConfig,
    InputConfig,
    NonEmpty,
    OutputConfig,
    PoolConfig,
    ReadConfig,
    RunConfig,
    Section,
    ShardConfig,
)
from rm_ray.judges.sections import JudgeConfig


class EstimateConfig(Section):
    """What --dry-run reckons GPU hours with; a run that goes on has its own measurement."""

    run: NonEmpty | None = Field(
        None, description="Output folder of an earlier run on the same machines."
    )
    tokens_per_s: float | None = Field(
        None, gt=0, description="Document tokens a second of one engine, every chunk judged."
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
    run: RunConfig = RunConfig()
    estimate: EstimateConfig = EstimateConfig()
