"""Reads the parts of a model's config.json: a model of several parts nests their configurations."""

from collections.abc import Iterator, Mapping
from typing import Any


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration of the language model, which may be the whole."""
    part: Mapping[str, Any] = config.get("text_config") or config
    return part


def parts_of(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the configuration and every mapping within it."""
    yield config
    for value in config.values():
        if isinstance(value, Mapping):
            yield from parts_of(value)


def original_length(config: Mapping[str, Any]) -> int | None:
    """Return the tokens of the longest prompt with short factors; None without longrope.

    `longrope` (Phi-3, Phi-4-mini, MiniCPM and others) has two sets of factors. transformers takes
    the long factors for a whole batch as soon as its longest prompt passes the original length, so
    a short prompt beside a long one would be judged with the long factors.
    """
    lengths = [
        int(rope["original_max_position_embeddings"])
        for rope in parts_of(config)
        if rope.get("rope_type") == "longrope" and rope.get("original_max_position_embeddings")
    ]
    return min(lengths, default=None)
