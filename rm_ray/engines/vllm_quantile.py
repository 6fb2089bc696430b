"""Adds QRM to vLLM as an architecture: a Llama with a pooler that reads two positions of a prompt.

A prompt may go through the model in several steps. When the gate's position is among a step's
tokens, its hidden state is kept with the request. The heads run at the prompt's last token.
"""

from collections.abc import Iterable, Set
from typing import Any

import torch
from torch import nn
from vllm import ModelRegistry
from vllm.config import VllmConfig
from vllm.model_executor.layers.pooler import Pooler, PoolingParamsUpdate
from vllm.model_executor.models.llama import LlamaModel
from vllm.model_executor.models.utils import AutoWeightsLoader, maybe_prefix
from vllm.sequence import IntermediateTensors
from vllm.tasks import PoolingTask
from vllm.v1.outputs import PoolerOutput
from vllm.v1.pool.metadata import PoolingMetadata

from rm_ray.engines.quantile_heads import add_heads, numbers
from rm_ray.engines.read_outs import QuantileHeads

# vLLM takes names that end in Model, or RewardModel, for embeddings.
NAME = "RmRayQuantileLlama"


def register(heads: QuantileHeads) -> str:
    """Register the architecture with these heads in this process's vLLM, and return its name."""
    ModelRegistry.register_model(NAME, type(NAME, (QuantileLlama,), {"heads": heads}))
    return NAME


class QuantileLlama(nn.Module):  # type: ignore[misc]
    """QuantileLlama is a Llama with QRM's heads."""

    is_pooling_model = True
    """Read by vLLM."""
    heads: QuantileHeads
    """Sizes of the heads; set by `register`."""

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        self.model = LlamaModel(vllm_config=vllm_config, prefix=maybe_prefix(prefix, "model"))
        add_heads(self, vllm_config.model_config.hf_config.hidden_size, self.heads)
        self.pooler = QuantilePooler(self)

    def embed_input_ids(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of token ids; vLLM calls this."""
        return self.model.embed_input_ids(input_ids)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> Any:
        """Return the hidden states of this step's tokens."""
        return self.model(input_ids, positions, intermediate_tensors, inputs_embeds)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load weights under the checkpoint's names, with the batch norms' buffers.

        Returns the names that were loaded.
        """
        buffers = dict(self.named_buffers())
        loaded: set[str] = set()

        def parameters() -> Iterable[tuple[str, torch.Tensor]]:
            for name, weight in weights:
                if name.startswith("gating.") and name in buffers:
                    buffers[name].copy_(weight)
                    loaded.add(name)
                else:
                    yield name, weight

        return set(AutoWeightsLoader(self).load_weights(parameters())) | loaded


class QuantilePooler(Pooler):  # type: ignore[misc]
    """Reads the hidden states of the last token and of the last header's first token."""

    def __init__(self, model: QuantileLlama) -> None:
        super().__init__()
        self._model = [model]  # the list keeps torch from making it a part of the pooler
        # compared with token ids, which stay on the CPU
        self._header = torch.tensor(model.heads.header, device="cpu")

    def get_supported_tasks(self) -> Set[PoolingTask]:
        """Return the only supported task; vLLM calls this."""
        return {"classify"}

    def get_pooling_updates(self, task: PoolingTask) -> PoolingParamsUpdate:
        """Ask vLLM for the prompt's token ids, to find the header in them."""
        del task
        return PoolingParamsUpdate(requires_token_ids=True)

    def forward(
        self, hidden_states: torch.Tensor, pooling_metadata: PoolingMetadata
    ) -> PoolerOutput:
        """Return a row of numbers for each prompt that has ended, None for the others."""
        cursor = pooling_metadata.get_pooling_cursor()
        firsts = cursor.first_token_indices_gpu.tolist()
        counts = cursor.num_scheduled_tokens_cpu.tolist()
        starts = (cursor.seq_lens_cpu - cursor.num_scheduled_tokens_cpu).tolist()
        states = pooling_metadata.pooling_states
        finished = cursor.get_finished_mask()
        for i, ids in enumerate(pooling_metadata.get_prompt_token_ids_cpu()):
            place = self._last_start(ids) - starts[i]
            if 0 <= place < counts[i]:
                # overwrite, since a preempted request starts again
                states[i].hidden_states_cache[:] = [hidden_states[firsts[i] + place].clone()]
        rows: list[torch.Tensor | None] = [None] * len(finished)
        done = [i for i, ended in enumerate(finished) if ended]
        if not done:
            return rows
        last = hidden_states[cursor.last_token_indices_gpu[done]]
        # vLLM warms up with prompts without a header; a judge never sends one
        nothing = torch.full_like(last[0], float("nan"))
        gates = [(states[i].hidden_states_cache or [nothing])[0] for i in done]
        read = numbers(self._model[0], self._model[0].heads, last, torch.stack(gates))
        for i, row in zip(done, read, strict=True):
            rows[i] = row
            states[i].clean()
        return rows

    def _last_start(self, ids: torch.Tensor) -> int:
        """Return the position of the last header's first token; -1 if there is no header."""
        if len(ids) < len(self._header):
            return -1
        same = (ids.unfold(0, len(self._header), 1) == self._header).all(dim=1).nonzero()
        return int(same[-1]) if len(same) else -1
