"""Repeats the pipeline over the missing shards, in rounds, until a round brings nothing new.

The failures of one round decide which rows the next round tries (see suspicion). Failures need no
pipeline of their own.
"""

import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import Unit, without
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.errors import one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.suspicion import Settled, Suspicion, without_machines
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.folder import RunFolder, files_there
from rm_ray.run.shard_job import AnyJob, Planning, Round
from rm_ray.run.staging import Staging
from rm_ray.tasks.ended import Ended

log = logging.getLogger(__name__)


def run_rounds(
    units: Sequence[Unit],
    job: AnyJob,
    planning: Planning[Any],
    run: RunFolder,
    staging: Staging,
    tally: TallyHandle,
    engines: int,
    suspicion: Suspicion,
    *,
    here: bool,
) -> None:
    """Do the missing shards, round by round, and isolate the rows that fail.

    A round that commits, stages and learns nothing is the last. The reason why the run stops is
    logged or reported to the tally. `finish` finds the shards that are still missing.

    Args:
        units: all units that were missing when the run began.
        job: the job.
        planning: planning of this invocation.
        run: the run's folder.
        staging: joins staged pieces to parts.
        tally: handle of the run's tally.
        engines: engines at once, at most.
        suspicion: knowledge about rows that fail; empty at first.
        here: processes of this machine do the rounds, without Ray.
    """
    before: tuple[set[str], set[str]] | None = None
    learned, number = False, 0
    tried: set[str] = set()  # names of the pieces that rounds have tried
    while not tally.call(Tally.halted):
        committed, staged = done_so_far(units, run, tried, first=before is None)
        missing = without(units, committed)
        if not missing:
            return
        if before == (committed, staged) and not learned:
            return
        before, learned = (committed, staged), False
        todo, settled = suspicion.next_round(missing, staged)
        commit_settled(settled, job, staging, tally)
        if todo:
            number += 1
            machines = job.spec.machines() - tally.call(Tally.failed_machines)
            now, avoided = without_machines(todo, machines)
            tried |= {span.part for span in _spans(now) if isinstance(span, Piece)}
            if number > 1:
                log.info("round %d, looking for what fails: %s", number, _describe(now))
            this = Round(
                units=now,
                avoided=avoided,
                engines=min(engines, sum(len(unit.shards) for unit in now)),
                tally=tally,
                results=partial(staging.results, units, committed, staged),
                commit=partial(_commit, job, staging, tally, max(2, engines)),
                run=run,
                fingerprint=staging.fingerprint,
            )
            complete = _run_round(this, job, planning, here=here)
            look_for(tally.call(Tally.take_not_found), tally)
            learned = suspicion.learn(tally.call(Tally.end_round, complete), missing)


def _run_round(this: Round[Any], job: AnyJob, planning: Planning[Any], *, here: bool) -> bool:
    """Do a round; return True if it came to its end."""
    if here:
        job.run_here(this, planning)
        return True
    from rm_ray.run.pipeline import round_of, run_through

    return run_through(round_of(this, job, planning))


def _commit(job: AnyJob, staging: Staging, tally: TallyHandle, most: int, rows: Any) -> Any:
    from rm_ray.run.pipeline import commit_rows

    return commit_rows(job, staging, tally, most, rows)


def done_so_far(
    units: Sequence[Unit], run: RunFolder, tried: set[str], *, first: bool
) -> tuple[set[str], set[str]]:
    """Return the names of the committed parts and of the staged pieces.

    Parts and pieces that a listing lacks are asked for by name, so that nothing is redone because
    a listing is out of date. Before the first round of a new run nothing is asked for.

    Args:
        units: units whose parts are asked for by name.
        run: the run's folder.
        tried: names of the pieces that may be staged.
        first: this is before the first round.
    """
    committed = run.committed(() if first and run.is_new else _spans(units))
    staged = set(run.staged.names())
    return committed, staged | files_there(run.staged, tried - staged)


def commit_settled(
    settled: Sequence[Settled], job: AnyJob, staging: Staging, tally: TallyHandle
) -> None:
    """Commit the settled shards from their pieces. A shard with an error stays missing."""
    for known, joined in zip(settled, staging.join(settled), strict=True):
        # the documents are not at fault for an error here
        (shard,) = known.unit.shards
        if isinstance(joined, bool):
            tally.tell(Tally.add, job.spec.counts(parts=int(joined)))
        elif isinstance(joined, NotFound):
            look_for([joined], tally)
        elif isinstance(joined, Unreadable) and joined.bad_file:
            tally.call(Tally.bad_file, shard.file, str(joined))
        else:
            why = joined.reason if isinstance(joined, Ended) else one_line(joined)
            tally.call(Tally.fault, f"{shard} cannot be joined: {why}", "store")


def look_for(files: Sequence[NotFound], tally: TallyHandle) -> None:
    """Report files that a machine did not find to the tally.

    A file that the driver does not find either is a bad file. All other files together count as
    one fault of the machine.
    """
    seen = {error.path: error.seen_from_here() for error in files}
    for path, error in seen.items():
        if error.bad_file:
            tally.call(Tally.bad_file, path, str(error))
    present = [str(error) for error in seen.values() if not error.bad_file]
    if present:
        others = f" (and {len(present) - 1} files more)" if len(present) > 1 else ""
        tally.call(Tally.fault, f"{present[0]}{others}", "machine")


def _describe(units: Sequence[Unit]) -> str:
    spans = _spans(units)
    pieces = [span for span in spans if isinstance(span, Piece)]
    alone = sum(piece.alone for piece in pieces)
    return (
        f"{alone} documents alone, {len(pieces) - alone} pieces, {len(spans) - len(pieces)} shards"
    )


def _spans(units: Sequence[Unit]) -> list[Shard]:
    return [span for unit in units for span in unit.shards]
