"""Transformers, one padded batch at a time: the slow reference that parity is measured against."""

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM

from rm_ray.engines import EngineCounts, EngineSettings, Prompts

BATCH_WINDOWS = 16


class TransformersEngine:
    """One model, without a prefix cache: every window pays for its whole prompt."""

    def __init__(self, settings: EngineSettings) -> None:
        if not settings.on_gpu:
            torch.set_num_threads(settings.threads)
        self.counts = EngineCounts()
        self._device = "cuda" if settings.on_gpu else "cpu"
        model = AutoModelForCausalLM.from_pretrained(
            settings.model.name,
            revision=settings.model.revision,
            dtype=getattr(torch, settings.dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
        self._body = model.base_model.to(self._device).eval()
        head = model.get_output_embeddings()
        self._head = head.weight[list(settings.label_ids)].detach().float().to(self._device)

    def score(self, prompts: Prompts) -> Iterator[npt.NDArray[np.float32]]:
        """Logits [labels] for each prompt, in order; float32."""
        source = iter(prompts)
        while batch := _batch(source):
            began = time.perf_counter()
            logits = self._forward(batch)
            seconds = time.perf_counter() - began
            self.counts.step_seconds += seconds
            self.counts.model_seconds += seconds
            self.counts.windows += len(batch)
            tokens = sum(len(prompt) for prompt in batch)
            self.counts.prompt_tokens += tokens
            self.counts.forwarded_tokens += tokens
            yield from logits

    def _forward(self, batch: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
        # padded on the right: causal attention never sees it, and positions stay as they are
        longest = max(len(prompt) for prompt in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, prompt in enumerate(batch):
            ids[row, : len(prompt)] = torch.from_numpy(prompt)
        last = torch.tensor([len(prompt) - 1 for prompt in batch])
        with torch.inference_mode():
            hidden = self._body(ids.to(self._device)).last_hidden_state
        read = hidden[torch.arange(len(batch)), last.to(self._device)].float()
        logits: npt.NDArray[np.float32] = (read @ self._head.T).cpu().numpy()
        return logits


def _batch(source: Iterator[npt.NDArray[np.int32] | None]) -> list[npt.NDArray[np.int32]]:
    batch: list[npt.NDArray[np.int32]] = []
    for prompt in source:
        if prompt is None:
            return batch  # what comes next depends on these
        batch.append(prompt)
        if len(batch) == BATCH_WINDOWS:
            break
    return batch
