"""Reads an option's text as a value of its key's type, and names the types of keys."""

import types
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from rm_ray.command_line.yaml_text import read_yaml
from rm_ray.errors import ConfigError

_NAMES = {"str": "text", "bool": "true | false", "int": "whole number", "float": "number"}


def parse_value(key: str, text: str, annotation: Any) -> Any:
    """Read an option's text: it stays text for a key of text, and is YAML for all other keys.

    Args:
        key: the option's key, for the error.
        text: the option's text.
        annotation: the type of the key.

    Raises:
        ConfigError: the text is not valid YAML.
    """
    kinds = _alternatives(annotation)
    if type(None) in kinds and text.lower() in ("null", "none"):
        return None
    wants_list = any(get_origin(kind) is list for kind in kinds)
    if wants_list and not text.lstrip().startswith("["):
        items = [item.strip() for item in text.split(",")]
        return items[0] if str in kinds and len(items) == 1 else items
    if str in kinds and not wants_list:
        return text
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        why = getattr(error, "problem", None) or "it is not valid YAML"
        raise ConfigError(f"--{key}: cannot read the value {text!r}: {why}") from None


def type_name(annotation: Any) -> str:
    """Name in a few words the values that a user may type for a key."""
    names, kinds = [], _alternatives(annotation)
    for kind in kinds:
        if kind is int and float in kinds:
            continue  # a number may be whole
        if get_origin(kind) is list:
            names.append('list (a,b or ["a", "b,c"])')
        elif get_origin(kind) is dict:
            names.append(_dict_name(get_args(kind)[1]))
        elif str(get_origin(kind)) == "typing.Literal":
            names.append(" | ".join(get_args(kind)))
        elif kind is not type(None):
            names.append(_NAMES.get(kind.__name__, kind.__name__))
    return " | ".join(dict.fromkeys(names))


def default_name(field: FieldInfo) -> str:
    """Return the default of a key, written as in YAML. The key must have a default."""
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _alternatives(part)]
    if hasattr(annotation, "__metadata__"):  # Annotated[str, ...]
        return _alternatives(annotation.__origin__)
    return [annotation]


def _dict_name(value: Any) -> str:
    """Name the type of a dict of values per group; a number may stand for all groups."""
    if value is float:
        return "{name: number}"
    return "number | {group: number}" if value is Decimal else "{group: text}"
