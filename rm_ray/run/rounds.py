"""Rounds: the one pipeline, over what is missing, until nothing is or nothing more can be learned.

What failed in one round decides what the next one tries (suspicion); there is no second machinery
for failures.
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
    """Do what is missing, round by round, and find what makes it fail.

    A round that commits, stages and learns nothing is the last. What stops the run is logged or
    told to the tally; what is missing, `finish` finds by counting.

    Args:
        suspicion: has learned nothing yet.
        here: processes of this machine do the rounds, without Ray.
    """
    before: tuple[set[str], set[str]] | None = None
    learned, number = False, 0
    tried: set[str] = set()  # names of the pieces that rounds were given
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
    """Do a round; whether it came to its end."""
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
    """Names of what is committed of the units, and of what is staged.

    What a listing lacks is asked for by name, so that nothing is done again because the listing is
    a while old. Before the first round of a new run there is nothing to ask for.
    """
    committed = run.committed(() if first and run.is_new else _spans(units))
    staged = set(run.staged.names())
    return committed, staged | files_there(run.staged, tried - staged)


def commit_settled(
    settled: Sequence[Settled], job: AnyJob, staging: Staging, tally: TallyHandle
) -> None:
    """Commit the shards of which every row is known, from their pieces."""
    for one, joined in zip(settled, staging.join(settled), strict=True):
        # an error is not a document's fault: the shard stays missing
        (shard,) = one.unit.shards
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
    """Tell the tally of files that a machine did not find: those that are gone are bad files, the
    others a fault of that machine, one for all of them.
    """
    seen = {error.path: error.seen_from_here() for error in files}
    for path, error in seen.items():
        if error.bad_file:
            tally.call(Tally.bad_file, path, str(error))
    there = [str(error) for error in seen.values() if not error.bad_file]
    if there:
        more = f" (and {len(there) - 1} files more)" if len(there) > 1 else ""
        tally.call(Tally.fault, f"{there[0]}{more}", "machine")


def _describe(units: Sequence[Unit]) -> str:
    spans = _spans(units)
    pieces = [span for span in spans if isinstance(span, Piece)]
    alone = sum(piece.alone for piece in pieces)
    return (
        f"{alone} documents alone, {len(pieces) - alone} pieces, {len(spans) - len(pieces)} shards"
    )


def _spans(units: Sequence[Unit]) -> list[Shard]:
    return [span for unit in units for span in unit.shards]
