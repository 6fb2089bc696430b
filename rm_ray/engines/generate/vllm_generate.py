"""vLLM draws tokens: each prompt with a temperature, a seed and a length of its own."""

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

# What is added to the logit of a token that is not to be drawn; the most that vLLM takes.
NEVER = -100.0


@dataclass
class _InFlight:
    """One prompt's answer so far."""

    key: int
    tokens: list[int] = field(default_factory=list)


class VllmGenerator(VllmEngine):
    """One vLLM engine that goes on with prompts. `step` and `add` are those of a `Generator`."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._answers: dict[str, _InFlight] = {}

    @property
    def has_room(self) -> bool:
        """Whether fewer prompts are in flight than may be."""
        return len(self._answers) < self._in_flight

    def add(self, key: int, prompt: Prompt, sampling: Sampling) -> None:  # type: ignore[override]
        """Hand a prompt to vLLM's scheduler."""
        request = copy(self._template if sampling.stops else self._endless)
        params = copy(request.sampling_params)
        # `copy` takes what is cached of the template along
        vars(params).pop("sampling_type", None)
        params.temperature = sampling.temperature
        params.seed = sampling.seed
        params.max_tokens = sampling.most
        request.sampling_params = params
        # no name twice: to vLLM a name is one request for good
        request.request_id = request.external_req_id = str(self.counts.prompts)
        request.prompt_token_ids = prompt.tolist()
        self._answers[request.request_id] = _InFlight(key)
        self._core.add_request(request)
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self) -> list[tuple[int, Drawn]]:  # type: ignore[override]
        """One step of the scheduler and the model: the answers that have ended with it."""
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
        self, read_out: DrawnTokens, bias: dict[int, float], **more: object
    ) -> EngineCoreRequest:
        return self._request(
            SamplingParams(
                temperature=1.0,
                seed=0,
                max_tokens=read_out.answer_tokens,
                logit_bias=bias or None,
                detokenize=False,
                # what ends an answer is said in stop_token_ids
                ignore_eos=True,
                output_kind=RequestOutputKind.FINAL_ONLY,
                **more,
            )
        )

    def _arguments(self, settings: EngineSettings) -> EngineArgs:
        """A prompt goes in whole, in one step.

        vLLM draws once for each step, and takes a draw back where a prompt went in only in part.
        That it cannot do on a CPU (the generator there has no offset), where the engine ends; and
        a seed is to give the same draws however prompts are batched.
        """
        arguments = super()._arguments(settings)
        arguments.enable_chunked_prefill = False
        arguments.max_num_batched_tokens = max(
            arguments.max_num_batched_tokens, arguments.max_model_len
        )
        return arguments
