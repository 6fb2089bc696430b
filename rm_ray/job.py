"""The job: everything that can be decided and refused before a machine is asked for."""

from dataclasses import dataclass
from typing import Any

from rm_ray.cluster import check_engine_installed
from rm_ray.config import ScoreConfig
from rm_ray.engines import EngineSettings, choose_block_size
from rm_ray.fingerprint import fingerprint
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.model import resolve_model
from rm_ray.plan import RowSample


@dataclass(frozen=True)
class Job:
    """Everything decided before a machine is asked for."""

    config: ScoreConfig
    judge: PreferenceJudge
    engine: EngineSettings
    fingerprint: dict[str, Any]
    sample: RowSample


def prepare(config: ScoreConfig) -> Job:
    """Resolve and check everything that needs neither Ray nor an engine.

    Raises:
        JudgeError: the model, its tokenizer or labels do not fit.
        ClusterError: the engine is not installed.
        ConfigError: no prefix-cache block divides the chunk.
    """
    check_engine_installed(config.engine)
    on_gpu = config.pool.gpus > 0
    block_size = choose_block_size(
        config.engine, config.judge.chunk_tokens, config.judge.prompt, on_gpu=on_gpu
    )
    model = resolve_model(config.judge.model, config.judge.revision, config.judge.tokenizer)
    judge = PreferenceJudge.of(config.judge, model)
    engine = EngineSettings(
        config=config.engine,
        model=model,
        label_ids=judge.label_ids,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=block_size,
        on_gpu=on_gpu,
        threads=config.engine.threads or max(1, int(config.pool.cpus)),
    )
    return Job(
        config=config,
        judge=judge,
        engine=engine,
        fingerprint=fingerprint(config.judge, config.input, judge, engine),
        sample=RowSample(config.input.sample_fraction, config.input.sample_seed),
    )
