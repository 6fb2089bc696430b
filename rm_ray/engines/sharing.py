"""This module predicts how many tokens an engine forwards for prompts that begin alike.

The rule was read from vLLM 0.32 (vllm/v1/core: single_type_kv_cache_manager and
kv_cache_coordinator), and the tests measure it.

- A layer with full attention keeps every whole block of a prompt, and later prompts share them all.
- A layer whose attention slides over W tokens needs the last ceil((W - 1) / block) blocks before
  the token at which a later prompt continues. vLLM keeps only that many blocks before the end of
  each prompt (`prefix_cache_retention_interval` is 0 by default). A judge's prompts end with
  markers, so some of the kept blocks match no other prompt.
- A model with both kinds of layers continues at the last token that suits both. If only the full
  attention could continue later, vLLM remembers that token and keeps the blocks before it too.
- A layer with a state, such as Mamba's, needs the one block that ends at that token. This was
  measured with Qwen3-Next.
"""

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rm_ray.engines.engine import BLOCK_STEP, EngineSettings

# The kinds of layers that have keys and values; all others have a state.
ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}
# A layer with a state needs one block, as a window of two tokens does.
STATE_WINDOW = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """Describes one prompt to a prefix cache."""

    start: int
    """Prompts with the same number begin with the same text."""
    shared: int
    """The prompt begins with this many tokens of that text."""
    tokens: int
    """The whole prompt has this many tokens."""


class Sharing(Protocol):
    """Says how many tokens an engine forwards for prompts that begin alike."""

    @property
    def reason(self) -> str:
        """Says why more than the exact minimum is forwarded; empty if it never is."""

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Count the tokens that the engine forwards for one document.

        The count is exact while the cache is not full and the prompts go in one after the other.

        Args:
            asked: the document's prompts, in order.
            minimum: the fewest tokens that any engine can forward for them.
        """


@dataclass(frozen=True)
class SharesAll:
    """The engine forwards nothing twice."""

    reason: str = ""
    """Nothing needs a reason."""

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Return the exact minimum."""
        del asked
        return minimum


