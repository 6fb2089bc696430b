"""Simulated nights, judged by the project's own rules: false alerts, and nights until an alert.

`python -m benchmarks.report quiet` and `... seen` run them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, cast

import numpy as np

from rm_ray.corpus.groups import group_label
from rm_ray.counts.histograms import Histograms
from rm_ray.counts.moments import moments_of
from rm_ray.report.compare.baseline import Baseline
from rm_ray.report.compare.history import GroupResult, PastGroup, PastNight
from rm_ray.report.compare.history import History as StoredHistory
from rm_ray.report.compare.mix import split
from rm_ray.report.compare.rules import CANDIDATES
from rm_ray.report.compare.usual import usual_count
from rm_ray.report.config import ReportConfig
from rm_ray.report.figures import NightVerdict
from rm_ray.report.job import _judge, _rows
from rm_ray.report.measure.nights import GroupNight, Night, largest

FIRST = date(2026, 1, 5)  # a Monday
LOOKED_AT = 70
# A source's night: its rewards, tokens per document, documents without a reward.
Source = tuple[np.ndarray, float, int]
Draw = Callable[[np.random.Generator, int], Mapping[str, Source]]


@dataclass
class Memory:
    """A history in memory."""

    nights: dict[str, tuple[str, list[tuple[GroupNight, GroupResult]]]] = field(
        default_factory=dict
    )
    """The groups of each night with their verdicts, by night."""

    def names(self) -> list[str]:
        return sorted(self.nights)

    def group_nights(self, wanted: Mapping[str, Iterable[str | None]]) -> list[GroupNight]:
        return [
            one
            for name, labels in wanted.items()
            for one, _ in self.nights[name][1]
            if one.label in set(labels)
        ]

    def past(self) -> list[PastNight]:
        return [self._past(name) for name in self.names()[-LOOKED_AT:]]

    def _past(self, name: str) -> PastNight:
        status, rows = self.nights[name]
        groups = {
            one.label: PastGroup(
                one.label, one.documents, one.moments.mean if one.scored else None, {}, said,
                one.tokens, one.scored,
            )
            for one, said in rows
        }  # fmt: skip
        return PastNight(name, status, groups)


def group_night(name: str, source: Source) -> GroupNight:
    rewards, tokens, without = source
    rewards = np.asarray(rewards, np.float32)
    groups = np.zeros(len(rewards), np.int64)
    statuses = {"ok": len(rewards), "empty": without}
    each = groups + round(tokens)
    return GroupNight(
        group_label([name]), len(rewards) + without, int(each.sum()),
        {status: n for status, n in statuses.items() if n}, moments_of(groups, rewards, 1)[0],
        Histograms.of(groups, rewards, each).of_group(0) if len(rewards) else
        GroupNight(name).histogram,
    )  # fmt: skip


@dataclass
class History:
    """Nights with their verdicts, and the random generator for the nights to come."""

    rng: np.random.Generator
    """The random generator."""
    memory: Memory = field(default_factory=Memory)
    """The nights so far."""

    @classmethod
    def seeded(cls, seed: int) -> "History":
        return cls(np.random.default_rng(seed))

    def copy(self) -> "History":
        return History(deepcopy(self.rng), Memory(dict(self.memory.nights)))


def verdicts(draw: Draw, nights: int, history: History, **told: Any) -> Iterator[NightVerdict]:
    """Yield the verdict of each night, compared with the history before it."""
    rng, memory = history.rng, history.memory
    begun = len(memory.nights)
    for number in range(begun, begun + nights):
        name = (FIRST + timedelta(number)).isoformat()
        config = ReportConfig.model_validate(
            {"rewards": {"path": "/unused"}, "output": {"path": "/unused"}, "by": ["source"],
             "night": name, **told}
        )  # fmt: skip
        each = [group_night(source, one) for source, one in draw(rng, number).items()]
        night = Night(GroupNight.total(None, each), {one.label or "": one for one in each})
        past, asked = memory.past(), config.baseline
        baseline = Baseline.of_history(
            cast(StoredHistory, memory),
            past,
            asked.nights,
            asked.accept,
            name,
            asked.weekend_days,
        )
        kept = largest(night, {k: one.expected for k, one in baseline.groups.items()}, 50)
        night, baseline = night.gather(kept), baseline.gather(kept)
        mix = split(night.groups, baseline.groups)
        compared, _, said = _judge(config, night, baseline, past, mix)
        memory.nights[name] = said.status, _rows(compared, said)
        yield said


SOURCES = "abcd"


def steady(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make about 500 documents per source; the mean moves by 0.03 sd."""
    return {s: (rng.normal(rng.normal(0, 0.03), 1, rng.poisson(500)), 800.0, 0) for s in SOURCES}


