"""Runs a model with transformers, one padded batch at a time.

This engine is the reference, and runs models that vLLM cannot run.
"""

import time

import torch

from rm_ray.engines.config_parts import original_length
from rm_ray.engines.engine import EngineCounts, EngineSettings, Numbers, Prompt
from rm_ray.engines.read_outs import ClassLogits
from rm_ray.engines.transformers_models import load_reader

# The engine holds this many batches of prompts, so that it can run prompts of like length together.
BATCHES_AHEAD = 16


class TransformersEngine:
    """TransformersEngine runs one model without a prefix cache: every prompt pays for all tokens.

    A batch takes prompts, longest first, until `engine.max_batch_tokens` is full, padding included.
    So prompts of like length share a batch, and padding costs little. A prompt's numbers never
    depend on other prompts of its batch: padding is masked, and prompts on either side of a
    `longrope` model's original length go into different batches. A checkpoint's own code may find
    the last token in ways of its own, so its batches hold prompts of one length, without padding;
    if the model has no padding token, such code often takes one prompt at a time only.
    """

    def __init__(self, settings: EngineSettings) -> None:
        if not settings.on_gpu:
            torch.set_num_threads(settings.threads)
        self.counts = EngineCounts()
        read_out, pads = settings.read_out, settings.model.config.get("pad_token_id") is not None
        self._own_code = isinstance(read_out, ClassLogits) and read_out.own_code
        self._most = settings.batch_windows if pads or not self._own_code else 1
        self._tokens = settings.config.max_batch_tokens
        self._room = settings.config.in_flight or BATCHES_AHEAD * settings.batch_windows
        self._waiting: dict[int, Prompt] = {}
        self._device = torch.device("cuda" if settings.on_gpu else "cpu")
        self._original = original_length(settings.model.config)
        self._read = load_reader(settings, self._device)

    @property
    def has_room(self) -> bool:
        """Return True if fewer prompts wait than the limit."""
        return len(self._waiting) < self._room

    def add(self, key: int, prompt: Prompt) -> None:
        """Put a prompt among the waiting prompts."""
        self._waiting[key] = prompt
        self.counts.prompts += 1
        self.counts.prompt_tokens += len(prompt)

    def step(self) -> list[tuple[int, Numbers]]:
        """Run a batch, and return the key and numbers of each of its prompts."""
        batch = self._next_batch()
        began = time.perf_counter()
        numbers = self._forward(list(batch.values()))
        seconds = time.perf_counter() - began
        self.counts.step_seconds += seconds
        self.counts.model_seconds += seconds
        self.counts.forwarded_tokens += sum(map(len, batch.values()))
        return list(zip(batch, numbers, strict=True))

    def _next_batch(self) -> dict[int, Prompt]:
        ordered = sorted(self._waiting, key=lambda key: len(self._waiting[key]), reverse=True)
        longest = len(self._waiting[ordered[0]])
        count = max(1, min(self._most, self._tokens // longest))
        kind = self._kind(longest)
        return {
            key: self._waiting.pop(key)
            for key in ordered[:count]
            if self._kind(len(self._waiting[key])) == kind
        }

    def _kind(self, length: int) -> int:
        """Return a number that is the same for lengths of prompts that may share a batch."""
        if self._own_code:
            return length
        return int(self._original is not None and length > self._original)

    def _forward(self, batch: list[Prompt]) -> Numbers:
        # padding on the right leaves positions unchanged
        longest = max(len(prompt) for prompt in batch)
        ids = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, prompt in enumerate(batch):
            ids[row, : len(prompt)] = torch.from_numpy(prompt)
        lengths = torch.tensor([len(prompt) for prompt in batch])
        with torch.inference_mode():
            read = self._read(ids.to(self._device), lengths.to(self._device))
        numbers: Numbers = read.float().cpu().numpy()
        return numbers
