"""The judge that was trained is the judge that runs: engines judge what the trainer has judged."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from rm_ray.config import InputConfig
from rm_ray.engines.engine import EngineSettings, Prompt, answer_all, choose_block_size
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.runnable import check_runs
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import Model, resolve_model
from rm_ray.errors import Incomplete, JudgeError, RmRayError
from rm_ray.judges.families import build_judge
from rm_ray.judges.judge import Judge
from rm_ray.judges.keys import JudgeSection
from rm_ray.train.config import TrainConfig

log = logging.getLogger(__name__)

# By how much an engine's reward may differ from the trainer's own, by precision.
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.25}


@dataclass(frozen=True)
class Agreement:
    """How far an engine is from the trainer at most, over so many windows."""

    engine: str
    windows: int
    difference: float

    def __str__(self) -> str:
        return f"{self.engine} {self.difference:.1e} over {self.windows} windows"


def tolerance_of(config: TrainConfig) -> float:
    """By how much a reward may differ."""
    return config.verify.tolerance or TOLERANCES[config.train.precision]


def verify(
    config: TrainConfig, judge: JudgeSection, prompts: Sequence[Prompt], expected: Sequence[float]
) -> list[Agreement]:
    """Have each engine judge the prompts, in processes of their own.

    Args:
        judge: the section of the judge as it was written.
        expected: the trainer's own rewards.

    Raises:
        Incomplete: an engine gives other rewards.
    """
    found = []
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
                f"the judge that was written is not the judge that was trained: the engine {name} "
                f"gives rewards that differ by up to {difference:.2g}, and at most "
                f"{tolerance_of(config):g} was expected (--verify.tolerance); the checkpoints stay"
            )
        found.append(agreement)
    return found


@ray.remote(max_calls=1)  # an engine has its process for itself
def _judge(settings: EngineSettings, prompts: list[Prompt]) -> list[float] | RmRayError:
    """An error as a value: raised, Ray would wrap it."""
    try:
        # what Ray hands over cannot be written to, of which torch warns
        return rewards_of(settings, [prompt.copy() for prompt in prompts])
    except RmRayError as error:
        return error


def rewards_of(settings: EngineSettings, prompts: Sequence[Prompt]) -> list[float]:
    """The rewards that an engine of this process gives for prompts."""
    import transformers  # takes seconds

    os.environ.update(settings.environment())
    transformers.logging.disable_progress_bar()
    numbers = answer_all(start_engine(settings), prompts)
    return [_reward(row) for row in numbers]


def settings_of(config: TrainConfig, judge: JudgeSection, name: str) -> EngineSettings:
    """What an engine needs to know to run the judge that was written.

    Raises:
        Refused: the engine does not run it.
    """
    model = resolve_model(
        judge.model, None, storage=judge.storage, weights_folder=config.workers.weights_folder
    )
    _, built = build_judge(judge, InputConfig(path="unused"), model)
    return checked_settings(config, model, built, name)


def checked_settings(config: TrainConfig, model: Model, judge: Judge, name: str) -> EngineSettings:
    """What an engine needs to know to run a model as this judge.

    Raises:
        Refused: the engine does not run it.
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
    check_runs(settings, lambda less: f"prompts shorter by {less} tokens")
    return settings


def _reward(numbers: Any) -> float:
    """A log ratio, or a classifier's one logit."""
    if len(numbers) == 2:
        return float(numbers[0]) - float(numbers[1])
    if len(numbers) == 1:
        return float(numbers[0])
    raise JudgeError(f"an engine gave {len(numbers)} numbers for a prompt")
