"""The job: everything that can be decided and refused before a machine is asked for."""

from dataclasses import dataclass
from typing import Any

from rm_ray.cluster import check_engine_installed
from rm_ray.config import ScoreConfig
from rm_ray.corpus.shards import RowSample
from rm_ray.engines.engine import EngineSettings, choose_block_size
from rm_ray.engines.weights import resolve_model
from rm_ray.judges.judge import DocumentTokenizer, Judge, build_judge
from rm_ray.score.fingerprint import fingerprint


@dataclass(frozen=True)
class Job:
    """Everything decided before a machine is asked for."""

    config: ScoreConfig
    tokenizer: DocumentTokenizer
    judge: Judge
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
    model = resolve_model(config.judge.model, config.judge.revision)
    tokenizer, judge = build_judge(config.judge, config.input, model)
    engine = EngineSettings(
        config=config.engine,
        model=model,
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=choose_block_size(config.engine, judge.shared_step, on_gpu=on_gpu),
        on_gpu=on_gpu,
        threads=config.engine.threads or max(1, int(config.pool.cpus)),
    )
    return Job(
        config=config,
        tokenizer=tokenizer,
        judge=judge,
        engine=engine,
        fingerprint=fingerprint(tokenizer, judge, engine, config.input),
        sample=RowSample(config.input.sample_fraction, config.input.sample_seed),
    )
