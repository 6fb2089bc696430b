"""The groups of texts: by kind, temperature, position, length, source. Pure functions."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rm_ray.evaluate.labelled import Labelled, Names
from rm_ray.evaluate.statistics import Flags

# First chunk number, and first length in tokens, of each group.
POSITIONS = (0, 1, 4, 16, 64, 256)
LENGTHS = (0, 256, 1024, 4096, 16_384, 65_536)
# Maximum number of groups of a column; smaller groups are counted together.
MOST_GROUPS = 60
OTHERS = "(all others)"


@dataclass(frozen=True)
class Grouped:
    """A Grouped is one group of texts."""

    by: str
    """The property that makes the groups."""
    name: str
    """Name of the group."""
    texts: Flags
    """True for the texts in the group."""


def grouped(sample: Labelled) -> Iterator[Grouped]:
    """Yield every group of a sample, by each column that the sample has.

    A column with a single group is left out, unless it is the kind. For documents, a kind is a
    group of its bad documents and all good ones.
    """
    makers: dict[str, Callable[[Names], Names]] = {
        "kind": _named,
        "temperature": lambda values: _each(values, lambda value: f"{value:g}"),
        "position": lambda values: _in_steps(values, POSITIONS),
        "length": lambda values: _in_steps(values, LENGTHS),
        "source": _named,
        "extent": _named,
        "context": _named,
    }
    for by, make in makers.items():
        values = sample.columns.get("chunk" if by == "position" else by)
        if values is None:
            continue
        names = make(values)
        order = _order(by, names)
        if len(order) < 2 and by != "kind":
            continue
        for name in order:
            texts = np.array([value == name for value in names], bool)
            if by == "kind" and sample.of == "documents":
                texts |= sample.good
            yield Grouped(by, name, texts)


def _order(by: str, names: Names) -> list[str]:
    """Sort numbers ascending, and names by their number of texts, most first."""
    counts = Counter(name for name in names if name is not None)
    if by == "temperature":
        return sorted(counts, key=float)
    if by in ("position", "length"):
        return sorted(counts, key=lambda name: int(name.split(" ")[0].replace(",", "")))
    return [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _named(values: Names) -> Names:
    names = _each(values, str)
    counts = Counter(name for name in names if name is not None)
    kept = {name for name, _ in counts.most_common(MOST_GROUPS)}
    return _each(names, lambda name: name if name in kept else OTHERS)


def _each(values: Names, say: Callable[..., str]) -> Names:
    named = np.empty(len(values), object)
    known: dict[object, str] = {}
    named[:] = [
        None if value is None else known.get(value) or known.setdefault(value, say(value))
        for value in values
    ]
    return named


def _in_steps(values: Names, steps: tuple[int, ...]) -> Names:
    def say(value: int) -> str:
        at = max((i for i, step in enumerate(steps) if step <= value), default=0)
        low = steps[at]
        if at + 1 == len(steps):
            return f"{low:,} and more"
        high = steps[at + 1] - 1
        return f"{low:,}" if high == low else f"{low:,} to {high:,}"

    return _each(values, say)
