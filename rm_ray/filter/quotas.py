"""Quotas by group: one number for all of them, or numbers by value."""

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator

from rm_ray.scored.groups import group_label

# In place of a value: all groups that are not named.
ELSE = "*"


def _quotas(given: Any) -> Any:
    """One number for every group, or numbers by value, as numbers by the group's label."""
    if given is None:
        return None
    said = given if isinstance(given, dict) else {ELSE: given}
    found: dict[str, Decimal] = {}
    for value, number in said.items():
        try:
            quota = Decimal(str(number))
        except InvalidOperation:
            raise ValueError(f"{number!r} is not a number") from None
        if not quota.is_finite() or quota < 0:
            raise ValueError(f"{number!r} is not a number from 0 on")
        label = _label(value)
        if label in found:
            raise ValueError(f"the group {value} has two numbers; give it one")
        found[label] = quota
    if not found:
        raise ValueError("no group has a quota")
    return found


def _label(value: Any) -> str:
    """A value as YAML has it, or a list of them as text, as a group's label."""
    if value == ELSE:
        return ELSE
    listed = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    try:
        return group_label([_as_label(one) for one in (json.loads(value) if listed else [value])])
    except ValueError:
        raise ValueError(f'{value!r} is no list of values, such as ["en", null]') from None


def _as_label(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()  # as Arrow has it
    return None if value is None else str(value)


Quotas = Annotated[dict[str, Decimal], BeforeValidator(_quotas)]
