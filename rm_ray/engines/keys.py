"""The section of keys of engines."""

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from rm_ray.config import NonEmpty, Section


class EngineConfig(Section):
    """What runs the model."""

    name: NonEmpty = Field(
        "vllm",
        description="vllm (GPU and CPU), transformers (the reference, and for what vLLM does "
        "not run), or module:Class of an engine of your own.",
    )
    silence_s: float = Field(
        600,
        gt=0,
        description="Seconds without an answer after which an engine counts as hung and its "
        "process is ended.",
    )
    start_s: float = Field(
        1800,
        gt=0,
        description="Seconds within which an engine must be ready, its weights fetched: a start "
        "that takes longer is ended and has failed, and a run without an engine for so long stops.",
    )
    weights_folder: NonEmpty | None = Field(
        None,
        description="Folder on each machine where weights from a hub or a store are kept; null: "
        "for those of the hub its own cache (HF_HOME), for others rm_ray/models in XDG_CACHE_HOME "
        "(~/.cache).",
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="Precision of the model; auto: as its config says."
    )
    quantization: str | None = Field(
        None, description="vLLM quantisation, e.g. fp8_per_channel; null for none."
    )
    load_format: Literal["auto", "dummy"] = Field(
        "auto", description="dummy: random weights, for measuring speed without a checkpoint."
    )
    block_size: int | None = Field(
        None,
        ge=1,
        description="Tokens of one prefix-cache block; must divide the chunk. "
        "null: the chunk with ids; with text the smallest the device has, since text moves tokens.",
    )
    max_batch_tokens: int = Field(
        16384, ge=64, description="Most tokens in one step of the engine, padding included."
    )
    max_batch_windows: int | None = Field(
        None, ge=1, description="Most windows in one step; null: 512 on GPUs, 48 on CPU."
    )
    in_flight: int | None = Field(
        None,
        ge=1,
        description="Most prompts handed to the engine at once; null: twice max_batch_windows, and "
        "16 times with transformers, which sorts them by length.",
    )
    kv_cache_gb: float | None = Field(
        None, gt=0, description="KV cache size, GiB; null: what the GPU has left (CPU: 1 GiB)."
    )
    gpu_memory_utilization: float = Field(
        0.9,
        gt=0,
        le=1,
        description="Share of the GPU's memory for engines; those that share a GPU divide it.",
    )
    tensor_parallel: int | None = Field(
        None,
        ge=1,
        description="Processes that a model is split over; null: as many as GPUs (pool.gpus), 1 on "
        "CPU.",
    )
    fast_cache: bool = Field(
        False,
        description="Replace what vLLM does anew for every window of a document (hashing and "
        "finding its cached blocks) by what the window before had; saves host time of long ones.",
    )
    enforce_eager: bool = Field(False, description="No CUDA graphs or compilation (always on CPU).")
    threads: int | None = Field(
        None, ge=1, description="CPU engine's threads; null: pool.cpus, rounded down, at least 1."
    )

    @model_validator(mode="after")
    def _kept_in_one_place(self) -> Self:
        if self.weights_folder and not self.weights_folder.startswith(("/", "~")):
            raise ValueError(
                f"weights_folder is {self.weights_folder!r}; it must be a whole path (/... or "
                "~/...), since it is one of every machine"
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
