"""Rounds: the one pipeline, over what is missing, until nothing is or nothing more can be learned.

What failed in one round decides what the next one tries (suspicion); there is no second machinery
for failures.
"""

import logging
import math
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.cluster import TASK_CPUS
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import Unit, without
from rm_ray.corpus.shards import Piece, Shard
from rm_ray.errors import one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.suspicion import Settled, Suspicion, without_machines
from rm_ray.run.faults.tally import Tally
from rm_ray.run.faults.watch import EngineWatch, NoEngine
from rm_ray.run.output.commit import CommitStage
from rm_ray.run.output.folder import RunFolder, files_there
from rm_ray.run.shard_job import AnyJob, Planning, Round
from rm_ray.run.staging import Staging

log = logging.getLogger(__name__)

# Read units that a block holds at least, where there are very many.
UNITS_PER_BLOCK = 16


def run_rounds(
    units: Sequence[Unit],
    job: AnyJob,
    planning: Planning[Any],
    run: RunFolder,
    staging: Staging,
    tally: TallyHandle,
    engines: int,
    suspicion: Suspicion,
) -> None:
    """Do what is missing, round by round, and find what makes it fail.

    A round that commits, stages and learns nothing is the last. What stops the run is logged or
    told to the tally; what is missing, `finish` finds by counting.

    Args:
        suspicion: has learned nothing yet.
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
            complete = run_through(round_of(this, job, planning))
            look_for(tally.call(Tally.take_not_found), tally)
            learned = suspicion.learn(tally.call(Tally.end_round, complete), missing)


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


def round_of(this: Round[Any], job: AnyJob, planning: Planning[Any]) -> Dataset:
    """The Ray dataset of one round: rows are units, then shards to the end."""
    units = ray.data.from_items(
        [{"unit": unit.to_json()} for unit in this.units],
        override_num_blocks=blocks(len(this.units), job.blocks_wanted(this)),
    )
    context = units.context  # the current one's copy; a round's settings are no other's
    context.max_errored_blocks = -1  # the tally counts what goes wrong, and knows more of it
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_no_progress_timeout_s = -1  # a large shard takes as long as it takes
    context.max_consecutive_actor_init_deaths = -1  # the watch says when it is of no use
    if this.engines:
        watch: Any = partial(EngineWatch, this.tally, job.spec.machines)  # Ray Data only calls it
        context.custom_execution_callback_classes = [watch]
    return job.stages(units, this, planning)


def _commit(job: AnyJob, staging: Staging, tally: TallyHandle, most: int, rows: Dataset) -> Dataset:
    """The last stage of jobs whose stages end with packed rows.

    `most`: tasks at once. Without a limit Ray starts a process for each, all on one machine's CPUs.
    """
    # where a round has fewer shards than that
    warnings.filterwarnings("ignore", "The maximum number of concurrent tasks")
    return rows.map_batches(
        CommitStage(
            parts=staging.parts,
            staged=staging.staged,
            fingerprint=staging.fingerprint,
            counts=job.spec.counts,
            tally=tally,
        ),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=TASK_CPUS,
        compute=TaskPoolStrategy(most),
    )


def blocks(units: int, wanted: float) -> int:
    """Blocks to send units in. One each where they are large and few; the fewer the better, where
    they are small: each costs Ray some tasks.
    """
    most = max(min(units, 256), units // UNITS_PER_BLOCK)
    return max(1, min(most, math.ceil(wanted)))


def commit_settled(
    settled: Sequence[Settled], job: AnyJob, staging: Staging, tally: TallyHandle
) -> None:
    """Commit the shards of which every row is known, from their pieces."""
    for one, joining in zip(settled, staging.join(settled), strict=True):
        try:
            tally.tell(Tally.add, job.spec.counts(parts=int(ray.get(joining))))
        except ray.exceptions.RayError as error:
            # not a document's fault: the shard stays missing
            (shard,) = one.unit.shards
            cause = error.cause if isinstance(error, ray.exceptions.RayTaskError) else error
            if isinstance(cause, NotFound):
                look_for([cause], tally)
            elif isinstance(cause, Unreadable) and cause.bad_file:
                tally.call(Tally.bad_file, shard.file, str(cause))
            else:
                tally.call(Tally.fault, f"{shard} cannot be joined: {one_line(error)}", "store")


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


def run_through(dataset: Dataset) -> bool:
    """The pipeline; whether it came to its end."""
    try:
        for _ in dataset.iter_internal_ref_bundles():
            pass  # nothing leaves the last stage; what was done is in the parts
    except NoEngine as error:
        log.error("the pipeline was ended: %s", error)
        return False
    except ray.exceptions.RayError as error:
        log.error("the pipeline stopped: %s", one_line(error))
        return False
    return True


def _describe(units: Sequence[Unit]) -> str:
    spans = _spans(units)
    pieces = [span for span in spans if isinstance(span, Piece)]
    alone = sum(piece.alone for piece in pieces)
    return (
        f"{alone} documents alone, {len(pieces) - alone} pieces, {len(spans) - len(pieces)} shards"
    )


def _spans(units: Sequence[Unit]) -> list[Shard]:
    return [span for unit in units for span in unit.shards]
