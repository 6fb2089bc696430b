"""Transformers, one padded batch at a time: the slow reference that parity is measured against."""

import time

import torch
from transformers import AutoModelForCausalLM

from rm_ray.engines.engine import EngineCounts, EngineSettings, Numbers, Prompt

BATCH_WINDOWS = 16


class TransformersEngine:
    """One model, without a prefix cache: every window pays for its whole prompt."""

    def __init__(self, settings: EngineSettings) -> None:
        if not settings.on_gpu:
            torch.set_num_threads(settings.threads)
        self.counts = EngineCounts()
        self._batch: dict[int, Prompt] = {}
        self._device = "cuda" if settings.on_gpu else "cpu"
        model = AutoModelForCausalLM.from_pretrained(
            settings.model.name,
            revision=settings.model.revision,
            dtype=getattr(torch, settings.dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
        self._body = model.base_model.to(self._device).eval()
        head = model.get_output_embeddings().weight[list(settings.read_out.token_ids)]
        self._head = head.detach().float().to(self._device)

    @property
    def has_room(self) -> bool:
        """Whether the next batch is not full."""
        return len(self._batch) < BATCH_WINDOWS

    def add(self, key: int, prompt: Prompt) -> None:
        """Put a prompt into the next batch."""
        self._batch[key] = prompt
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self) -> list[tuple[int, Numbers]]:
        """Run the batch: logits [labels] of each of its prompts."""
        batch, self._batch = self._batch, {}
        began = time.perf_counter()
        logits = self._forward(list(batch.values()))
        seconds = time.perf_counter() - began
        self.counts.step_seconds += seconds
        self.counts.model_seconds += seconds
        self.counts.forwarded_tokens += sum(map(len, batch.values()))
        return list(zip(batch, logits, strict=True))

    def _forward(self, batch: list[Prompt]) -> Numbers:
        # padded on the right: causal attention never sees it, and positions stay as they are
        longest = max(len(prompt) for prompt in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, prompt in enumerate(batch):
            ids[row, : len(prompt)] = torch.from_numpy(prompt)
        last = torch.tensor([len(prompt) - 1 for prompt in batch])
        with torch.inference_mode():
            hidden = self._body(ids.to(self._device)).last_hidden_state
        read = hidden[torch.arange(len(batch)), last.to(self._device)].float()
        logits: Numbers = (read @ self._head.T).cpu().numpy()
        return logits
