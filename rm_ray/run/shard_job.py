"""The interface between a run and its job: how the job plans, computes, counts and commits.

A run knows shards, units and rows. The job knows what the rows mean and how to compute them.
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
from rm_ray.run.output.folder import SUCCESS, RunFolder
from rm_ray.run.standing.price import Price
from rm_ray.run.summary import RunSummary
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset


@dataclass(frozen=True)
class Planning(Generic[AnyPlanned]):
    """A Planning holds the files that this invocation adds to the plan."""

    files: list[AnyPlanned]
    """Files to add to the plan, cut into shards. A file that was planned before comes with its
    earlier shards too."""
    replaced: list[AnyPlanned]
    """Planned files that have changed since, as they were planned. Their new versions are among
    `files`."""
    skipped: dict[str, str]
    """Reason why a file cannot be planned, by path."""
    columns: dict[str, pa.DataType]
    """Types of the copied columns, by name."""
    notes: dict[str, Any] = field(default_factory=dict, kw_only=True)
    """Notes of the job that are stored with this segment of the plan."""


AnyPlanning = TypeVar("AnyPlanning", bound=Planning[Any])

# A file of rows that are done: the folder it lies in, the rows that it holds, and their unit.
DoneRows: TypeAlias = tuple[Folder, Shard, AnyUnit]


@dataclass(frozen=True)
class Round(Generic[AnyUnit]):
    """A Round is one pass over some units."""

    units: Sequence[AnyUnit]
    """Units to do, each with only the shards or pieces to do."""
    avoided: Collection[str]
    """Node ids of the machines that should get none of the round's engines."""
    engines: int
    """Engines at once, at most."""
    tally: TallyHandle
    """Handle of the run's tally."""
    results: Callable[[], Iterator[DoneRows[AnyUnit]]]
    """Yields the files of rows that are done, for a job that needs a document known to work."""
    commit: "Callable[[Dataset], Dataset]"
    """Adds the stage that writes packed rows (shard_row), one part per shard."""
    run: RunFolder
    """The run's folder."""
    fingerprint: str
    """Short name of the run's fingerprint."""


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """A JobSpec tells a run the settings of its job, before the run reads anything."""

    config: BaseModel
    """The whole configuration. `output` and `settings` are sections of it."""
    output: OutputConfig
    """The output section."""
    settings: RunConfig
    """The run section."""
    fingerprint: Mapping[str, Any]
    """The settings that the job's rows depend on, by key."""
    counts: type[RunCounts] = RunCounts
    """Class of the job's counts."""
    planned: type[Planned] = PlannedFile
    """Class of one line of the job's plan."""
    lines: str = "files"
    """Plural noun for the lines of the plan, for log lines."""
    parts: str = "parts"
    """Folder of the job's parts, within the output folder."""
    mark: str = SUCCESS
    """Name of the file that marks the complete run."""
    runs_here: bool = False
    """Without a cluster, processes of this machine do the work, and Ray is not started."""
    documents_known: bool = True
    """The plan says how many documents each shard has. A file that is one compressed stream does
    not say how many it holds."""
    a_row_each: bool = False
    """Every document gives exactly one row."""
    retry_failed: bool = False
    """Documents that failed are tried again."""
    max_failed_fraction: float = 0.0
    """Largest fraction of failed documents, 0 to 1, with which the run is still complete."""
    skips_bad_files: bool = False
    """Files that cannot be read are left out, and do not leave the run incomplete."""
    silence_s: float = 600.0
    """Seconds without a sign of life after which an engine's process ends itself."""
    start_s: float = 1800.0
    """Seconds within which an engine must be ready."""
    machines: Callable[[], set[str]] = set
    """Returns the node ids of the machines that hold an engine."""
    has_engines: bool = False
    """True if the job starts engines."""
    price: Price = field(default_factory=lambda: Price(gpus=0))
    """GPUs of an engine and their price."""


