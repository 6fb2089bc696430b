"""QRM as an architecture of vLLM: a Llama whose pooler reads two positions of a prompt.

A prompt may go through the model in several steps. When its gate's position is among a step's
tokens, that hidden state is kept with the request; at its last token the heads run.
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
    """Make the architecture known to this process's vLLM, with these heads; its name."""
    ModelRegistry.register_model(NAME, type(NAME, (QuantileLlama,), {"heads": heads}))
    return NAME


class QuantileLlama(nn.Module):  # type: ignore[misc]
    """A Llama with QRM's heads. `heads`: set by `register`."""

    is_pooling_model = True
    heads: QuantileHeads

    def __init__(self, *, vllm_config: VllmConfig, prefix: str = "") -> None:
        super().__init__()
        self.model = LlamaModel(vllm_config=vllm_config, prefix=maybe_prefix(prefix, "model"))
        add_heads(self, vllm_config.model_config.hf_config.hidden_size, self.heads)
        self.pooler = QuantilePooler(self)

    def embed_input_ids(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Called by vLLM."""
        return self.model.embed_input_ids(input_ids)

    def forward(
        self,
        input_ids: torch.Tensor | None,
        positions: torch.Tensor,
        intermediate_tensors: IntermediateTensors | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> Any:
        """Hidden states of this step's tokens."""
        return self.model(input_ids, positions, intermediate_tensors, inputs_embeds)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """The names are the checkpoint's, batch norms' buffers among them."""
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
    """Reads the last token's hidden state, and that where the last header begins."""

    def __init__(self, model: QuantileLlama) -> None:
        super().__init__()
        self._model = [model]  # in a list: it is no part of the pooler
        # among ids that stay on the CPU, whatever the model is built on
        self._header = torch.tensor(model.heads.header, device="cpu")

    def get_supported_tasks(self) -> Set[PoolingTask]:
        """Called by vLLM."""
        return {"classify"}

    def get_pooling_updates(self, task: PoolingTask) -> PoolingParamsUpdate:
        """The header is looked for among the prompt's token ids."""
        del task
        return PoolingParamsUpdate(requires_token_ids=True)

    def forward(
        self, hidden_states: torch.Tensor, pooling_metadata: PoolingMetadata
    ) -> PoolerOutput:
        """A row of numbers for each prompt that has ended, None for the others."""
        cursor = pooling_metadata.get_pooling_cursor()
        firsts = cursor.first_token_indices_gpu.tolist()
        counts = cursor.num_scheduled_tokens_cpu.tolist()
        starts = (cursor.seq_lens_cpu - cursor.num_scheduled_tokens_cpu).tolist()
        states = pooling_metadata.pooling_states
        finished = cursor.get_finished_mask()
        for i, ids in enumerate(pooling_metadata.get_prompt_token_ids_cpu()):
            place = self._last_start(ids) - starts[i]
            if 0 <= place < counts[i]:
                # overwritten: a request that was preempted starts again
                states[i].hidden_states_cache[:] = [hidden_states[firsts[i] + place].clone()]
        rows: list[torch.Tensor | None] = [None] * len(finished)
        done = [i for i, ended in enumerate(finished) if ended]
        if not done:
            return rows
        last = hidden_states[cursor.last_token_indices_gpu[done]]
        # vLLM warms up with prompts without a header; a judge asks about none
        nothing = torch.full_like(last[0], float("nan"))
        gates = [(states[i].hidden_states_cache or [nothing])[0] for i in done]
        found = numbers(self._model[0], self._model[0].heads, last, torch.stack(gates))
        for i, row in zip(done, found, strict=True):
            rows[i] = row
            states[i].clean()
        return rows

    def _last_start(self, ids: torch.Tensor) -> int:
        """Where the last header begins; -1 if there is none."""
        if len(ids) < len(self._header):
            return -1
        same = (ids.unfold(0, len(self._header), 1) == self._header).all(dim=1).nonzero()
        return int(same[-1]) if len(same) else -1
