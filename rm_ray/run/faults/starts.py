"""The engines of a run: which live, which are starting, and which machines cannot start one.

A machine that cannot start an engine must cost its own share and no more, so it gets no further
actors. Pure bookkeeping: the tally is told by actors, and asked by the driver.
"""

import time
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Literal

# Failed starts after which a machine is not tried again.
TRIES = 2

# Machines that fetch weights at once: a hub or a store is to last, and the others' turn is soon.
FETCHING = 32

# What an actor that has come up on a machine does: start its engine; wait until there is something
# to judge, since its engine was well and the process ended over a document; make way.
Arrival = Literal["start", "wait", "leave"]


@dataclass(frozen=True)
class Start:
    """An engine that is starting, on a machine, since a moment of time.monotonic."""

    node: str
    began: float


class Starts:
    """Of one run. `start_s`: seconds within which an engine must be ready, or its process ends.

    `held_seconds`: for how long machines have had an engine or the start of one, over all engines,
    of which `ready_seconds` had one that was ready; as of the last time that `passes`.
    """

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self.count = 0
        self.slowest = 0.0
        self.first: float | None = None
        self._starting: dict[str, Start] = {}
        self._waiting: dict[str, str] = {}
        self._living: dict[str, str] = {}
        self._resting: set[str] = set()
        self._able: set[str] = set()
        self._failures: dict[str, list[str]] = {}
        self._told: set[str] = set()
        self._heard: float | None = None
        self._passed: float | None = None
        self._machines: Container[str] = ()
        self.fetching: set[str] = set()
        self.held_seconds = 0.0
        self.ready_seconds = 0.0

    def ended(self, actor: str) -> str | None:
        """Why the start that the actor was at has failed, if it was: its process has ended."""
        start = self._starting.get(actor)
        if start is None:
            return None
        if time.monotonic() - start.began < self._start_s:
            return "its process ended"
        return f"it was not ready after {self._start_s:g} s, and its process was ended"

    def arrives(self, actor: str, node: str) -> Arrival:
        """What an actor is to do that has come up on a machine."""
        if self._living.get(actor) == node:
            self._resting.add(actor)
            return "wait"
        if node in self.failed():
            return "leave"
        self._waiting[actor] = node
        return "start"

    def may_fetch(self, node: str, machines: Container[str]) -> bool:
        """Whether a machine may fetch weights now, beside those that do and still live."""
        failed = self.failed()
        at_it = {one for one in self.fetching if one in machines and one not in failed}
        self.fetching = at_it | {node} if len(at_it | {node}) <= FETCHING else at_it
        return node in self.fetching

    def begins(self, actor: str, node: str) -> None:
        """An actor starts its engine."""
        self.passes()
        self._waiting.pop(actor, None)
        self._starting[actor] = Start(node, time.monotonic())

    def succeeds(self, actor: str, node: str, seconds: float) -> None:
        """An engine is ready."""
        self.passes()
        self._starting.pop(actor, None)
        self._resting.discard(actor)
        self._living[actor] = node
        self._able.add(node)
        self.count += 1
        self.slowest = max(self.slowest, seconds)
        self.first = self.first or time.monotonic()

    def lives(self, actor: str, node: str) -> None:
        """An engine is at work; one that is not known was started before this began to count."""
        if actor not in self._living:
            self.succeeds(actor, node, 0.0)

    def fails(self, actor: str, reason: str) -> None:
        """An engine could not be started."""
        self.passes()
        self._living.pop(actor, None)
        if start := self._starting.pop(actor, None):
            self._failures.setdefault(start.node, []).append(reason)
            self.fetching.discard(start.node)  # its process may have ended at that

    def heard(self) -> None:
        """An engine gave a sign of life."""
        self._heard = time.monotonic()

    def failed(self) -> set[str]:
        """Node ids of the machines where no further engine is to be started."""
        return {node for node, reasons in self._failures.items() if len(reasons) >= TRIES}

    def news(self) -> dict[str, str]:
        """The failed machines that this has not told of before, with the last reason."""
        new = self.failed() - self._told
        self._told |= new
        return {node: self._failures[node][-1] for node in new}

    def alive(self, machines: Collection[str]) -> bool:
        """Whether an engine lives, on one of these machines: those that there still are."""
        living = not set(machines).isdisjoint(self._living.values())
        if living or self._heard is None:
            self.heard()
        return living

    def ready(self, machines: Container[str]) -> int:
        """How many engines are there to judge, on these machines: those that there still are.

        One whose process has ended counts until that is noticed.
        """
        away = self._starting.keys() | self._resting
        return sum(actor not in away and node in machines for actor, node in self._living.items())

    def passes(self, machines: Container[str] | None = None) -> None:
        """Time has passed, with the engines that there are on these machines, or on those of the
        last time; before any of them changes.
        """
        machines = self._machines if machines is None else machines
        self._machines = machines
        now = time.monotonic()
        since, self._passed = self._passed or now, now
        starting = {actor: start.node for actor, start in self._starting.items()}
        holding = self._living | starting | self._waiting
        held = sum(node in machines for node in holding.values())
        self.held_seconds += held * (now - since)
        self.ready_seconds += self.ready(machines) * (now - since)

    def none_can(self, machines: Collection[str]) -> str | None:
        """Why no engine will ever start, once every machine that holds one has failed."""
        starting = {start.node for start in self._starting.values()}
        if not machines or starting & set(machines) or not set(machines) <= self.failed():
            return None
        last = self._failures[max(machines)][-1]
        return f"no engine starts on any of {len(machines)} machines; the last: {last}"

    def too_late(self) -> str | None:
        """Why to wait no longer, where no engine has lived for too long."""
        if self._heard is None or time.monotonic() - self._heard < self._start_s:
            return None
        doing = "one was still starting" if self._starting else "none was starting"
        return f"no engine was ready within {self._start_s:g} s (engine.start_s), {doing}"

    def end_round(self) -> None:
        """All engines are gone. A machine that did start one may try again."""
        self.passes()
        self.fetching.clear()
        self._starting.clear()
        self._waiting.clear()
        self._living.clear()
        self._resting.clear()
        self._heard = None
        for node in self._able:
            self._failures.pop(node, None)
