"""Engines: what runs the model. They take token ids and know nothing of documents.

An engine is told once which tokens' logits to read; then prompts go in as an iterator and one row
of numbers comes out for each, in the same order, with a bounded number in flight.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.config import EngineConfig
from rm_ray.errors import ConfigError
from rm_ray.model import Model

# What vLLM's attention backends accept: multiples of 16 on GPUs, of 32 on CPU.
BLOCK_STEP = {"gpu": 16, "cpu": 32}


@dataclass
class EngineCounts:
    """What an engine has done since it started; tokens as its scheduler counted them.

    `step_seconds`: in the engine's steps; `model_seconds`: of these, in running the model.
    """

    windows: int = 0
    prompt_tokens: int = 0
    forwarded_tokens: int = 0
    preemptions: int = 0
    step_seconds: float = 0.0
    model_seconds: float = 0.0


# Each prompt's token ids, [tokens].
Prompts = Iterable[npt.NDArray[np.int32] | None]


class Engine(Protocol):
    """Runs one model in this process."""

    counts: EngineCounts

    def score(self, prompts: Prompts) -> Iterator[npt.NDArray[np.float32]]:
        """One row a prompt, in order: the logits [labels] of the token that would come next.

        None among the prompts says that the next one depends on answers still out: give those
        first. It is never the first of all, and none follows an answer that was the last one out.
        """


@dataclass(frozen=True)
class EngineSettings:
    """Everything an actor needs to start its engine. `threads` and `on_gpu` are decided by then."""

    config: EngineConfig
    model: Model
    label_ids: tuple[int, ...]
    max_prompt_tokens: int
    block_size: int
    on_gpu: bool
    threads: int

    @property
    def dtype(self) -> str:
        """The precision the model runs in."""
        return self.model.dtype if self.config.dtype == "auto" else self.config.dtype

    @property
    def batch_windows(self) -> int:
        """Most windows in one step; CPUs are fastest with few (benchmarks/bench.py)."""
        return self.config.max_batch_windows or (512 if self.on_gpu else 48)

    def environment(self) -> dict[str, str]:
        """Environment of the engine's process; must be set before the engine is imported."""
        common = {
            # in the actor's own process: nothing is orphaned when the actor dies
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_LOGGING_LEVEL": "ERROR",
            "VLLM_NO_USAGE_STATS": "1",
            # what these say of every start is no news to whoever reads the log
            "TORCH_CPP_LOG_LEVEL": "ERROR",
            "PYTHONWARNINGS": "ignore::FutureWarning,ignore::DeprecationWarning",
        }
        if self.on_gpu:
            return common
        threads = str(self.threads)
        # binding cores would give every engine of a machine the same ones
        cpu = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": threads}
        return common | cpu


def choose_block_size(config: EngineConfig, chunk_tokens: int, prompt: str, *, on_gpu: bool) -> int:
    """The prefix cache's block: whole blocks are shared, so it must divide the chunk.

    Raises:
        ConfigError: no block the device has divides the chunk.
    """
    device = "gpu" if on_gpu else "cpu"
    step = BLOCK_STEP[device]
    if config.name != "vllm":
        return step  # no prefix cache
    if chunk_tokens % step:
        raise ConfigError(
            f"judge.chunk_tokens is {chunk_tokens}, and prefix-cache blocks on {device.upper()} "
            f"are multiples of {step}: none divides the chunk, so every window would pay for "
            f"context again; take a multiple of {step}, or --engine.name transformers"
        )
    size = config.block_size or (chunk_tokens if prompt == "ids" else step)
    if chunk_tokens % size or size % step:
        raise ConfigError(
            f"engine.block_size is {size}; it must divide judge.chunk_tokens ({chunk_tokens}) "
            f"and be a multiple of {step} on {device.upper()}"
        )
    return size


def start_engine(settings: EngineSettings) -> Engine:
    """Load the model in this process; takes seconds to minutes."""
    if settings.config.name == "vllm":
        # CPU machines have no Triton, and need none
        logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
        from rm_ray.engines.vllm import VllmEngine

        return VllmEngine(settings)
    if settings.config.name == "transformers":
        from rm_ray.engines.transformers import TransformersEngine

        return TransformersEngine(settings)
    module, _, name = settings.config.name.partition(":")
    engine: Engine = getattr(import_module(module), name)(settings)
    return engine
