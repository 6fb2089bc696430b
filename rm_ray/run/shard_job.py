"""What a run has to be told of a job to execute it: to plan, resume, retry, commit and count it.

A run knows shards, units and rows; what the rows are, and what is done to them, is the job's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel

from rm_ray.config import OutputConfig, RunConfig
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.plan import AnyPlanned, AnyUnit, Planned, PlannedFile
from rm_ray.corpus.shards import Shard
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.output.commit import read_counts
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.standing.price import Price
from rm_ray.run.summary import RunSummary
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset


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


AnyPlanning = TypeVar("AnyPlanning", bound=Planning[Any])

# Rows with a result: the folder with a file of them, the rows it holds, and their unit.
Result: TypeAlias = tuple[Folder, Shard, AnyUnit]


@dataclass(frozen=True)
class Round(Generic[AnyUnit]):
    """One pass over some units.

    `avoided`: node ids of machines where its engines should not be, if there are others. `engines`:
    the most at once. `results`: rows that have been through already, for whoever needs a good one.
    `commit`: writes rows that were packed (shard_row), a part a shard. `run`: the run's folder, and
    `fingerprint` the name of its fingerprint.
    """

    units: Sequence[AnyUnit]
    avoided: Collection[str]
    engines: int
    tally: TallyHandle
    results: Callable[[], Iterator[Result[AnyUnit]]]
    commit: "Callable[[Dataset], Dataset]"
    run: RunFolder
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What a run has to know of a job before it looks at anything."""

    config: BaseModel
    """The whole configuration, of which `output` and `settings` are sections."""
    output: OutputConfig
    settings: RunConfig
    fingerprint: Mapping[str, Any]
    """What the job's rows depend on."""
    counts: type[RunCounts] = RunCounts
    planned: type[Planned] = PlannedFile
    """A line of the job's plan."""
    lines: str = "files"
    """What these lines are called."""
    parts: str = "parts"
    """The folder of the job's parts in the output."""
    runs_here: bool = False
    """Without a cluster, processes of this machine do the work, and Ray is not started."""
    a_row_each: bool = False
    """Every document gives one row."""
    retry_failed: bool = False
    """Documents that failed are tried again."""
    max_failed_fraction: float = 0.0
    """More documents that failed leave the run incomplete."""
    skips_bad_files: bool = False
    """Files that cannot be read are left out, and do not leave the run incomplete."""
    silence_s: float = 600.0
    """Seconds without a sign of life after which an engine's process ends itself."""
    start_s: float = 1800.0
    """Seconds within which an engine must be ready."""
    machines: Callable[[], set[str]] = set
    """Node ids of the machines that hold an engine."""
    price: Price = field(default_factory=lambda: Price(gpus=0))
    """What the engines cost."""


class ShardJob(ABC, Generic[AnyPlanned, AnyUnit, AnyPlanning]):
    """A job over the rows of a corpus, shard by shard. It travels to Ray tasks, and nothing of it
    changes while a run goes on.

    `summary`: what the job says of its run.
    """

    spec: JobSpec
    summary: RunSummary[AnyPlanning]

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
    ) -> AnyPlanning:
        """What is to be added to the files planned before; nothing is written.

        Args:
            found: by `find`.
            notes: of the plan's segments so far.
            columns: types of the copied columns, where the run has them already.

        Raises:
            InputError: the corpus cannot be read, or has changed.
        """

    def begin(self, state: Folder) -> None:
        """Write what readers of the run will need, before anything else of the run is written.

        Args:
            state: the folder beside the run's plan.
        """
        del state  # nothing

    @abstractmethod
    def stages(self, units: "Dataset", this: Round[AnyUnit], planning: AnyPlanning) -> "Dataset":
        """From units of the corpus (`to_json`, in the column `unit`) to what is committed.

        Ray drops a block whose stage raises: what may fail there is told to the tally.
        """

    def run_here(self, this: Round[AnyUnit], planning: AnyPlanning) -> None:
        """Do a round in processes of this machine, for jobs whose `spec.runs_here` is true.

        What fails is told to the tally.
        """
        raise NotImplementedError(f"{type(self).__name__} needs Ray")

    def documents(self, span: Shard) -> npt.NDArray[np.int64]:
        """Numbers of the rows of a span that are documents of this run, ascending."""
        return np.arange(span.start, span.stop)

    def count_documents(self, spans: Iterable[Shard]) -> int:
        """How many `documents` there are in spans."""
        return sum(len(self.documents(span)) for span in spans)

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
        self, unit: AnyUnit, reasons: Mapping[int, str], columns: Mapping[str, pa.DataType]
    ) -> Iterator[tuple[pa.Table, RunCounts]]:
        """What to write for rows that failed for good, of a unit of which each shard is one.

        Args:
            unit: with the rows.
            reasons: why each failed, by its number.
            columns: types of the copied columns.

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

    def no_rows(self, columns: Mapping[str, pa.DataType]) -> pa.Table | None:
        """What to write where the corpus has no row: the columns of any part. None for nothing.

        Args:
            columns: types of the copied columns.
        """
        del columns
        return None

    def blocks_wanted(self, this: Round[AnyUnit]) -> float:
        """In how many blocks a round's units should travel at least; a block is what a failure
        costs, and what an engine is given at once.
        """
        return len(this.units)

    def read_counts(
        self, shard: Shard, parts: Folder, fingerprint: str
    ) -> tuple[RunCounts, int] | None:
        """What was committed of a shard, and how many rows there are; None if by other settings.

        Raises:
            FileNotFoundError: there is no such part.
            pa.ArrowInvalid: it is not a part, or damaged.
        """
        return read_counts(parts, shard.part, fingerprint, self.spec.counts)

    def leave(self, totals: RunCounts, run: RunFolder, planning: AnyPlanning) -> None:
        """Write what a complete run leaves beside its parts, before `_SUCCESS`.

        Raises:
            Incomplete: it is not what it should be.
        """
        del totals, run, planning  # nothing more


AnyJob: TypeAlias = ShardJob[Any, Any, Any]
