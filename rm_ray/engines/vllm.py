"""Runs vLLM in this process, step by step.

`LLM.generate` would queue every prompt first. Here prompts are made as the engine has room, so a
document's windows never exist all at once: their total length grows with the square of the
document's length. Set `EngineSettings.environment()` before importing this module.
"""

import contextlib
import gc
import logging
import time
from array import array
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from vllm import PoolingParams, SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import RequestOutputKind
from vllm.v1.core.single_type_kv_cache_manager import FullAttentionManager
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest
from vllm.v1.engine.llm_engine import LLMEngine

from rm_ray.engines.engine import EngineCounts, EngineSettings, Numbers, Prompt
from rm_ray.engines.prefix_cache import PrefixHashes, PrefixLookup, count_unused, free, touch
from rm_ray.engines.read_outs import LabelLogits, ReadOut
from rm_ray.errors import JudgeError

CPU_KV_CACHE_GB = 1.0
GARBAGE_AFTER = 50_000


class TokenArray(array):  # type: ignore[type-arg]
    """TokenArray holds token ids in one piece of memory, and vLLM uses it as a list."""

    @classmethod
    def of(cls, prompt: Prompt) -> "TokenArray":
        """Return the prompt's token ids. vLLM appends the sampled token to them."""
        tokens = cls("i")
        tokens.frombytes(prompt.data.cast("B"))
        return tokens

    def copy(self) -> "TokenArray":
        """Return this array itself, uncopied.

        vLLM appends to the copy. A request ends with its first token, so nobody sees the change.
        """
        return self


