"""Puts values into a tree of sections by dotted keys, and takes them out."""

from collections.abc import Sequence
from typing import Any


def assign(tree: dict[str, Any], key: str, value: Any) -> None:
    """Put a value into a tree of sections, and create missing sections."""
    *sections, name = key.split(".")
    for section in sections:
        if not isinstance(tree.get(section), dict):
            tree[section] = {}
        tree = tree[section]
    tree[name] = value


def overlay(
    tree: dict[str, Any], given: dict[str, Any], alternatives: Sequence[list[list[str]]]
) -> None:
    """Put values by key into a tree, and remove the keys that they are alternatives to."""
    for groups in alternatives:
        named = [group for group in groups if any(given.get(key) is not None for key in group)]
        for key in [key for group in groups if named and group not in named for key in group]:
            _remove(tree, key)
    for key, value in given.items():
        assign(tree, key, value)


def without_named(
    given: dict[str, Any], tree: dict[str, Any], alternatives: Sequence[list[list[str]]]
) -> dict[str, Any]:
    """Drop the values of each group of alternatives from which the tree has a key already."""
    named = dict(given)
    for group in (group for groups in alternatives for group in groups):
        if any(_has(tree, key) for key in group):
            named = {key: value for key, value in named.items() if key not in group}
    return named


def value_at(tree: dict[str, Any], key: str) -> Any:
    """Return the value of a key, which the tree must have."""
    for name in key.split("."):
        tree = tree[name]
    return tree


def _has(tree: dict[str, Any], key: str) -> bool:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.get(section) or {}
    return tree.get(name) is not None


def _remove(tree: dict[str, Any], key: str) -> None:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.get(section) or {}
    tree.pop(name, None)
