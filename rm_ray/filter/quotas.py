"""Quotas by group: one number for all of them, or numbers by value."""

import json
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator

from rm_ray.corpus.groups import group_label

# Stands for all groups that are not named.
ELSE = "*"


def _quotas(given: Any) -> Any:
    """Turn one number for every group, or numbers by value, into numbers by group label."""
    if given is None:
        return None
    numbers = given if isinstance(given, dict) else {ELSE: given}
    quotas: dict[str, Decimal] = {}
    for value, number in numbers.items():
        try:
            quota = Decimal(str(number))
        except InvalidOperation:
            raise ValueError(f"{number!r} is not a number") from None
        if not quota.is_finite() or quota < 0:
            raise ValueError(f"{number!r} is not a number from 0 on")
        label = label_of(value)
        if label in quotas:
            raise ValueError(f"the group {value} has two numbers; give it one")
        quotas[label] = quota
    if not quotas:
        raise ValueError("no group has a quota")
    return quotas


def label_of(value: Any) -> str:
    """Return the label of a group, given as one YAML value or as the text of a JSON list.

    Raises:
        ValueError: the text is no list of values.
    """
    if value == ELSE:
        return ELSE
    listed = isinstance(value, str) and value.startswith("[") and value.endswith("]")
    try:
        return group_label([_as_label(item) for item in (json.loads(value) if listed else [value])])
    except ValueError:
        raise ValueError(f'{value!r} is no list of values, such as ["en", null]') from None


def _as_label(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()  # as Arrow writes booleans
    return None if value is None else str(value)


Quotas = Annotated[dict[str, Decimal], BeforeValidator(_quotas)]