class VllmEngine:
    """VllmEngine reads the logits of the label tokens after each prompt, with one vLLM engine.

    Requests go straight to vLLM's engine core. `LLMEngine`'s extra work for text and streams would
    take as long as the core's own scheduling.
    """

    caches_prefixes = True
    """True if prompts share beginnings and vLLM keeps them."""

    def __init__(self, settings: EngineSettings) -> None:
        if not settings.on_gpu:
            torch.set_num_threads(settings.threads)
        config = settings.config
        self.counts = EngineCounts()
        self._in_flight = config.in_flight or 2 * settings.batch_windows
        self._engine = LLMEngine.from_engine_args(self._arguments(settings))
        self._core = self._engine.engine_core
        self._template = self._checked_request(settings.read_out)
        self._keys: dict[str, int] = {}
        self._count_scheduled_tokens()
        self._time_model()
        if settings.processes > 1:
            # vLLM logs every end of a process: a failure (which is raised too) and the normal end
            logging.getLogger("vllm.v1.executor.multiproc_executor").setLevel(logging.CRITICAL)
            unname_shared_memory()
            self._core.engine_core.model_executor.rpc_broadcast_mq.buffer.is_creator = False
        if self.caches_prefixes:
            self._check_blocks(settings.block_size)
        if self.caches_prefixes and config.fast_cache:
            self._speed_up_the_cache(settings.block_size)
        # Lists of a request hold all its blocks. By default Python walks every list after 700 new
        # ones, which takes a tenth of the host's time for a window with a long context.
        gc.set_threshold(GARBAGE_AFTER, *gc.get_threshold()[1:])

    @property
    def has_room(self) -> bool:
        """Return True if fewer prompts are in flight than the limit."""
        return len(self._keys) < self._in_flight

    def add(self, key: int, prompt: Prompt) -> None:
        """Hand a prompt to vLLM's scheduler."""
        request = copy(self._template)
        # never use a name twice: vLLM takes a name for the same request for ever
        request.request_id = request.external_req_id = str(self.counts.prompts)
        request.prompt_token_ids = TokenArray.of(prompt)
        self._mark(request, prompt)
        self._keys[request.request_id] = key
        self._core.add_request(request)
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self) -> list[tuple[int, Numbers]]:
        """Run one step, and return the key and logits [labels] of each prompt that ended."""
        return [
            (self._keys.pop(output.request_id), self._read(output)) for output in self._outputs()
        ]

    def _outputs(self) -> list[EngineCoreOutput]:
        """Run one step of the scheduler and the model, and return its outputs."""
        began = time.perf_counter()
        outputs: list[EngineCoreOutput] = self._core.get_output().outputs
        self.counts.step_seconds += time.perf_counter() - began
        return outputs

    def _checked_request(self, read_out: ReadOut) -> EngineCoreRequest:
        """Make one request with vLLM's own checks. All requests are copies with other tokens."""
        assert isinstance(read_out, LabelLogits)
        self._labels = read_out.numbers
        params = SamplingParams(
            temperature=0.0,
            max_tokens=1,
            # top-k logprobs miss a label with a low logit; asking by id never does
            logprob_token_ids=list(read_out.token_ids),
            detokenize=False,
            ignore_eos=True,
            skip_clone=True,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        return self._request(params)

    def _request(self, params: SamplingParams | PoolingParams) -> EngineCoreRequest:
        tasks = self._engine.get_supported_tasks()
        prompt = {"prompt_token_ids": [0]}
        return self._engine.input_processor.process_inputs("", prompt, params, tasks)

    def _mark(self, request: EngineCoreRequest, prompt: Prompt) -> None:
        """Add to a request more than its prompt's tokens. A language model needs nothing more."""

    def _read(self, output: EngineCoreOutput) -> Numbers:
        logits = output.new_logprobs.logprobs[0]  # the sampled token's, then the labels'
        read: Numbers = logits[-self._labels :].astype(np.float32)
        return read

    def _arguments(self, settings: EngineSettings) -> EngineArgs:
        return _engine_args(settings)

    def _check_blocks(self, block_size: int) -> None:
        actual = self._core.engine_core.scheduler.hash_block_size
        if actual != block_size:
            raise JudgeError(
                f"vLLM gives this model prefix-cache blocks of {actual} tokens, not {block_size}, "
                "and windows would pay for context again; take --engine.name transformers"
            )

    def _speed_up_the_cache(self, block_size: int) -> None:
        core = self._core.engine_core
        core.request_block_hasher = PrefixHashes(block_size, core.request_block_hasher)
        manager = core.scheduler.kv_cache_manager
        coordinator = manager.coordinator
        if [type(part) for part in coordinator.single_type_managers] == [FullAttentionManager]:
            find = coordinator.find_longest_cache_hit
            coordinator.find_longest_cache_hit = PrefixLookup(block_size, find)
            # these do as vLLM's own, but for null blocks, which full attention never caches
            (blocks_of,) = coordinator.single_type_managers
            blocks_of._get_num_evictable_blocks = count_unused
            blocks_of.block_pool.touch = partial(touch, blocks_of.block_pool)
            blocks_of.block_pool.free_blocks = partial(free, blocks_of.block_pool)
        # vLLM's own walks over all blocks of a prompt, for a statistic that nobody reads
        manager.estimate_cached_tokens = lambda _: 0

    def _time_model(self) -> None:
        """Add up the time in the executor: preparing a batch, running it, reading it out."""
        executor = self._core.engine_core.model_executor
        for name in ("execute_model", "sample_tokens"):
            setattr(executor, name, self._timed(getattr(executor, name)))

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                result = call(*args, **kwargs)
            finally:
                self.counts.model_seconds += time.perf_counter() - began
            if isinstance(result, Future):  # count the wait for the result too
                result.result = self._timed(result.result)  # type: ignore[method-assign]
            return result

        return timed

    def _count_scheduled_tokens(self) -> None:
        """Count the tokens that each step schedules; requests' own counts miss preemptions."""
        scheduler = self._core.engine_core.scheduler
        schedule = scheduler.schedule

        def counting(*args: Any, **kwargs: Any) -> Any:
            output = schedule(*args, **kwargs)
            self.counts.forwarded_tokens += output.total_num_scheduled_tokens
            self.counts.preemptions += len(output.preempted_req_ids or ())
            return output

        scheduler.schedule = counting


def unname_shared_memory() -> None:
    """Remove the names of the memory that this process shares with its children.

    All of them have the memory open by now. If a process is killed later, nobody would remove the
    names, and the machine's memory would fill.
    """
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(OSError):  # it may have ended
            for opened in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = opened.readlink()
                    if target.name.startswith("psm_"):
                        target.unlink()


def _engine_args(settings: EngineSettings) -> EngineArgs:
    config = settings.config
    kv_cache_gb = config.kv_cache_gb or (None if settings.on_gpu else CPU_KV_CACHE_GB)
    return EngineArgs(
        model=settings.model.name,
        revision=settings.model.revision,
        config_format="hf",  # the driver read config.json, even beside Mistral's params.json
        skip_tokenizer_init=True,
        dtype=settings.dtype,
        quantization=config.quantization,
        load_format="dummy" if config.load_format == "dummy" else "safetensors",
        use_tqdm_on_load=False,
        # the label head in float32: in bf16 a log ratio of -11.031 comes out as -11.051
        hf_overrides={"head_dtype": "float32"},
        logprobs_mode="raw_logits",  # the normaliser cancels in a log ratio
        generation_config="vllm",
        max_model_len=settings.max_prompt_tokens + settings.read_out.answer_tokens,
        max_num_batched_tokens=max(config.max_batch_tokens, settings.batch_windows),
        max_num_seqs=settings.batch_windows,
        enable_prefix_caching=True,
        # by default vLLM keeps only a prompt's last blocks of a sliding window; windows share none
        prefix_cache_retention_interval=None,
        enable_chunked_prefill=True,
        # Without async scheduling, a step takes at most one window in part. By the next step all
        # other windows have made room for it, so reserving room ahead is wasted work.
        scheduler_reserve_full_isl=settings.on_gpu,
        block_size=settings.block_size,
        kv_cache_memory_bytes=int(kv_cache_gb * 2**30) if kv_cache_gb else None,
        gpu_memory_utilization=settings.gpu_memory or config.gpu_memory_utilization,
        enforce_eager=config.enforce_eager or not settings.on_gpu,
        disable_log_stats=True,
        trust_remote_code=False,
        seed=0,
        **(_over_processes(settings.processes) if settings.processes > 1 else {}),
    )


def _over_processes(number: int) -> dict[str, Any]:
    """Return arguments that split the model over processes, which end with this process."""
    return {
        "tensor_parallel_size": number,
        "distributed_executor_backend": "mp",
        "worker_extension_cls": "rm_ray.engines.vllm_worker.EndsWithItsEngine",
    }
