"""Draws tokens with vLLM. Each prompt has its own temperature, seed and length."""

from copy import copy
from dataclasses import dataclass, field

import numpy as np
from vllm import SamplingParams
from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine import EngineCoreRequest

from rm_ray.engines.engine import EngineSettings, Prompt
from rm_ray.engines.generate.generator import Drawn, Sampling
from rm_ray.engines.read_outs import DrawnTokens, ReadOut
from rm_ray.engines.vllm import VllmEngine

# Added to the logit of a token that must not be drawn; vLLM takes no lower number.
NEVER = -100.0


@dataclass
class _InFlight:
    """An _InFlight holds one prompt's answer so far."""

    key: int
    """The caller's key of the prompt."""
    tokens: list[int] = field(default_factory=list)
    """Token ids drawn so far."""


class VllmGenerator(VllmEngine):
    """VllmGenerator is a `Generator`: it draws tokens after prompts with one vLLM engine."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._answers: dict[str, _InFlight] = {}

    @property
    def has_room(self) -> bool:
        """Return True if fewer prompts are in flight than the limit."""
        return len(self._answers) < self._in_flight

    def add(self, key: int, prompt: Prompt, sampling: Sampling) -> None:  # type: ignore[override]
        """Hand a prompt to vLLM's scheduler."""
        request = copy(self._template if sampling.stops else self._endless)
        params = copy(request.sampling_params)
        # `copy` also copied a cached property of the template, which may be wrong here
        vars(params).pop("sampling_type", None)
        params.temperature = sampling.temperature
        params.seed = sampling.seed
        params.max_tokens = sampling.most
        request.sampling_params = params
        # never use a name twice: vLLM takes a name for the same request for ever
        request.request_id = request.external_req_id = str(self.counts.prompts)
        request.prompt_token_ids = prompt.tolist()
        self._answers[request.request_id] = _InFlight(key)
        self._core.add_request(request)
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self) -> list[tuple[int, Drawn]]:  # type: ignore[override]
        """Run one step of the scheduler and the model, and return the answers that have ended."""
        ended = []
        for output in self._outputs():
            answer = self._answers[output.request_id]
            answer.tokens += output.new_token_ids
            if output.finish_reason is not None:
                del self._answers[output.request_id]
                ended.append((answer.key, self._without_stop(answer.tokens)))
        return ended

    def _without_stop(self, tokens: list[int]) -> Drawn:
        if tokens and tokens[-1] in self._stops:
            tokens = tokens[:-1]
        return np.asarray(tokens, np.int32)

    def _checked_request(self, read_out: ReadOut) -> EngineCoreRequest:
        assert isinstance(read_out, DrawnTokens)
        self._stops = frozenset(read_out.stops)
        banned = dict.fromkeys(read_out.banned, NEVER)
        self._endless = self._drawing(read_out, banned | dict.fromkeys(read_out.stops, NEVER))
        return self._drawing(read_out, banned, stop_token_ids=list(read_out.stops), min_tokens=1)

    def _drawing(
        self, read_out: DrawnTokens, bias: dict[int, float], **options: object
    ) -> EngineCoreRequest:
        return self._request(
            SamplingParams(
                temperature=1.0,
                seed=0,
                max_tokens=read_out.answer_tokens,
                logit_bias=bias or None,
                detokenize=False,
                # only stop_token_ids end an answer
                ignore_eos=True,
                output_kind=RequestOutputKind.FINAL_ONLY,
                **options,
            )
        )

    def _arguments(self, settings: EngineSettings) -> EngineArgs:
        """Have each prompt go in whole, in one step.

        vLLM draws once per step, and takes the draw back if a prompt went in only in part. On a CPU
        it cannot take a draw back (the generator has no offset), and the engine ends. Also, a seed
        must give the same draws for every batching of prompts.
        """
        arguments = super()._arguments(settings)
        arguments.enable_chunked_prefill = False
        arguments.max_num_batched_tokens = max(
            arguments.max_num_batched_tokens, arguments.max_model_len
        )
        return arguments