class ShardJob(ABC, Generic[AnyPlanned, AnyUnit, AnyPlanning]):
    """A ShardJob processes the rows of a corpus, shard by shard.

    The job is sent to tasks, and does not change during a run.
    """

    spec: JobSpec
    """Settings of the job."""
    summary: RunSummary[AnyPlanning]
    """Writes the job's part of progress lines, metrics and closing lines."""

    @abstractmethod
    def find(self, planned: Collection[str]) -> Corpus:
        """List the files of the corpus. Ray is not connected yet, and no file is opened.

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
        """Plan the files that are new or have changed. Writes nothing.

        Args:
            found: the corpus, from `find`.
            planned: files planned before.
            notes: notes of the plan's segments so far.
            columns: types of the copied columns, as the run stored them; None in a new run.

        Raises:
            InputError: the corpus cannot be read, or has changed.
        """

    def begin(self, state: Folder) -> None:
        """Write files that readers of the run need, before the run writes anything else.

        Args:
            state: the run's own folder of files, with its plan.
        """
        del state  # most jobs write nothing

    def store(self, state: Folder, planning: AnyPlanning) -> None:
        """Write files that a new segment of the plan refers to, before the segment is written.

        Args:
            state: the run's own folder of files, with its plan.
            planning: the new segment.
        """
        del state, planning  # most plans refer to no files

    @abstractmethod
    def stages(self, units: "Dataset", this: Round[AnyUnit], planning: AnyPlanning) -> "Dataset":
        """Add the job's stages to a dataset of units, up to the commit.

        Ray drops a block whose stage raises, so a stage reports faults to the tally and raises
        nothing.

        Args:
            units: one row per unit, as `to_json` writes it, in the column `unit`.
        """

    def run_here(self, this: Round[AnyUnit], planning: AnyPlanning) -> None:
        """Do a round in processes of this machine, for jobs whose `spec.runs_here` is true.

        Faults are reported to the tally.
        """
        raise NotImplementedError(f"{type(self).__name__} needs Ray")

    def documents(self, span: Shard) -> npt.NDArray[np.int64]:
        """Return the row numbers in a span that are documents of this run, ascending."""
        return np.arange(span.start, span.stop)

    def count_documents(self, spans: Iterable[Shard]) -> int:
        """Count the documents of this run in some spans."""
        return sum(len(self.documents(span)) for span in spans)

    def wait_for_engines(self) -> int:
        """Wait until there are machines for the engines; return how many may run at once.

        Raises:
            ClusterError: there are too few machines.
        """
        return 0

    def divide(self, counts: RunCounts, stretches: Sequence[pa.Table]) -> Sequence[RunCounts]:
        """Divide the counts of a shard among stretches of its rows.

        Only for jobs whose rows may have the status `failed`. The rows of such jobs have the
        columns `row`, `status` and `error`.

        Args:
            counts: counts of the whole shard.
            stretches: rows of each stretch.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rows that can fail")

    def give_up(
        self, unit: AnyUnit, reasons: Mapping[int, str], columns: Mapping[str, pa.DataType]
    ) -> Iterator[tuple[pa.Table, RunCounts]]:
        """Yield the row to write, and its counts, for each document that failed for good.

        Args:
            unit: the documents, each as a shard of one row.
            reasons: why each document failed, by row number.
            columns: types of the copied columns.

        Raises:
            OSError: the documents cannot be read.
        """
        raise NotImplementedError(f"{type(self).__name__} has no rows that can fail")

    def work_left(self, units: Sequence[AnyUnit]) -> float:
        """Return the work of some units, in the measure of `work_done`; 0 if unknown."""
        return self.count_documents(shard for unit in units for shard in unit.shards)

    def work_done(self, progress: RunProgress) -> float:
        """Return the work done so far, in the job's own measure (by default documents)."""
        return progress.work.documents

    def no_rows(self, columns: Mapping[str, pa.DataType]) -> pa.Table | None:
        """Return an empty table with a part's columns, to write if the corpus has no row.

        None: nothing is written.

        Args:
            columns: types of the copied columns.
        """
        del columns
        return None

    def blocks_wanted(self, this: Round[AnyUnit]) -> float:
        """Return the least number of blocks that a round's units should be sent in.

        An engine gets a block at a time, and a failure costs a block.
        """
        return len(this.units)

    def read_counts(
        self, shard: Shard, parts: Folder, fingerprint: str
    ) -> tuple[RunCounts, int] | None:
        """Return the counts and the number of rows of a shard's part, from its footer.

        None: the part was written with other settings.

        Raises:
            FileNotFoundError: there is no part of the shard.
            pa.ArrowInvalid: the file is not a part, or is damaged.
        """
        return read_counts(parts, shard.part, fingerprint, self.spec.counts)

    def too_many_wrong(self, totals: RunCounts, run: RunFolder) -> str | None:
        """Say why a run with every part ends with exit status 1; None if it is fine.

        `_SUCCESS` is there already: it only means that every document was processed.
        """
        failed, most = totals.statuses.get("failed", 0), self.spec.max_failed_fraction
        if failed <= most * totals.documents:
            return None
        return (
            f"{failed:,} of {totals.documents:,} documents failed, more than "
            f"run.max_failed_fraction {most:g} allows; their rows in {run.parts.uri} say why; "
            "to try them again, use --run.retry_failed"
        )

    def leave(self, totals: RunCounts, run: RunFolder, planning: AnyPlanning) -> None:
        """Write the files that a complete run has beside its parts, before `_SUCCESS`.

        Raises:
            Incomplete: the output is not as it should be.
        """
        del totals, run, planning  # most jobs write nothing


AnyJob: TypeAlias = ShardJob[Any, Any, Any]
