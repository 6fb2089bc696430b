"""What a run has to be told of a job to execute it: to plan, resume, retry, commit and count it.

A run knows shards, units and rows; what the rows are, and what is done to them, is the job's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel
from ray.data import Dataset

from rm_ray.config import OutputConfig, RunConfig
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.plan import AnyPlanned, AnyUnit
from rm_ray.corpus.shards import Shard
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.output.commit import read_counts
from rm_ray.run.output.folder import RunFolder, fingerprint_id
from rm_ray.run.standing.metrics import Measure
from rm_ray.run.standing.price import Price
from rm_ray.store.folder import Folder


@dataclass(frozen=True)
class Planning(Generic[AnyPlanned]):
    """What the corpus holds beyond what is planned.

    `files`: to be planned, cut into shards, with what was planned of them before; `replaced`:
    planned ones that have changed, as they were, which are among `files` anew. `skipped`: files
    that cannot be planned, with the reason. `columns`: types of the columns that are copied.
    `notes`: what is kept with this segment of the plan.
    """

    files: list[AnyPlanned]
    replaced: list[AnyPlanned]
    skipped: dict[str, str]
    columns: dict[str, pa.DataType]
    notes: dict[str, Any] = field(default_factory=dict, kw_only=True)


# Rows with a result: the folder with a file of them, the rows it holds, and their unit.
Result: TypeAlias = tuple[Folder, Shard, AnyUnit]


@dataclass(frozen=True)
class Round(Generic[AnyUnit]):
    """One pass over some units.

    `avoided`: node ids of machines where its engines should not be, if there are others. `engines`:
    the most at once. `results`: rows that have been through already, for whoever needs a good one.
    `commit`: writes rows that were packed (shard_row), a part a shard. `run`: the run's folder.
    """

    units: Sequence[AnyUnit]
    avoided: Collection[str]
    engines: int
    tally: Any
    results: Callable[[], Iterator[Result[AnyUnit]]]
    commit: Callable[[Dataset], Dataset]
    run: RunFolder


class ShardJob(ABC, Generic[AnyPlanned, AnyUnit]):
    """A job over the rows of a corpus, shard by shard. It travels to Ray tasks, whole.

    `config`: the whole configuration, of which `output` and `settings` are sections.
    `fingerprint`: what its rows depend on. `counts`: its kind of counts. `planned`: a line of its
    plan, and `lines` what these are. `parts`: the folder of its parts in the output. `a_row_each`:
    every document gives one row. `retry_failed`: documents that failed are tried again;
    `max_failed_fraction`: more of them leave the run incomplete. `skips_bad_files`: files that
    cannot be read are left out, and do not leave the run incomplete. `silence_s`: seconds without a
    sign of life after which an engine's process ends itself; `start_s`: seconds within which one
    must be ready. `machines`: node ids of the machines that hold an engine. `starting`: what is
    waited for while nothing is done yet. `price`: what its engines cost.
    """

    config: BaseModel
    output: OutputConfig
    settings: RunConfig
    fingerprint: dict[str, Any]
    counts: type[RunCounts] = RunCounts
    planned: type[AnyPlanned]
    lines: str = "files"
    parts: str = "parts"
    a_row_each: bool = False
    retry_failed: bool = False
    max_failed_fraction: float = 0.0
    skips_bad_files: bool = False
    silence_s: float = 600.0
    start_s: float = 1800.0
    machines: Callable[[], set[str]] = staticmethod(set)
    starting: str = "starting"
    price: Price = Price(gpus=0)

    @abstractmethod
    def find(self, planned: Collection[str]) -> Corpus:
        """The corpus's files, from listings alone: Ray is not there yet.

        Args:
            planned: paths of the files planned before.

        Raises:
            InputError: the corpus cannot be listed, or holds nothing.
        """

    @abstractmethod
    def plan(
        self,
        found: Corpus,
        planned: Sequence[AnyPlanned],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> Planning[AnyPlanned]:
        """What is to be added to the files planned before; nothing is written.

        Args:
            found: by `find`.
            notes: of the plan's segments so far.
            columns: types of the copied columns, where the run has them already.

        Raises:
            InputError: the corpus cannot be read, or has changed.
        """

    @abstractmethod
    def stages(self, units: Dataset, this: Round[AnyUnit]) -> Dataset:
        """From units of the corpus (`to_json`, in the column `unit`) to what is committed.

        Ray drops a block whose stage raises: what may fail there is told to the tally.
        """

    def documents(self, span: Shard) -> npt.NDArray[np.int64]:
        """Numbers of the rows of a span that are documents of this run, ascending."""
        return np.arange(span.start, span.stop)

    def count_documents(self, spans: Iterable[Shard]) -> int:
        """How many `documents` there are in spans."""
        return sum(len(self.documents(span)) for span in spans)

    def check_machines(self) -> None:
        """Refuse what this cluster cannot run and never will.

        Raises:
            ClusterError: the machines are too few, and no more can come.
        """
        return  # any will do

    def wait_for_engines(self) -> int:
        """How many engines may run at once, once there are machines for them.

        Raises:
            ClusterError: the machines are too few.
        """
        return 0

    def divide(self, counts: RunCounts, stretches: Sequence[pa.Table]) -> Sequence[RunCounts]:
        """The counts of stretches of a shard's rows, which has these counts.

        For jobs some of whose rows may be `failed`: their columns are `row`, `status` and `error`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no word for rows that failed")

    def give_up(
        self, unit: AnyUnit, reasons: Mapping[int, str]
    ) -> Iterator[tuple[pa.Table, RunCounts]]:
        """What to write for rows that failed for good, of a unit of which each shard is one.

        Raises:
            OSError: they cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__} has no word for rows that failed")

    def work_left(self, units: Sequence[AnyUnit]) -> float:
        """How much work units are, in the measure of `work_done`; 0 where unknown."""
        return self.count_documents(shard for unit in units for shard in unit.shards)

    def work_done(self, progress: RunProgress) -> float:
        """How much of it is done."""
        return progress.work.documents

    def no_rows(self) -> pa.Table | None:
        """What to write where the corpus has no row: the columns of any part. None for nothing."""
        return None

    def blocks_wanted(self, this: Round[AnyUnit]) -> float:
        """In how many blocks a round's units should travel at least; a block is what a failure
        costs, and what an engine is given at once.
        """
        return len(this.units)

    def measures(self, progress: RunProgress) -> dict[Measure, float]:
        """What the job adds to the run's metrics."""
        del progress
        return {}

    def speed(self, progress: RunProgress) -> str:
        """How fast the run is, for the lines of progress; `judging_seconds` is more than 0."""
        return f"{progress.work.documents / progress.judging_seconds:,.0f} documents/s"

    def read_counts(self, shard: Shard, parts: Folder) -> tuple[RunCounts, int] | None:
        """What was committed of a shard, and how many rows there are; None if by other settings.

        Raises:
            FileNotFoundError: there is no such part.
            pa.ArrowInvalid: it is not a part, or damaged.
        """
        return read_counts(parts, shard.part, fingerprint_id(self.fingerprint), self.counts)

    def leave(self, totals: RunCounts, run: RunFolder) -> None:
        """Write what a complete run leaves beside its parts, before `_SUCCESS`.

        Raises:
            Incomplete: it is not what it should be.
        """
        del totals, run  # nothing more

    def metrics(
        self, totals: RunCounts, progress: RunProgress, before: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """What the job adds to metrics.json, and to its sections `totals` and `this_invocation`.

        Args:
            before: the metrics that the last invocation left.
        """
        del totals, progress, before
        return {}

    def closing(self, totals: RunCounts, progress: RunProgress) -> list[str]:
        """Lines to log of a run that has ended."""
        del progress
        return [f"{totals.documents:,} documents, {totals.rows:,} rows"]


AnyJob: TypeAlias = ShardJob[Any, Any]
