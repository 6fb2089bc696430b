"""Lists the keys and the sections of a configuration, by dotted names."""

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo


def dotted_fields(schema: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every leaf key of a configuration with its field, in the order written.

    A section of several kinds has the keys of all of them; what the first one says of a key stands.
    """
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        if not kinds:
            yield f"{prefix}{name}", field
        found: dict[str, FieldInfo] = {}
        for kind in kinds.values():
            for key, one in dotted_fields(kind, f"{prefix}{name}."):
                found.setdefault(key, one)
        yield from found.items()


def section_kinds(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The kinds of section that a field may be, by their tags; one without a tag, mostly.

    Empty where it is no section.
    """
    found = {}
    several = get_origin(field.annotation) in (Union, types.UnionType)
    for kind in get_args(field.annotation) if several else (field.annotation,):
        tags = [one.tag for one in getattr(kind, "__metadata__", ()) if isinstance(one, Tag)]
        kind = kind.__origin__ if tags else kind
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found[tags[0].strip("[]") if tags else ""] = kind
    return found


def dotted_sections(schema: type[BaseModel], prefix: str = "") -> dict[str, FieldInfo]:
    """Every section of a configuration by its name, in the order written, outer ones first."""
    found: dict[str, FieldInfo] = {}
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        if kinds:
            found[f"{prefix}{name}"] = field
        for kind in kinds.values():
            for inner, one in dotted_sections(kind, f"{prefix}{name}.").items():
                found.setdefault(inner, one)
    return found


def common_kind(field: FieldInfo) -> type[BaseModel]:
    """The nearest class that every kind of a section is of; the section's own, mostly."""
    kinds = list(section_kinds(field).values())
    return next(one for one in kinds[0].__mro__ if all(issubclass(kind, one) for kind in kinds))


def kinds_of_keys(schema: type[BaseModel]) -> dict[str, list[str]]:
    """The kinds that have a key, where a section is of several and not all of them have it."""
    found: dict[str, list[str]] = {}
    for name, field in schema.model_fields.items():
        kinds = section_kinds(field)
        owners: dict[str, list[str]] = {}
        for tag, kind in kinds.items():
            for key, _ in dotted_fields(kind, f"{name}."):
                owners.setdefault(key, []).append(tag)
        found |= {key: tags for key, tags in owners.items() if len(tags) < len(kinds)}
    return found


def switches(schema: type[BaseModel]) -> list[str]:
    """The keys that are true or false."""
    return [key for key, field in dotted_fields(schema) if field.annotation is bool]


def alternative_keys(schema: type[BaseModel], prefix: str = "") -> Iterator[list[list[str]]]:
    """Groups of keys of which a configuration has one, as their sections say (`alternatives`)."""
    for name, field in schema.model_fields.items():
        for kind in section_kinds(field).values():
            if groups := getattr(kind, "alternatives", None):
                yield [[f"{prefix}{name}.{key}" for key in group] for group in groups]
            yield from alternative_keys(kind, f"{prefix}{name}.")


def leaf_keys(tree: dict[str, Any], fields: dict[str, FieldInfo], prefix: str = "") -> list[str]:
    """The keys that have a value in a tree of sections; a section that is null has none."""
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
    """Whether other keys are in this one."""
    return key not in fields and any(known.startswith(f"{key}.") for known in fields)