def varied(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make lognormal volumes with sd 0.4, tokens with 0.2; 0 to 10% without a reward."""
    found = {}
    for source in SOURCES:
        count = rng.poisson(500 * np.exp(0.4 * rng.standard_normal()))
        without = rng.binomial(count, 0.1 * rng.beta(2, 8))
        tokens = 800 * np.exp(0.2 * rng.standard_normal())
        found[source] = rng.normal(rng.normal(0, 0.03), 1, count - without), tokens, int(without)
    return found


def swinging(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make nights with rewards for 30 to 100% of a source's documents; tokens vary by 60%."""
    found = {}
    for source in SOURCES:
        count = rng.poisson(500)
        scored = round(count * rng.uniform(0.3, 1))
        tokens = 800 * np.exp(0.6 * rng.standard_normal())
        found[source] = rng.normal(0, 1, scored), tokens, count - scored
    return found


def weekly(rng: np.random.Generator, night: int) -> dict[str, Source]:
    """Make weekends with 40% of the documents, and rewards lower by 0.35 sd."""
    free = night % 7 > 4
    return {
        s: (rng.normal(-0.35 * free, 1, rng.poisson(200 if free else 500)), 800.0, 0)
        for s in SOURCES
    }


def heavy(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make rewards by Student's t with 2 degrees of freedom, with a rare reward of 65,504."""
    found = {s: (rng.standard_t(2, rng.poisson(500)), 800.0, 0) for s in SOURCES}
    if rng.random() < 0.1:
        found["a"][0][0] = 65504
    return found


def tied(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make rewards of 0 to 3, of 0 and 1, and of one value."""
    return {
        "grades": (rng.choice(4, rng.poisson(500), p=[0.1, 0.4, 0.4, 0.1]), 800.0, 0),
        "binary": (rng.random(rng.poisson(500)) < 0.03, 800.0, 0),
        "constant": (np.ones(rng.poisson(500)), 800.0, 0),
    }


def small(rng: np.random.Generator, _: int) -> dict[str, Source]:
    """Make five documents per source."""
    return {s: (rng.normal(0, 1, rng.poisson(5)), 800.0, 0) for s in SOURCES}


def coming(rng: np.random.Generator, night: int) -> dict[str, Source]:
    """Make two sources that come in six of ten nights each, and two that always come."""
    found = steady(rng, night)
    return {s: one for s, one in found.items() if s in "ab" or rng.random() < 0.6}


QUIET = {"steady": steady, "varied": varied, "swinging": swinging, "weekly": weekly,
         "heavy": heavy, "tied": tied, "small": small, "coming": coming}  # fmt: skip
WEEKEND = {"baseline": {"weekend": ["saturday", "sunday"]}}


def _alarms(name: str, nights: int, seed: int) -> tuple[int, int, Counter[str]]:
    """Count the nights with a new alert, the nights in all, and the alerts' rules."""
    told = WEEKEND if name == "weekly" else {}
    alarmed, rules = 0, Counter[str]()
    for number, said in enumerate(verdicts(QUIET[name], nights, History.seeded(seed), **told)):
        fresh = [a.rule for a in said.alerts if not a.standing and a.folded_into is None]
        if number and not (number < 28 and name in ("coming", "weekly")):
            alarmed += bool(fresh)
            rules.update(fresh)
    looked = nights - (28 if name in ("coming", "weekly") else 1)
    return alarmed, looked, rules


def quiet(histories: int, nights: int) -> None:
    print(f"new alerts a night, over {histories} independent histories of {nights} nights")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name in QUIET:
            found = list(pool.map(partial(_alarms, name, nights), range(histories)))
            alarmed, looked = sum(one[0] for one in found), sum(one[1] for one in found)
            rules = sum((one[2] for one in found), Counter())
            rate = alarmed / looked
            # histories are independent of one another; the nights of one history are not
            error = float(np.std([a / n for a, n, _ in found])) / max(1, histories - 1) ** 0.5
            print(f"{name:<10}{alarmed:>5} of {looked:>6,} nights{rate:>8.2%} +- {error:.2%}  "
                  f"{dict(rules)}", flush=True)  # fmt: skip


def changed(what: str, size: float, begins: int) -> Draw:
    """Yield varied nights; one source changes from a night on."""

    def draw(rng: np.random.Generator, night: int) -> dict[str, Source]:
        found = varied(rng, night)
        rewards, tokens, without = found["a"]
        match what:
            case "shift":
                rewards = rewards - size
            case "creep":
                rewards = rewards - size * (night - begins + 1)
            case "volume":
                keep = max(1, round(len(rewards) * size))
                rewards, without = rewards[:keep], round(without * size)
            case "tokens":
                tokens = tokens * size
            case "rewarded":
                keep = round(len(rewards) * size)
                rewards, without = rewards[:keep], without + len(rewards) - keep
        return found | {"a": (rewards, tokens, without)}

    return draw


def _nights_until(what: str, size: float, most: int, history: History) -> int | None:
    """Return the nights from the change until the source alerts by any rule; None if it never
    does.
    """
    draw = changed(what, size, len(history.memory.nights))
    for number, said in enumerate(verdicts(draw, most, history), start=1):
        if any(alert.group == "a" for alert in said.alerts):
            return number
    return None


# A change, its size, and the number of nights in which it may alert.
CHANGES = [
    ("rewarded", 0.4, 3), ("rewarded", 0.8, 3), ("tokens", 0.1, 3), ("tokens", 0.4, 3),
    ("volume", 0.1, 3), ("volume", 0.3, 3), ("shift", 0.45, 3), ("shift", 1.0, 3),
    ("creep", 0.05, 56),
]  # fmt: skip
LENGTHS = (3, 7, 14, 28)
# A slow change has its own history; the number of nights before it does not matter.
LENGTHS_OF_CREEP = (3, 28)


def _first_alerts(seed: int) -> dict[tuple[int, int], int | None]:
    """Return the nights until the alert, by change and by length of the history."""
    found: dict[tuple[int, int], int | None] = {}
    history = History.seeded(seed)
    for length in LENGTHS:
        for _ in verdicts(varied, length - len(history.memory.nights), history):
            pass
        for number, (what, size, most) in enumerate(CHANGES):
            if what != "creep" or length in LENGTHS_OF_CREEP:
                found[number, length] = _nights_until(what, size, most, history.copy())
    return found


def seen(histories: int) -> None:
    print("in how many of the histories a change is seen, and after how many nights (median)")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(_first_alerts, range(histories)))
    for number, (what, size, _) in enumerate(CHANGES):
        said = []
        for length in LENGTHS:
            nights = [one[number, length] for one in found if (number, length) in one]
            told = [one for one in nights if one is not None]
            if nights:
                middle = f"{np.median(told):.0f}" if told else "-"
                said.append(f"after {length} nights {len(told) / len(nights):.0%} ({middle})")
        print(f"{what:<10}{size:<6}{'; '.join(said)}")


def told(groups: int = 4, rate: float = 0.05) -> None:
    """Return the fall of a count that alerts, by number of nights and by how far they vary."""
    p = rate / (CANDIDATES * (groups + 1))
    print(f"median of 400 histories; {groups} groups, false_per_night {rate}; of the usual number")
    for sd in (0.05, 0.2, 0.4):
        said = []
        for nights in (7, 10, 14, 28):
            rng = np.random.default_rng(nights)
            counts = rng.poisson(1000 * np.exp(sd * rng.standard_normal((400, nights))))
            usual = [usual_count(row.tolist()) for row in counts]
            low = np.median([min(0.5, one.limits(p)[0] / one.expected) for one in usual])
            said.append(f"{nights} nights: {low:.0%}")
        print(f"nights vary by {sd:.0%}: alert below " + ", ".join(said))
