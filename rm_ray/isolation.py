"""Finding the documents that no engine survives, so that the rest of their shards is kept.

A shard whose judging failed is cut into pieces, and a piece that fails into smaller ones, down to
single documents. A document is `failed` only if it failed alone, on two actors, each of which had
just judged a document that is known to be good, where one is; what a lost machine or a sick engine
did is tried again and blamed on nobody. Pieces are staged and commit nothing: the shard is
committed once, when every row of it is known.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import ActorUnavailableError, RayActorError, RayTaskError

from rm_ray.cluster import WRITE_CPUS
from rm_ray.commit import part_bytes
from rm_ray.config import InputConfig, ReadConfig
from rm_ray.corpus import Unreadable
from rm_ray.errors import one_line
from rm_ray.judge_actor import Attempt
from rm_ray.judge_shard import give_up
from rm_ray.plan import ReadUnit, Shard, prefix_of, tile
from rm_ray.reading import read_patiently, tokenize
from rm_ray.staging import Staging
from rm_ray.storage import Folder
from rm_ray.tally import Work
from rm_ray.workers import Stopped, Worker, Workers

log = logging.getLogger(__name__)

# Pieces that a failing span is cut into: each level costs one failure, and one start of an engine.
PIECES = 8
# A document is at fault when it fails alone on so many actors.
PROOFS = 2
# So many attempts that fail in a row prove nothing about any document: isolation stops.
FAILURES_IN_A_ROW = 20


@dataclass(frozen=True)
class Failure:
    """One document, or some, failed on one actor."""

    actor: int
    node: str
    reason: str


@dataclass(frozen=True)
class Suspect:
    """Rows to be judged, and how they failed before when they were the same rows."""

    span: Shard
    failures: tuple[Failure, ...] = ()

    @property
    def rows(self) -> int:
        """How many."""
        return self.span.stop - self.span.start


@dataclass
class Trial:
    """An attempt under way. `check`: its actor judging, just before, what is known to be good."""

    worker: Worker
    suspect: Suspect
    check: Any
    began: float


@dataclass
class Isolation:
    """Judges suspects on workers of its own.

    `judge`: a Ray reference. `reference`: a unit of one shard that was judged whole, to tell a sick
    engine by where nothing else of a shard is known to be good.
    """

    workers: Workers
    judge: Any
    tally: Any
    staging: Staging
    rewards: Folder
    input: InputConfig
    read: ReadConfig
    reference: ReadUnit | None
    _reference_documents: Any = None
    _known: list[Shard] = field(default_factory=list)
    _in_a_row: int = 0

    def settle(self, units: Sequence[ReadUnit], reasons: Mapping[str, str]) -> None:
        """Find what fails in each unit's one shard, and commit the shard.

        Args:
            reasons: by part name, why a shard is suspected; one that is not named was begun
                by an earlier run, and what is left of it is tried as it is.

        Raises:
            Stopped: too many attempts failed in a row, or the run is stopping.
        """
        staged: dict[str, list[str]] = {}
        for name in self.staging.names():
            staged.setdefault(prefix_of(name), []).append(name)
        try:
            for unit in units:
                (shard,) = unit.shards
                names = staged.get(prefix_of(shard.part), [])
                self._settle_shard(unit, shard, names, reasons.get(shard.part))
        finally:
            self.workers.end_all()

    def _settle_shard(
        self, unit: ReadUnit, shard: Shard, names: Sequence[str], reason: str | None
    ) -> None:
        self._stop_if_halted()
        log.info("looking for what fails in %s: %s", shard, reason or "begun by an earlier run")
        self._known, gaps = tile(shard, names)
        suspects = [Suspect(gap) for gap in gaps]
        if reason and gaps == [shard]:
            suspects = _cut(suspects[0])  # it has just failed as a whole
        reading = _read_documents.options(num_cpus=self.read.cpus)
        committing = _commit_joined.options(num_cpus=WRITE_CPUS)
        try:
            documents = reading.remote(unit, self.input, self.judge)
            failed = self._find_failed(documents, suspects)
            given = (shard, self._known, documents, failed, self.judge)
            ray.get(committing.remote(*given, self.staging, self.rewards))
        except RayTaskError as error:
            self._report(shard, error.cause)  # not a document's fault: the shard stays missing
            return
        self.tally.add.remote(Work(parts=1))

    def _report(self, shard: Shard, error: BaseException) -> None:
        if isinstance(error, Unreadable) and error.bad_file:
            ray.get(self.tally.bad_file.remote(shard.file, str(error)))
        else:
            ray.get(self.tally.fault.remote(one_line(error)))

    def _find_failed(self, documents: Any, suspects: Sequence[Suspect]) -> dict[int, str]:
        """Judge the suspects; the rows that fail alone, with the reason. The rest is staged."""
        running: dict[Any, Trial] = {}
        try:
            return self._try_all(list(reversed(suspects)), running, documents)
        finally:
            for trial in running.values():
                self.workers.end(trial.worker)

    def _try_all(
        self, todo: list[Suspect], running: dict[Any, Trial], documents: Any
    ) -> dict[int, str]:
        failed: dict[int, str] = {}
        while todo or running:
            self._stop_if_halted()
            while todo and len(running) < self.workers.most:
                ended, trial = self._begin(todo.pop(), documents)
                running[ended] = trial
            (ended,), _ = ray.wait(list(running), num_returns=1)
            # the smallest first: what fails is found before more is tried
            for again in self._after(ended, running.pop(ended)):
                if len(again.failures) >= PROOFS:
                    reason = again.failures[-1].reason
                    failed[again.span.start] = f"{reason} (alone, on {PROOFS} actors)"
                else:
                    todo.append(again)
        return failed

    def _begin(self, suspect: Suspect, documents: Any) -> tuple[Any, Trial]:
        worker = self.workers.take(
            {failure.actor for failure in suspect.failures},
            {failure.node for failure in suspect.failures},
            self._count_failure,
        )
        check = self._check(worker, documents) if suspect.rows == 1 else None
        ended = worker.handle.judge_span.remote(documents, suspect.span)
        return ended, Trial(worker, suspect, check, time.monotonic())

    def _check(self, worker: Worker, documents: Any) -> Any:
        if self._known:
            return worker.handle.judges_well.remote(documents, self._known)
        if self.reference is None:
            return None
        if self._reference_documents is None:
            reading = _read_documents.options(num_cpus=self.read.cpus)
            self._reference_documents = reading.remote(self.reference, self.input, self.judge)
        return worker.handle.judges_well.remote(self._reference_documents, self.reference.shards)

    def _after(self, ended: Any, trial: Trial) -> list[Suspect]:
        """What is left to be tried once an attempt has ended."""
        worker, suspect = trial.worker, trial.suspect
        try:
            attempt: Attempt = ray.get(ended)
        except RayTaskError:
            self.workers.end(worker)
            raise
        except RayActorError as error:
            self.workers.end(worker)
            if isinstance(error, ActorUnavailableError) or not _is_alive(worker.node):
                self._count_failure(f"the machine of an actor was lost: {one_line(error)}")
                return [suspect]  # nobody's fault
            return self._blame(trial, self._death(time.monotonic() - trial.began))
        self._known += attempt.staged
        if attempt.broken:  # it was well when it began
            self.workers.end(worker)
            return self._blame(trial, f"{attempt.error}; no engine works after it")
        self.workers.give_back(worker)
        if attempt.error:
            return self._blame(trial, attempt.error)
        if not attempt.failed:
            self._in_a_row = 0
            return []
        if suspect.rows == 1:
            return self._blame(trial, attempt.failed[suspect.span.start])
        # every row was judged, and those that are numbers are staged; none of these was alone
        self._in_a_row = 0
        file = suspect.span.file
        return [Suspect(Shard(file, row, row + 1)) for row in reversed(attempt.failed)]

    def _blame(self, trial: Trial, reason: str) -> list[Suspect]:
        """Cut what failed; one document's failure counts if its actor was well just before."""
        suspect, worker = trial.suspect, trial.worker
        if suspect.rows > 1:
            self._count_failure(reason)
            return list(reversed(_cut(suspect)))
        well = self._was_well(trial)
        if well is False:
            self.workers.end(worker)
            self._count_failure(f"an engine fails what it could judge before: {reason}")
            return [suspect]
        if well:
            self._in_a_row = 0
        else:
            self._count_failure(reason)  # no document at all is known to be good
        failure = Failure(worker.number, worker.node, reason)
        return [replace(suspect, failures=(*suspect.failures, failure))]

    def _was_well(self, trial: Trial) -> bool | None:
        if trial.check is None:
            return None
        try:
            well: bool | None = ray.get(trial.check)
        except (RayActorError, RayTaskError):
            return False
        return well

    def _stop_if_halted(self) -> None:
        if reason := ray.get(self.tally.stopped.remote()):
            raise Stopped(reason)

    def _count_failure(self, reason: str) -> None:
        self._in_a_row += 1
        if self._in_a_row >= FAILURES_IN_A_ROW:
            raise Stopped(
                f"{self._in_a_row} attempts to find failing documents failed in a row, so it is "
                f"not the documents: none of these was marked; the last: {reason}"
            )

    def _death(self, seconds: float) -> str:
        limit = self.workers.engine.config.silence_s
        if seconds >= limit:
            return f"the engine gave no answer for {limit:g} s, and its process was ended"
        return "the engine's process ended while judging it"


