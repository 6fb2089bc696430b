"""Lists the keys and the sections of a configuration, by dotted names."""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo


def dotted_fields(schema: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield each leaf key of a configuration with its field, in the order of the schema.

    A section of several kinds has the keys of all its kinds. If several kinds have a key, the
    first kind's field counts.
    """
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        if not kinds:
            yield f"{prefix}{name}", field
        fields: dict[str, FieldInfo] = {}
        for kind in kinds.values():
            for key, leaf in dotted_fields(kind, f"{prefix}{name}."):
                fields.setdefault(key, leaf)
        yield from fields.items()


def section_kinds(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """Return the kinds of section that a field may be, by tag. Most have one kind, without a tag.

    The result is empty if the field is no section.
    """
    kinds = {}
    several = get_origin(field.annotation) in (Union, types.UnionType)
    for kind in get_args(field.annotation) if several else (field.annotation,):
        tags = [mark.tag for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, Tag)]
        kind = kind.__origin__ if tags else kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kinds[tags[0].strip("[]") if tags else ""] = kind
    return kinds


def dotted_sections(schema: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Return each section of a configuration by name, in the schema's order, outer ones first."""
    sections: dict[str, FieldInfo] = {}
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        if kinds:
            sections[f"{prefix}{name}"] = field
        for kind in kinds.values():
            for inner, section in dotted_sections(kind, f"{prefix}{name}.").items():
                sections.setdefault(inner, section)
    return sections


def common_kind(field: FieldInfo) -> type[BaseModel]:
    """Return the nearest common class of a section's kinds; mostly the section's own class."""
    kinds = list(section_kinds(field).values())
    return next(base for base in kinds[0].__mro__ if all(issubclass(kind, base) for kind in kinds))


def kinds_of_keys(schema: type[BaseModel]) -> dict[str, list[str]]:
    """Return the kinds that have a key, for each key that only some kinds of its section have."""
    partial: dict[str, list[str]] = {}
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        owners: dict[str, list[str]] = {}
        for tag, kind in kinds.items():
            for key, _ in dotted_fields(kind, f"{name}."):
                owners.setdefault(key, []).append(tag)
        partial |= {key: tags for key, tags in owners.items() if len(tags) < len(kinds)}
    return partial


def switches(schema: type[BaseModel]) -> list[str]:
    """Return the keys that are true or false."""
    return [key for key, field in dotted_fields(schema) if field.annotation is bool]


def alternative_keys(schema: type[BaseModel], prefix: str = "") -> Iterator[list[list[str]]]:
    """Yield each section's `alternatives`: groups of keys; a configuration uses one group."""
    for name, field in schema.model_fields.items():
        for kind in section_kinds(field).values():
            if groups := getattr(kind, "alternatives", None):
                yield [[f"{prefix}{name}.{key}" for key in group] for group in groups]
            yield from alternative_keys(kind, f"{prefix}{name}.")


def leaf_keys(tree: dict[str, Any], fields: dict[str, FieldInfo], prefix: str = "") -> list[str]:
    """Return the keys that have a value in a tree of sections; a null section has no keys."""
    keys = []
    for name, value in tree.items():
        key = f"{prefix}{name}"
        section = is_section(key, fields)
        if section and isinstance(value, dict):
            keys += leaf_keys(value, fields, f"{key}.")
        elif not section or value is not None:
            keys.append(key)
    return keys


def is_section(key: str, fields: dict[str, FieldInfo]) -> bool:
    """Return True if the key is a section, so other keys are in it."""
    return key not in fields and any(known.startswith(f"{key}.") for known in fields)
