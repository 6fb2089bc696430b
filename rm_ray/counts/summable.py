"""Numbers that add up: over documents, parts, processes and runs. Each room has its own kinds."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar


def spent(default: float) -> Any:
    """A field for what processes did to make rows, which no row shows: it is in no footer."""
    return field(default=default, metadata={"spent": True})


@dataclass
class Summable:
    """For dataclasses whose fields are numbers, or numbers by name, with defaults."""

    def __add__(self, other: "Summable") -> Self:
        """The sum. The other may be of a kind that has some of these fields."""
        found = dict(vars(self))
        for name, theirs in vars(other).items():
            mine = found[name]
            found[name] = _by_name(mine, theirs) if isinstance(mine, dict) else mine + theirs
        return type(self)(**found)

    def scaled(self, factor: float) -> Self:
        """So many times as much; whole numbers are rounded, numbers by name are left out."""
        scaled = {
            name: value * factor if isinstance(value, float) else round(value * factor)
            for name, value in self.numbers().items()
        }
        return type(self)(**scaled)

    def numbers(self) -> dict[str, Any]:
        """All that is one number, by name."""
        return {name: value for name, value in vars(self).items() if not isinstance(value, dict)}

    def stored(self) -> dict[str, Any]:
        """What follows from the rows, by name: no times, so that a part is the same whenever."""
        kept = [one.name for one in fields(self) if "spent" not in one.metadata]
        return {name: getattr(self, name) for name in kept}

    def to_json(self) -> str:
        """`stored`, for footers and notes."""
        return json.dumps(self.stored())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The counts that `to_json` wrote."""
        return cls(**json.loads(text))


Kind = TypeVar("Kind", bound=Summable)
Key = TypeVar("Key")


def total(counts: Iterable[Summable], kind: type[Kind]) -> Kind:
    """The sum of counts, as one of that kind."""
    found = kind()
    for one in counts:
        found += one
    return found


def summed(many: Iterable[Mapping[Key, Any]]) -> dict[Key, Any]:
    """By key, the sum of numbers, or of tuples of numbers; in the order of the keys."""
    found: dict[Key, Any] = {}
    for key, value in (one for each in many for one in each.items()):
        if key not in found:
            found[key] = value
        elif isinstance(value, tuple):
            found[key] = tuple(a + b for a, b in zip(found[key], value, strict=True))
        else:
            found[key] += value
    return dict(sorted(found.items()))


def shares(whole: int, weights: Iterable[int]) -> list[int]:
    """A whole number divided in proportion to the weights; the shares add up to it."""
    weights = list(weights)
    of = sum(weights) or len(weights)
    given, seen, found = 0, 0, []
    for weight in weights if sum(weights) else [1] * len(weights):
        seen += weight
        found.append(whole * seen // of - given)
        given += found[-1]
    return found


def _by_name(mine: dict[str, int], theirs: dict[str, int]) -> dict[str, int]:
    return dict(sorted((Counter(mine) + Counter(theirs)).items()))