@dataclass(frozen=True)
class SharesNothing:
    """The engine forwards all tokens of every prompt."""

    reason: str
    """Says why the engine keeps nothing."""

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Add up the tokens of all prompts."""
        del minimum
        return sum(prompt.tokens for prompt in asked)


@dataclass(frozen=True)
class SharesWindow:
    """vLLM keeps only the last blocks before certain tokens of a prompt."""

    window: int
    """The attention slides over this many tokens."""
    beside_full: bool
    """True if the model has layers with full attention too."""
    block: int
    """A block of the layers with the window holds this many tokens."""
    step: int
    """A prompt continues at a multiple of this, since blocks of all layers end there."""
    reason: str
    """Says why vLLM keeps less than the whole prefix."""

    @property
    def blocks_needed(self) -> int:
        """A prompt needs this many blocks in a row before the token at which it continues."""
        return max(1, math.ceil((self.window - 1) / self.block))

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Count the tokens that vLLM does not find in its cache."""
        del minimum
        total = 0
        seen: dict[int, int] = defaultdict(int)  # longest beginning so far, by text
        kept: dict[int, set[int]] = defaultdict(set)  # numbers of the blocks in the cache, by text
        for prompt in asked:
            known = self._down(min(seen[prompt.start], prompt.shared, prompt.tokens - 1))
            found = self._found(kept[prompt.start], known)
            kept[prompt.start].update(self._kept_of(prompt, known, found))
            seen[prompt.start] = max(seen[prompt.start], prompt.shared)
            total += prompt.tokens - found
        return total

    def _kept_of(self, prompt: Asked, known: int, found: int) -> Iterator[int]:
        """List the blocks of the shared text that vLLM keeps of a prompt continued at `found`."""
        ends = [self._down(prompt.tokens - 1)]
        if self.beside_full and found < known:
            ends.append(known)
        for end in (end // self.block for end in ends):
            first = max(end - self.blocks_needed, found // self.block)
            yield from range(first, min(end, prompt.shared // self.block))

    def _found(self, kept: Container[int], known: int) -> int:
        """Find the last of the first `known` tokens at which a prompt can continue."""
        run = 0
        for block in reversed(range(known // self.block)):
            if block not in kept:
                run = 0
            elif run or (block + 1) * self.block % self.step == 0:
                run += 1
                if run == self.blocks_needed:
                    return (block + run) * self.block
        return self._down(run * self.block)  # fewer blocks will do at the start of a text

    def _down(self, tokens: int) -> int:
        return tokens // self.step * self.step


def sharing_of(settings: EngineSettings) -> Sharing:
    """Tell what this engine keeps for this model; an engine of one's own is taken to keep all."""
    if settings.config.name == "transformers":
        return SharesNothing(
            "the transformers engine keeps nothing of a prompt, and each pays for all its tokens"
        )
    if settings.config.name != "vllm":
        return SharesAll()
    text = settings.model.config.get("text_config") or settings.model.config
    return _in_vllm(text, settings)


def _in_vllm(text: Mapping[str, Any], settings: EngineSettings) -> Sharing:
    kinds, block = _kinds(text), settings.block_size
    if _has_states(text, kinds):
        if not text.get("num_attention_heads"):
            return SharesNothing("this model has no attention, and vLLM keeps nothing of a prompt")
        reason = "some of this model's layers have a state, of which vLLM keeps less"
        return SharesWindow(STATE_WINDOW, True, block, block, reason)
    window = text.get("sliding_window")
    if not window or (kinds and "sliding_attention" not in kinds):
        return SharesAll()
    window += text.get("model_type") == "cohere2"  # it does not count the token itself
    beside_full = bool(kinds - {"sliding_attention"})
    full, sliding = _blocks(text, settings) if beside_full else (block, block)
    step = math.lcm(full, sliding)
    reason = f"this model's attention slides over {window} tokens, and vLLM keeps less of a prefix"
    if step > block:
        reason = f"this model's layers differ, and vLLM shares prefixes in steps of {step} tokens"
        if block > BLOCK_STEP["gpu" if settings.on_gpu else "cpu"]:
            reason += "; a smaller --engine.block_size shares more"
    return SharesWindow(window, beside_full, sliding, step, reason)


def _kinds(text: Mapping[str, Any]) -> set[str]:
    """Collect the kinds of layers that the configuration names; it may name none."""
    return set(text.get("layer_types") or ())


def _has_states(text: Mapping[str, Any], kinds: set[str]) -> bool:
    """Tell whether some layers keep a state in place of keys and values."""
    if kinds:
        return not kinds <= ATTENTION
    return "state_size" in text or any(key.startswith("mamba_") for key in text)


def _blocks(text: Mapping[str, Any], settings: EngineSettings) -> tuple[int, int]:
    """Compute how many tokens a block of full attention and one of sliding attention hold.

    vLLM gives all blocks the same number of bytes. A block holds more tokens if a token takes
    fewer bytes in its layer, and the sizes divide evenly.
    """
    sizes: dict[str, int] = {}
    own = {int(layer): said for layer, said in (text.get("per_layer_config") or {}).items()}
    for layer, kind in enumerate(text["layer_types"]):
        sizes[kind] = _size(own.get(layer, {}), text, settings.processes)
    largest = max(sizes.values())
    block = settings.block_size
    grown = {
        kind: block * (largest // size) if largest % size == 0 else block
        for kind, size in sizes.items()
    }
    return grown.get("full_attention", block), grown["sliding_attention"]


def _size(layer: Mapping[str, Any], text: Mapping[str, Any], processes: int) -> int:
    """Compute the length of one token's key, over all heads of a layer in one process."""

    def said(name: str) -> int:
        return int(layer.get(name) or text.get(name) or 0)

    heads = said("num_key_value_heads") or said("num_attention_heads") or 1
    width = said("head_dim") or said("hidden_size") // max(1, said("num_attention_heads")) or 1
    return max(1, heads // processes) * width
