"""Runs classifiers and QRM's heads in vLLM: one pass over a prompt gives one row of numbers.

Numbers are raw; by default vLLM would apply a sigmoid to a single label. The prefix cache is off:
these prompts share nothing worth keeping, and a cached position has no hidden state to read.
"""

from typing import Any

import numpy as np
from typing_extensions import override
from vllm import PoolingParams
from vllm.config import PoolerConfig
from vllm.config.quantization import ONLINE_QUANT_SHORTHAND_NAMES, resolve_quantization_config
from vllm.engine.arg_utils import EngineArgs
from vllm.v1.engine import EngineCoreOutput, EngineCoreRequest

from rm_ray.engines.engine import EngineSettings, Numbers, Prompt
from rm_ray.engines.heads import ENCODERS, is_bidirectional
from rm_ray.engines.read_outs import ClassLogits, QuantileHeads, ReadOut
from rm_ray.engines.vllm import VllmEngine
from rm_ray.errors import JudgeError

# Ways to quantise weights while they are loaded; fp8 is an old name of one of them.
ONLINE = {*ONLINE_QUANT_SHORTHAND_NAMES, "fp8"}


class VllmPoolingEngine(VllmEngine):
    """VllmPoolingEngine reads a model's head after each prompt, with one vLLM engine."""

    caches_prefixes = False
    """The prefix cache is off."""

    @override
    def _arguments(self, settings: EngineSettings) -> EngineArgs:
        arguments = super()._arguments(settings)
        longest = settings.max_prompt_tokens
        arguments.runner = "pooling"
        arguments.enable_prefix_caching = False
        arguments.block_size = None
        if settings.model.architecture in ENCODERS or is_bidirectional(settings.model.config):
            # these models see a whole prompt at once: one longer than a step would never run
            arguments.enable_chunked_prefill = False
            arguments.max_num_batched_tokens = max(
                longest, settings.batch_windows, settings.config.max_batch_tokens
            )
        if isinstance(settings.read_out, ClassLogits):
            # vLLM would pool as modules.json of Sentence Transformers says, if the folder has one
            arguments.pooler_config = PoolerConfig(
                seq_pooling_type="CLS" if settings.model.architecture in ENCODERS else "LAST"
            )
        overrides: dict[str, Any] = dict(arguments.hf_overrides)
        if isinstance(settings.read_out, QuantileHeads):
            from rm_ray.engines.vllm_quantile import register

            overrides["architectures"] = [register(settings.read_out)]
        arguments.hf_overrides = overrides
        if arguments.quantization in ONLINE and "quantization_config" not in settings.model.config:
            # vLLM would quantise the head too, like any other layer
            arguments.quantization_config = resolve_quantization_config(
                arguments.quantization, {"ignore": ["score"]}
            )
        return arguments

    @override
    def _checked_request(self, read_out: ReadOut) -> EngineCoreRequest:
        self._separator = read_out.separator if isinstance(read_out, ClassLogits) else None
        self._numbers = read_out.numbers
        return self._request(
            PoolingParams(task="classify", use_activation=False, skip_reading_prefix_cache=True)
        )

    @override
    def _mark(self, request: EngineCoreRequest, prompt: Prompt) -> None:
        if self._separator is not None:
            params = request.pooling_params.clone()
            second = int(np.flatnonzero(prompt == self._separator)[0]) + 1
            params.extra_kwargs = {"compressed_token_type_ids": second}
            request.pooling_params = params

    @override
    def _read(self, output: EngineCoreOutput) -> Numbers:
        row: Numbers = output.pooling_output.float().numpy()
        if row.shape != (self._numbers,):
            raise JudgeError(
                f"vLLM gave numbers of the shape {row.shape} for a prompt, and the model's head "
                f"has {self._numbers}; take --engine.name transformers"
            )
        return row
