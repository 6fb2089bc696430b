"""Counts that add up over documents, parts, processes and runs. Each room has its own kinds."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar


def spent(default: float) -> Any:
    """Return a dataclass field for work of processes, such as seconds. The rows do not show it, so
    no footer stores it.
    """
    return field(default=default, metadata={"spent": True})


@dataclass
class Summable:
    """Base of dataclasses that add up. Their fields are numbers, or numbers by name, and have
    defaults.
    """

    def __add__(self, other: "Summable") -> Self:
        """Return the sum. `other` may be of a kind that has only some of the fields."""
        sums = dict(vars(self))
        for name, value in vars(other).items():
            own = sums[name]
            sums[name] = _by_name(own, value) if isinstance(own, dict) else own + value
        return type(self)(**sums)

    def scaled(self, factor: float) -> Self:
        """Return the counts times a factor. Whole numbers are rounded; numbers by name are left
        out.
        """
        scaled = {
            name: value * factor if isinstance(value, float) else round(value * factor)
            for name, value in self.numbers().items()
        }
        return type(self)(**scaled)

    def numbers(self) -> dict[str, Any]:
        """Return the fields that are single numbers, by name."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, dict)}

    def stored(self) -> dict[str, Any]:
        """Return the fields that follow from the rows, by name. Times are left out, so that a part
        is always the same.
        """
        kept = [field.name for field in fields(self) if "spent" not in field.metadata]
        return {name: getattr(self, name) for name in kept}

    def to_json(self) -> str:
        """Write `stored` as JSON, for footers and notes."""
        return json.dumps(self.stored())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the counts that `to_json` wrote."""
        return cls(**json.loads(text))


Kind = TypeVar("Kind", bound=Summable)
Key = TypeVar("Key")


def total(counts: Iterable[Summable], kind: type[Kind]) -> Kind:
    """Return the sum of counts, as counts of this kind."""
    totals = kind()
    for summand in counts:
        totals += summand
    return totals


def summed(many: Iterable[Mapping[Key, Any]]) -> dict[Key, Any]:
    """Return the sums by key, in the order of the keys. Values are numbers or tuples of numbers."""
    sums: dict[Key, Any] = {}
    for key, value in (item for summand in many for item in summand.items()):
        if key not in sums:
            sums[key] = value
        elif isinstance(value, tuple):
            sums[key] = tuple(a + b for a, b in zip(sums[key], value, strict=True))
        else:
            sums[key] += value
    return dict(sorted(sums.items()))


def shares(whole: int, weights: Iterable[int]) -> list[int]:
    """Divide a whole number in proportion to the weights, into whole shares that add up to it.
    If all weights are 0, the shares are about equal.
    """
    weights = list(weights)
    of = sum(weights) or len(weights)
    given, seen, parts = 0, 0, []
    for weight in weights if sum(weights) else [1] * len(weights):
        seen += weight
        parts.append(whole * seen // of - given)
        given += parts[-1]
    return parts


def _by_name(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    return dict(sorted((Counter(first) + Counter(second)).items()))
