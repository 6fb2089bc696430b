"""The configuration of the scoring job."""

from pydantic import Field

from rm_ray.config import (
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
    """What else a scoring run does with documents that failed, and files that have changed."""

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
