"""What was done, in numbers that add up: over documents, parts, processes and runs."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass
class Counts:
    """Tokens unless a name says otherwise. All but `SPENT` follows from the rows alone.

    Of rows, as a part's footer keeps it: `documents` with their `statuses`, `tokens`, `windows`
    that were asked and `prompt_tokens` of these, whole; `forwarded_tokens`: what an engine
    scheduled of them; `minimum_tokens`: the fewest it could have, `whole_minimum_tokens`: with
    every chunk of every document judged; `partly_judged`: documents of which some chunks were not.

    Of processes: `parts` committed; `read_tokens` read and tokenised in `read_seconds` and
    `tokenize_seconds` of one core; of judge actors' time `judge_seconds` with a shard at hand,
    `wait_seconds` between two, of the first `step_seconds` in engine steps, of these
    `model_seconds` in the model. `text_bytes`: of text columns, as encoded.
    """

    documents: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    windows: int = 0
    prompt_tokens: int = 0
    forwarded_tokens: int = 0
    minimum_tokens: int = 0
    whole_minimum_tokens: int = 0
    partly_judged: int = 0
    preemptions: int = 0

    parts: int = 0
    text_bytes: int = 0
    read_tokens: int = 0
    read_seconds: float = 0.0
    tokenize_seconds: float = 0.0
    judge_seconds: float = 0.0
    wait_seconds: float = 0.0
    step_seconds: float = 0.0
    model_seconds: float = 0.0
    commit_seconds: float = 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return self._with(other, 1)

    def __sub__(self, other: "Counts") -> "Counts":
        return self._with(other, -1)

    def _with(self, other: "Counts", sign: int) -> "Counts":
        theirs = vars(other)
        summed = {name: value + sign * theirs[name] for name, value in self.numbers().items()}
        statuses = Counter(self.statuses)
        for status, count in other.statuses.items():
            statuses[status] += sign * count
        found = {status: count for status, count in sorted(statuses.items()) if count}
        return Counts(statuses=found, **summed)

    def scaled(self, factor: float) -> "Counts":
        """So many times as much; counts are rounded."""
        scaled: dict[str, Any] = {
            name: value * factor if isinstance(value, float) else round(value * factor)
            for name, value in self.numbers().items()
        }
        return Counts(statuses=dict(self.statuses), **scaled)

    def numbers(self) -> dict[str, Any]:
        """Everything but the statuses, by name."""
        return {name: value for name, value in vars(self).items() if name != "statuses"}

    def stored(self) -> dict[str, Any]:
        """What follows from the rows, by name: no times, so that a part is the same whenever."""
        return {name: value for name, value in vars(self).items() if name not in SPENT}

    def to_json(self) -> str:
        """`stored`, for footers and notes."""
        return json.dumps(self.stored())

    @classmethod
    def from_json(cls, text: str) -> "Counts":
        """The counts that `to_json` wrote."""
        return cls(**json.loads(text))


# What processes did to make rows of documents; in no footer.
SPENT = frozenset(
    name
    for name in (one.name for one in fields(Counts))
    if name.endswith("_seconds") or name in ("parts", "text_bytes", "read_tokens")
)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum of counts."""
    return sum(counts, Counts())


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