def _cut(suspect: Suspect) -> list[Suspect]:
    return [Suspect(span) for span in suspect.span.cut(PIECES)]


def _is_alive(node: str) -> bool:
    return any(known["NodeID"] == node and known["Alive"] for known in ray.nodes())  # type: ignore[no-untyped-call]


@ray.remote(max_retries=3)
def _read_documents(unit: ReadUnit, config: InputConfig, judge: Any) -> pa.Table:
    """The documents of the unit's one shard, tokenised. `judge` arrives as the judge itself."""
    ((_, rows),) = read_patiently(unit, config)
    return tokenize(rows, judge)


@ray.remote(max_retries=3)
def _commit_joined(
    shard: Shard,
    pieces: Sequence[Shard],
    documents: pa.Table,
    failed: Mapping[int, str],
    judge: Any,
    staging: Staging,
    rewards: Folder,
) -> None:
    """Commit a shard from its staged pieces and the rows given up, and clear the pieces away.

    Raises:
        OSError: the rows are not exactly the shard's; nothing was committed.
    """
    if rewards.read(shard.part) is not None:
        return staging.discard(pieces)  # by an earlier try of this task
    rows = documents.column("_row")
    lost = documents.filter(pa.array([row in failed for row in rows.to_pylist()], pa.bool_()))
    more = [give_up(shard.file, lost, failed, judge)] if len(lost) else []
    table, counts = staging.join(pieces, more)
    if table.column("row").to_pylist() != rows.to_pylist():
        raise OSError(f"the staged pieces of {shard.part} do not make up its rows")
    rewards.create(shard.part, part_bytes(table, counts.to_json(), staging.fingerprint))
    return staging.discard(pieces)
