"""Keeps track of a run's engines: which live, which are starting, which machines cannot start one.

A machine that cannot start an engine gets no further actors, so that the run loses only this
machine's share of the work. Pure bookkeeping: actors report to the tally, and the driver asks it.
"""

import time
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Literal

# Failed starts after which a machine is not tried again.
TRIES = 2

# Machines that may fetch weights at once, so that a hub or a store is not overloaded.
FETCHING = 32

# The order for an actor that has come up on a machine. "start": start its engine. "wait": wait
# until there is something to judge, since its engine was well and its process ended over a
# document. "leave": end, since its machine cannot start engines.
Arrival = Literal["start", "wait", "leave"]


@dataclass(frozen=True)
class EngineStart:
    """An EngineStart is an engine that is starting."""

    node: str
    """Node id of its machine."""
    began: float
    """When the start began, by time.monotonic, in seconds."""


class Starts:
    """Starts keeps track of the engine starts of one run.

    `held_seconds` are the seconds for which machines have held an engine or its start, summed over
    engines. In `ready_seconds` of them the engine was ready. Both are as of the last call of
    `add_time`.
    """

    def __init__(self, start_s: float) -> None:
        """Begin with no engine.

        Args:
            start_s: seconds within which an engine must be ready, or its process ends itself.
        """
        self._start_s = start_s
        self.count = 0
        self.slowest = 0.0
        self.first: float | None = None
        self._starting: dict[str, EngineStart] = {}
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
        """Return why an actor's start has failed, given that its process ended.

        None: the actor was not starting its engine.
        """
        start = self._starting.get(actor)
        if start is None:
            return None
        if time.monotonic() - start.began < self._start_s:
            return "its process ended"
        return f"it was not ready after {self._start_s:g} s, and its process was ended"

    def arrives(self, actor: str, node: str) -> Arrival:
        """Tell an actor that has come up on a machine what to do."""
        if self._living.get(actor) == node:
            self._resting.add(actor)
            return "wait"
        if node in self.failed():
            return "leave"
        self._waiting[actor] = node
        return "start"

    def may_fetch(self, node: str, machines: Container[str]) -> bool:
        """Return True if a machine may fetch weights now, beside the others that fetch them.

        Args:
            node: the machine.
            machines: node ids of the machines that are alive.
        """
        failed = self.failed()
        busy = {other for other in self.fetching if other in machines and other not in failed}
        self.fetching = busy | {node} if len(busy | {node}) <= FETCHING else busy
        return node in self.fetching

    def begins(self, actor: str, node: str) -> None:
        """Note that an actor starts its engine."""
        self.add_time()
        self._waiting.pop(actor, None)
        self._starting[actor] = EngineStart(node, time.monotonic())

    def succeeds(self, actor: str, node: str, seconds: float) -> None:
        """Note that an engine is ready, and the seconds that its start took."""
        self.add_time()
        self._starting.pop(actor, None)
        self._resting.discard(actor)
        self._living[actor] = node
        self._able.add(node)
        self.count += 1
        self.slowest = max(self.slowest, seconds)
        self.first = self.first or time.monotonic()

    def note_engine(self, actor: str, node: str) -> None:
        """Note that an engine is at work. If it is unknown, it started before this tally did."""
        if actor not in self._living:
            self.succeeds(actor, node, 0.0)

    def fails(self, actor: str, reason: str) -> None:
        """Note that an engine could not be started."""
        self.add_time()
        self._living.pop(actor, None)
        if start := self._starting.pop(actor, None):
            self._failures.setdefault(start.node, []).append(reason)
            self.fetching.discard(start.node)  # its process may have ended while it fetched

    def heard(self) -> None:
        """Note a sign of life of an engine."""
        self._heard = time.monotonic()

    def failed(self) -> set[str]:
        """Return the node ids of machines where no further engine should be started."""
        return {node for node, reasons in self._failures.items() if len(reasons) >= TRIES}

    def news(self) -> dict[str, str]:
        """Return the machines that have failed since the last call, with the last reason."""
        new = self.failed() - self._told
        self._told |= new
        return {node: self._failures[node][-1] for node in new}

    def alive(self, machines: Collection[str]) -> bool:
        """Return True if an engine lives on one of these machines.

        Args:
            machines: node ids of the machines that are alive.
        """
        living = not set(machines).isdisjoint(self._living.values())
        if living or self._heard is None:
            self.heard()
        return living

    def ready(self, machines: Container[str]) -> int:
        """Count the engines that are ready to judge.

        An engine whose process has ended counts until that is noticed.

        Args:
            machines: node ids of the machines that are alive.
        """
        away = self._starting.keys() | self._resting
        return sum(actor not in away and node in machines for actor, node in self._living.items())

    def add_time(self, machines: Container[str] | None = None) -> None:
        """Add the time since the last call to `held_seconds` and `ready_seconds`.

        This is called before any engine changes its state.

        Args:
            machines: node ids of the machines that are alive; None: the same as last time.
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
        """Return why no engine will ever start, if all machines have failed; else None.

        Args:
            machines: node ids of the machines that hold an engine.
        """
        starting = {start.node for start in self._starting.values()}
        if not machines or starting & set(machines) or not set(machines) <= self.failed():
            return None
        last = self._failures[max(machines)][-1]
        return f"no engine starts on any of {len(machines)} machines; the last: {last}"

    def too_late(self) -> str | None:
        """Return why to stop waiting, if no engine has lived for `start_s` seconds; else None."""
        if self._heard is None or time.monotonic() - self._heard < self._start_s:
            return None
        doing = "one was still starting" if self._starting else "none was starting"
        return f"no engine was ready within {self._start_s:g} s (engine.start_s), {doing}"

    def end_round(self) -> None:
        """End the round: all engines are gone. Machines that have started one may try again."""
        self.add_time()
        self.fetching.clear()
        self._starting.clear()
        self._waiting.clear()
        self._living.clear()
        self._resting.clear()
        self._heard = None
        for node in self._able:
            self._failures.pop(node, None)
