"""Engines: what runs the model. They take token ids and know nothing of documents.

An engine is told once what to read out; then prompts go in under keys as long as it has room, and
rows of numbers come out, step by step, in whatever order they are ready.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rm_ray.counts.summable import Summable, spent
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.read_outs import ReadOut
from rm_ray.engines.weights import Model
from rm_ray.errors import ConfigError

# What vLLM's attention backends accept: multiples of 16 on GPUs, of 32 on CPU.
BLOCK_STEP = {"gpu": 16, "cpu": 32}

# Token ids [tokens], and what an engine makes of them: float32 [numbers], as the read-out says.
Prompt = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]


@dataclass
class EngineCounts(Summable):
    """What an engine did: prompts, their tokens, those of them that it forwarded, and time."""

    prompts: int = 0
    prompt_tokens: int = 0
    forwarded_tokens: int = 0
    preemptions: int = 0
    step_seconds: float = spent(0.0)
    model_seconds: float = spent(0.0)


class Engine(Protocol):
    """Runs one model in this process. Whatever `add` or `step` raises breaks it for good.

    `counts`: since the start.
    """

    counts: EngineCounts

    @property
    def has_room(self) -> bool:
        """Whether another prompt may be added before the next step."""

    def add(self, key: int, prompt: Prompt) -> None:
        """Take a prompt, under a key that none in flight has."""

    def step(self) -> list[tuple[int, Numbers]]:
        """Run some of what is in flight; the keys and numbers of the prompts that are answered."""


def answer_all(
    engine: Engine, prompts: Iterable[Prompt], stepped: Callable[[], None] = lambda: None
) -> list[Numbers]:
    """The numbers of each prompt, in order; prompts are made as the engine has room.

    Args:
        stepped: called after each step that answered something.
    """
    source = enumerate(prompts)
    answers: dict[int, Numbers] = {}
    asked, exhausted = 0, False
    while not exhausted or len(answers) < asked:
        while not exhausted and engine.has_room:
            key, prompt = next(source, (asked, None))
            if prompt is None:
                exhausted = True
            else:
                engine.add(key, prompt)
                asked += 1
        if len(answers) < asked:
            answered = engine.step()
            answers.update(answered)
            if answered:
                stepped()
    return [answers[key] for key in range(asked)]


@dataclass(frozen=True)
class EngineSettings:
    """Everything an actor needs to start its engine.

    `gpus`: of the engine: 0 on CPU, less than 1 where engines share one. `threads`: of an engine on
    CPU.
    """

    config: EngineConfig
    model: Model
    read_out: ReadOut
    max_prompt_tokens: int
    block_size: int
    gpus: float
    threads: int

    @property
    def on_gpu(self) -> bool:
        """Whether the model runs on GPUs."""
        return self.gpus > 0

    @property
    def processes(self) -> int:
        """How many processes the model is split over, each with a GPU of its own."""
        return self.config.tensor_parallel or max(1, int(self.gpus))

    @property
    def gpu_memory(self) -> float:
        """The part of a GPU's memory that the engine may take."""
        return self.config.gpu_memory_utilization * min(1.0, self.gpus)

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
            # Triton's products of float32 are TF32 otherwise, those of attention among them
            exact = {"TRITON_F32_DEFAULT": "ieee"} if self.dtype == "float32" else {}
            return common | exact
        threads = str(self.threads)
        # binding cores would give every engine of a machine the same ones
        cpu = {
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": threads,
            "TORCH_LOGS": "-torch._library.triton",  # CPU machines have no Triton, and need none
        }
        return common | cpu


def choose_block_size(config: EngineConfig, shared_step: int, *, on_gpu: bool) -> int:
    """The prefix cache's block: whole blocks are shared, so it must divide what prompts share.

    Args:
        shared_step: a document's prompts share their beginnings up to a multiple of this, the
            chunk; 1 where up to any token.

    Raises:
        ConfigError: no block the device has divides the chunk.
    """
    device = "gpu" if on_gpu else "cpu"
    step = BLOCK_STEP[device]
    if config.name != "vllm":
        return step  # no prefix cache
    anywhere = shared_step == 1
    if not anywhere and shared_step % step:
        raise ConfigError(
            f"judge.chunk_tokens is {shared_step}, and prefix-cache blocks on {device.upper()} "
            f"are multiples of {step}: none divides the chunk, so every window would pay for "
            f"context again; take a multiple of {step}, or --engine.name transformers"
        )
    size = config.block_size or (step if anywhere else shared_step)
    if size % step or (not anywhere and shared_step % size):
        divide = "" if anywhere else f"divide judge.chunk_tokens ({shared_step}) and "
        raise ConfigError(
            f"engine.block_size is {size}; it must {divide}"
            f"be a multiple of {step} on {device.upper()}"
        )
    return size
