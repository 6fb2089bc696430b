"""An engine runs the model. It takes token ids and knows nothing of documents.

An engine is told once which numbers to read out. Then the caller adds prompts under keys while the
engine has room, and each step returns the rows of numbers that are ready, in any order.
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

# vLLM's attention backends accept blocks of a multiple of 16 tokens on GPUs, of 32 on CPU.
BLOCK_STEP = {"gpu": 16, "cpu": 32}

# A prompt's token ids: int32 [tokens].
Prompt = npt.NDArray[np.int32]
# An engine's answer to one prompt: float32 [numbers], in the order that the read-out says.
Numbers = npt.NDArray[np.float32]


@dataclass
class EngineCounts(Summable):
    """EngineCounts adds up an engine's work."""

    prompts: int = 0
    """Prompts that were added."""
    prompt_tokens: int = 0
    """Tokens of these prompts."""
    forwarded_tokens: int = 0
    """Tokens that went through the model; a prefix that was kept does not go through again."""
    preemptions: int = 0
    """How often the engine put a running prompt back to make room."""
    step_seconds: float = spent(0.0)
    """Seconds in the engine's steps."""
    model_seconds: float = spent(0.0)
    """Seconds of the steps in which the model ran."""


class Engine(Protocol):
    """Runs one model in this process. An exception in `add` or `step` breaks it for good."""

    counts: EngineCounts
    """The work since the start."""

    @property
    def has_room(self) -> bool:
        """Return True if another prompt may be added before the next step."""

    def add(self, key: int, prompt: Prompt) -> None:
        """Take a prompt under a key that no prompt in flight has."""

    def step(self) -> list[tuple[int, Numbers]]:
        """Run some of the prompts in flight, and return the key and numbers of each answer."""


def answer_all(
    engine: Engine, prompts: Iterable[Prompt], stepped: Callable[[], None] = lambda: None
) -> list[Numbers]:
    """Return the numbers of each prompt, in order. Prompts are taken as the engine has room.

    Args:
        engine: runs the prompts; it must have none in flight.
        prompts: taken one by one.
        stepped: called after each step that answered a prompt.
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
    """EngineSettings holds everything that an actor needs to start its engine."""

    config: EngineConfig
    """The section `engine` of the configuration."""
    model: Model
    """The model to load."""
    read_out: ReadOut
    """The numbers or tokens that each prompt gets."""
    max_prompt_tokens: int
    """Tokens of the longest prompt."""
    block_size: int
    """Tokens of one prefix-cache block."""
    gpus: float
    """GPUs of the engine: 0 on CPU, less than 1 if engines share a GPU."""
    threads: int
    """Threads of an engine on CPU."""

    @property
    def on_gpu(self) -> bool:
        """Return True if the model runs on GPUs."""
        return self.gpus > 0

    @property
    def processes(self) -> int:
        """Return the number of processes that share the model, each with its own GPU."""
        return self.config.tensor_parallel or max(1, int(self.gpus))

    @property
    def gpu_memory(self) -> float:
        """Return the share of a GPU's memory that the engine may take, from 0 to 1."""
        return self.config.gpu_memory_utilization * min(1.0, self.gpus)

    @property
    def dtype(self) -> str:
        """Return the precision that the model runs in."""
        return self.model.dtype if self.config.dtype == "auto" else self.config.dtype

    @property
    def batch_windows(self) -> int:
        """Return the most windows in one step. CPUs are fastest with few (benchmarks/bench.py)."""
        return self.config.max_batch_windows or (512 if self.on_gpu else 48)

    def environment(self) -> dict[str, str]:
        """Return the process's environment variables; set them before importing the engine."""
        common = {
            # vLLM runs in the actor's own process, so nothing is orphaned when the actor dies
            "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
            "VLLM_LOGGING_LEVEL": "ERROR",
            "VLLM_NO_USAGE_STATS": "1",
            # hide warnings that every start repeats and that no reader of the log needs
            "TORCH_CPP_LOG_LEVEL": "ERROR",
            "PYTHONWARNINGS": "ignore::FutureWarning,ignore::DeprecationWarning",
        }
        if self.on_gpu:
            # without this, Triton multiplies float32 in TF32, in attention too
            exact = {"TRITON_F32_DEFAULT": "ieee"} if self.dtype == "float32" else {}
            return common | exact
        threads = str(self.threads)
        # binding would pin every engine of a machine to the same cores
        cpu = {
            "VLLM_CPU_OMP_THREADS_BIND": "nobind",
            "OMP_NUM_THREADS": threads,
            "TORCH_LOGS": "-torch._library.triton",  # CPU machines have no Triton, and need none
        }
        return common | cpu


def choose_block_size(config: EngineConfig, shared_step: int, *, on_gpu: bool) -> int:
    """Return the tokens of one prefix-cache block.

    Only whole blocks are shared, so a block must divide the beginning that prompts share.

    Args:
        config: the engine's configuration.
        shared_step: the chunk: prompts of a document share their beginnings up to a multiple of
            this number of tokens; 1 if they may share them up to any token.
        on_gpu: True if the engine runs on GPUs.

    Raises:
        ConfigError: no block that the device supports divides the chunk.
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
