"""The one stage of a job without engines: a task takes a unit and does all its work.

The filter and the conversion are such jobs. The task writes the unit's files first, then its
receipt (output/receipts). Rows never leave the task that reads them.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic

from rm_ray.corpus.plan import AnyUnit
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.reading_tasks import tell_faults, units_to_do
from rm_ray.run.faults.tally import Tally
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import run_tasks


class UnitStage(ABC, Generic[AnyUnit]):
    """A UnitStage does units one by one, and reports faults to the tally. It is sent to tasks."""

    kind: type[AnyUnit]
    """Class of the units."""
    tally: TallyHandle
    """Collects counts and faults."""
    doing: str
    """A participle that says what a finished task has done, for log lines."""

    @abstractmethod
    def do(self, unit: AnyUnit) -> None:
        """Do one unit: write its files, then its receipt.

        Raises:
            Unreadable: an input file cannot be read.
        """

    @abstractmethod
    def said(self, unit: AnyUnit) -> str:
        """Describe the rows of a unit for people."""

    def file(self, unit: AnyUnit) -> str:
        """Return the input file that an error is about if it does not say so itself."""
        return unit.file

    def do_all(self, units: Sequence[str]) -> None:
        """Do units, each given as JSON."""
        for unit in units_to_do(units, self.kind, self.tally):
            with tell_faults(self.tally, self.file(unit), self.said(unit)):
                self.do(unit)


def do_units_here(
    stage: UnitStage[AnyUnit],
    units: Sequence[AnyUnit],
    *,
    cpus: float,
    at_once: int | None,
    every_s: float,
) -> None:
    """Do units in processes of this machine, one task per unit.

    Args:
        stage: does a unit.
        units: the units of a round.
        cpus: CPUs of each task.
        at_once: most tasks at once; None for as many as there is room for.
        every_s: seconds between log lines.
    """
    batches = [[unit.to_json()] for unit in units]
    results = run_tasks(
        _do_all, batches, stage, cpus=cpus, at_once=at_once, doing=stage.doing, every_s=every_s
    )
    for unit, result in zip(units, results, strict=True):
        if isinstance(result, Ended):
            why = f"{stage.said(unit)}: each process that reads these rows dies: {result.reason}"
            stage.tally.call(Tally.fault, why, "input")


def _do_all(units: Sequence[str], stage: UnitStage[AnyUnit]) -> None:
    stage.do_all(units)
