"""The verification of a trained judge: engines judge windows that the trainer has judged."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from rm_ray.config import InputConfig
from rm_ray.engines.engine import EngineSettings, Prompt, answer_all, choose_block_size
from rm_ray.engines.heads import WAY_ON
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.runnable import check_runs
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import Model, resolve_model
from rm_ray.errors import ConfigError, Incomplete, JudgeError, RmRayError
from rm_ray.judges.families import build_judge
from rm_ray.judges.judge import Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.train.config import TrainConfig

log = logging.getLogger(__name__)

# Maximum difference between an engine's reward and the trainer's, by precision.
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.25}


@dataclass(frozen=True)
class Agreement:
    """An Agreement says how closely an engine's rewards match the trainer's."""

    engine: str
    """Name of the engine."""
    windows: int
    """Number of windows or documents that the engine judged."""
    difference: float
    """Maximum absolute difference between two rewards."""

    def __str__(self) -> str:
        return f"{self.engine} {self.difference:.1e} over {self.windows} windows"


def tolerance_of(config: TrainConfig) -> float:
    """Return the maximum difference that is allowed between two rewards."""
    return config.verify.tolerance or TOLERANCES[config.train.precision]


def verify(
    config: TrainConfig, judge: JudgeSection, prompts: Sequence[Prompt], expected: Sequence[float]
) -> list[Agreement]:
    """Have each engine judge the prompts, each in its own process.

    Args:
        judge: the section of the written judge.
        prompts: the prompts to judge.
        expected: the trainer's reward of each prompt.

    Raises:
        Incomplete: an engine gives other rewards than the trainer.
    """
    agreements = []
    for name in config.verify.engines:
        settings = settings_of(config, judge, name)
        task = _judge.options(
            num_cpus=0,
            num_gpus=config.workers.gpus,
            max_retries=1,
            runtime_env={"env_vars": settings.environment()},
        )
        answer = ray.get(task.remote(settings, list(prompts)))
        if isinstance(answer, RmRayError):
            raise answer
        difference = float(np.abs(np.asarray(answer) - np.asarray(expected)).max())
        agreement = Agreement(name, len(answer), difference)
        log.info("the engine agrees with the trainer: %s", agreement)
        if not difference <= tolerance_of(config):
            raise Incomplete(
                f"the written judge does not give the trainer's rewards: with the engine {name} "
                f"they differ by up to {difference:.2g}, and at most {tolerance_of(config):g} is "
                "allowed (--verify.tolerance); the checkpoints stay"
            )
        agreements.append(agreement)
    return agreements


@ray.remote(max_calls=1)  # each engine gets a process of its own
def _judge(settings: EngineSettings, prompts: list[Prompt]) -> list[float] | RmRayError:
    """Judge prompts. An RmRayError is returned, because Ray would wrap a raised one."""
    try:
        # copied because arrays from Ray are read-only, and torch warns about such arrays
        return rewards_of(settings, [prompt.copy() for prompt in prompts])
    except RmRayError as error:
        return error


def rewards_of(settings: EngineSettings, prompts: Sequence[Prompt]) -> list[float]:
    """Return the rewards of prompts, from an engine in this process."""
    import transformers  # takes seconds

    os.environ.update(settings.environment())
    transformers.logging.disable_progress_bar()
    numbers = answer_all(start_engine(settings), prompts)
    return [_reward(row) for row in numbers]


def settings_of(config: TrainConfig, judge: JudgeSection, name: str) -> EngineSettings:
    """Return the settings with which an engine runs the written judge.

    Raises:
        Refused: the engine cannot run the judge.
    """
    model = resolve_model(
        judge.model, None, storage=judge.storage, weights_folder=config.workers.weights_folder
    )
    _, built = build_judge(judge, InputConfig(path="unused"), model)
    return checked_settings(config, model, built, name)


def checked_settings(config: TrainConfig, model: Model, judge: Judge, name: str) -> EngineSettings:
    """Return the settings with which an engine runs a model as this judge.

    Raises:
        Refused: the engine cannot run the judge.
    """
    on_gpu = config.workers.gpus > 0
    engine = EngineConfig(
        name=name,
        dtype=config.train.precision,
        max_batch_tokens=max(2048, judge.max_prompt_tokens),
        max_batch_windows=16,
        enforce_eager=True,
        weights_folder=config.workers.weights_folder,
    )
    settings = EngineSettings(
        config=engine,
        model=model,
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=choose_block_size(engine, judge.shared_step, on_gpu=on_gpu),
        gpus=config.workers.gpus,
        threads=max(1, int(config.workers.cpus)),
    )
    try:
        check_runs(settings, lambda less: f"prompts shorter by {less} tokens")
    except ConfigError as error:
        # a training has no other engine: it can do without this one
        said = str(error).replace(WAY_ON, "leave vllm out with --verify.engines transformers")
        raise ConfigError(said) from None
    return settings


def _reward(numbers: Any) -> float:
    """Return a log ratio from two logits, or the one logit of a classifier."""
    if len(numbers) == 2:
        return float(numbers[0]) - float(numbers[1])
    if len(numbers) == 1:
        return float(numbers[0])
    raise JudgeError(f"an engine gave {len(numbers)} numbers for a prompt")
