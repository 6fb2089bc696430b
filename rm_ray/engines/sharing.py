"""This module predicts how many tokens an engine forwards for prompts that begin alike.

The rule was read from vLLM 0.32 (vllm/v1/core: single_type_kv_cache_manager and
kv_cache_coordinator), and the tests measure it, but for states. The engine here has vLLM keep every
whole block of a prompt (`prefix_cache_retention_interval` None).

- A layer with full attention shares all of a prompt's whole blocks with later prompts. So does a
  layer with sliding attention: it needs only the last blocks before the token at which a later
  prompt continues, and vLLM keeps these blocks.
- A prompt continues only after a token at which blocks of all layers end. Blocks differ in length
  if a token takes more bytes in some layers.
- A layer with a state, such as Mamba's, keeps the state at only two ends of blocks of a prompt: the
  last before the prompt's last token, and the last that the prompt shares with an earlier one. It
  also keeps one wherever a step ends inside a prompt, for want of room, and later prompts may
  continue there. So the count is exact while prompts fit into their steps, and an upper bound where
  they do not: both were measured with Qwen3-Next.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rm_ray.engines.config_parts import text_part
from rm_ray.engines.engine import BLOCK_STEP, EngineSettings

# The kinds of layers that have keys and values; all others have a state.
ATTENTION = {"full_attention", "sliding_attention", "chunked_attention"}


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
class SharesSteps:
    """vLLM keeps every block, and a prompt continues where blocks of all layers end."""

    step: int
    """A prompt continues at a multiple of this many tokens."""
    reason: str
    """Says why such steps are larger than a block."""

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Count the tokens after the last whole step that an earlier prompt begins with too."""
        del minimum
        total = 0
        seen: dict[int, int] = defaultdict(int)  # longest beginning so far, by text
        for prompt in asked:
            total += prompt.tokens - _known(prompt, seen[prompt.start], self.step)
            seen[prompt.start] = max(seen[prompt.start], prompt.shared)
        return total


@dataclass(frozen=True)
class SharesStates:
    """vLLM keeps the state at two ends of blocks of a prompt, and prompts continue only there."""

    block: int
    """A state is kept only after a multiple of this many tokens."""
    reason: str
    """Says why vLLM keeps less than the whole prefix."""

    def forwarded(self, asked: Iterable[Asked], minimum: int) -> int:
        """Count the tokens after the last state kept of a beginning; at most, if steps cut it."""
        del minimum
        total = 0
        seen: dict[int, int] = defaultdict(int)  # longest beginning so far, by text
        kept: dict[int, set[int]] = defaultdict(set)  # tokens before the states, by text
        for prompt in asked:
            known = _known(prompt, seen[prompt.start], self.block)
            states = kept[prompt.start]
            total += prompt.tokens - max((end for end in states if end <= known), default=0)
            last = (prompt.tokens - 1) // self.block * self.block
            states.update({known, last} if last <= prompt.shared else {known})
            seen[prompt.start] = max(seen[prompt.start], prompt.shared)
        return total


def _known(prompt: Asked, seen: int, step: int) -> int:
    """Count the tokens in whole steps that a prompt shares with one before it, but for its last."""
    return min(seen, prompt.shared, prompt.tokens - 1) // step * step


def sharing_of(settings: EngineSettings) -> Sharing:
    """Tell what this engine keeps for this model; an engine of one's own is taken to keep all."""
    if settings.config.name == "transformers":
        return SharesNothing(
            "the transformers engine keeps nothing of a prompt, and each pays for all its tokens"
        )
    if settings.config.name != "vllm":
        return SharesAll()
    return _in_vllm(text_part(settings.model.config), settings)


def _in_vllm(text: Mapping[str, Any], settings: EngineSettings) -> Sharing:
    kinds, block = _kinds(text), settings.block_size
    if _has_states(text, kinds):
        if not text.get("num_attention_heads"):
            return SharesNothing("this model has no attention, and vLLM keeps nothing of a prompt")
        reason = "some of this model's layers have a state, of which vLLM keeps less"
        return SharesStates(block, reason)
    slides = text.get("sliding_window") and "sliding_attention" in kinds
    step = _step(text, settings) if slides and len(kinds) > 1 else block
    if step == block:
        return SharesAll()
    reason = f"this model's layers differ, and vLLM shares prefixes in steps of {step} tokens"
    if block > BLOCK_STEP["gpu" if settings.on_gpu else "cpu"]:
        reason += "; a smaller --engine.block_size shares more"
    return SharesSteps(step, reason)


def _kinds(text: Mapping[str, Any]) -> set[str]:
    """Collect the kinds of layers that the configuration names; it may name none."""
    return set(text.get("layer_types") or ())


def _has_states(text: Mapping[str, Any], kinds: set[str]) -> bool:
    """Tell whether some layers keep a state in place of keys and values."""
    if kinds:
        return not kinds <= ATTENTION
    return "state_size" in text or any(key.startswith("mamba_") for key in text)


def _step(text: Mapping[str, Any], settings: EngineSettings) -> int:
    """Compute after how many tokens blocks of all layers end.

    vLLM gives all blocks the same number of bytes. A block holds more tokens if a token takes
    fewer bytes in its layer, and the sizes divide evenly.
    """
    sizes: dict[str, int] = {}
    own = {int(layer): config for layer, config in (text.get("per_layer_config") or {}).items()}
    for layer, kind in enumerate(text["layer_types"]):
        sizes[kind] = _size(own.get(layer, {}), text, settings.processes)
    largest, block = max(sizes.values()), settings.block_size
    grown = (largest // size if largest % size == 0 else 1 for size in sizes.values())
    return block * math.lcm(*grown)


def _size(layer: Mapping[str, Any], text: Mapping[str, Any], processes: int) -> int:
    """Compute the length of one token's key, over all heads of a layer in one process."""

    def value(name: str) -> int:
        return int(layer.get(name) or text.get(name) or 0)

    heads = value("num_key_value_heads") or value("num_attention_heads") or 1
    width = value("head_dim") or value("hidden_size") // max(1, value("num_attention_heads")) or 1
    return max(1, heads // processes) * width
