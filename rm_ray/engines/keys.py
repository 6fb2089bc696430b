"""Defines the section `engine` of the configuration."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.config import NonEmpty, Section


class EngineConfig(Section):
    """The engine that runs the model."""

    name: NonEmpty = "vllm"
    """vllm (GPU and CPU), transformers (the reference, and for models that vLLM does not run), or
    module:Class of your own engine."""
    silence_s: float = Field(600, gt=0)
    """Seconds without an answer after which an engine counts as hung and its process is ended."""
    start_s: float = Field(1800, gt=0)
    """Seconds within which an engine must be ready, with its weights fetched. A longer start is
    ended and counts as failed, and a run that has no engine for this long stops."""
    weights_folder: NonEmpty | None = None
    """Folder on each machine that keeps weights from a hub or a store; null: the hub's own cache
    (HF_HOME) for a model of the hub, else rm_ray/models in XDG_CACHE_HOME (~/.cache)."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """Precision of the model; auto: as its config says."""
    quantization: str | None = None
    """vLLM quantisation, e.g. fp8_per_channel; null for none."""
    load_format: Literal["auto", "dummy"] = "auto"
    """dummy: random weights, for measuring speed without a checkpoint."""
    block_size: int | None = Field(None, ge=1)
    """Tokens of one prefix-cache block; must divide the chunk. null: the chunk with ids; with text
    the smallest block of the device, since text moves tokens."""
    max_batch_tokens: int = Field(16384, ge=64)
    """Most tokens in one step of the engine, padding included."""
    max_batch_windows: int | None = Field(None, ge=1)
    """Most windows in one step; null: 512 on GPUs, 48 on CPU."""
    in_flight: int | None = Field(None, ge=1)
    """Most prompts handed to the engine at once; null: twice max_batch_windows, and 16 times with
    transformers, which sorts the prompts by length."""
    kv_cache_gb: float | None = Field(None, gt=0)
    """KV cache size, GiB; null: all that the GPU has left (CPU: 1 GiB)."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1)
    """Share of a GPU's memory for engines; engines that share a GPU divide this share."""
    tensor_parallel: int | None = Field(None, ge=1)
    """Processes that a model is split over; null: as many as GPUs (pool.gpus), 1 on CPU."""
    fast_cache: bool = False
    """Hash and look up only the blocks that a window does not share with the window before, where
    vLLM does all blocks of every window again; saves host time for long documents."""
    enforce_eager: bool = False
    """No CUDA graphs or compilation (always on CPU)."""
    threads: int | None = Field(None, ge=1)
    """CPU engine's threads; null: pool.cpus, rounded down, at least 1."""

    @model_validator(mode="after")
    def _kept_in_one_place(self) -> Self:
        if self.weights_folder and not self.weights_folder.startswith(("/", "~")):
            raise ValueError(
                f"weights_folder is {self.weights_folder!r}; it must be a whole path (/... or "
                "~/...), since every machine has this folder"
            )
        return self

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.name not in ("vllm", "transformers") and not re.fullmatch(r"[\w.]+:\w+", self.name):
            raise ValueError(
                f"name is {self.name!r}; it must be vllm, transformers or module:Class"
            )
        if self.name == "transformers" and (self.quantization or self.load_format != "auto"):
            raise ValueError("quantization and load_format are vllm's; transformers has neither")
        if self.name == "transformers" and (self.tensor_parallel or 1) > 1:
            raise ValueError("tensor_parallel is vllm's; transformers runs in one process")
        return self
