"""Finds models that rotate positions in another way in prompts longer than in their training.

`longrope` (Phi-3, Phi-4-mini, MiniCPM and others) has two sets of factors. transformers takes the
long factors for a whole batch as soon as its longest prompt passes the original length, so a short
prompt beside a long one would be judged with the long factors.
"""

from collections.abc import Iterator, Mapping
from typing import Any


def original_length(config: Mapping[str, Any]) -> int | None:
    """Return the tokens of the longest prompt with short factors; None without longrope."""
    lengths = [
        int(rope["original_max_position_embeddings"])
        for rope in _mappings(config)
        if rope.get("rope_type") == "longrope" and rope.get("original_max_position_embeddings")
    ]
    return min(lengths, default=None)


def _mappings(config: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the configuration and every mapping within it."""
    if isinstance(config, Mapping):
        yield config
        for value in config.values():
            yield from _mappings(value)
