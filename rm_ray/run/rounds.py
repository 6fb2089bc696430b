"""Rounds: the one pipeline, over what is missing, until nothing is or nothing more can be learned.

What failed in one round decides what the next one tries (suspicion); there is no second machinery
for failures.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.data import Dataset

from rm_ray.cluster import machines_that_fit
from rm_ray.corpus.files import Unreadable
from rm_ray.corpus.shards import Piece, ReadUnit, without
from rm_ray.counts import Counts
from rm_ray.errors import one_line
from rm_ray.run.folder import RunFolder
from rm_ray.run.progress import ProgressLog
from rm_ray.run.staging import Staging
from rm_ray.run.suspicion import Settled, Suspicion, without_machines
from rm_ray.score.job import Job

log = logging.getLogger(__name__)

# Makes a round's dataset of its units; its actors on these machines, anywhere if there are none;
# with a reference to a document that is known to be good, where one is.
Pipeline = Callable[[Sequence[ReadUnit], Sequence[str], Any], Dataset]


def judge_rounds(
    units: Sequence[ReadUnit],
    pipeline: Pipeline,
    job: Job,
    run: RunFolder,
    staging: Staging,
    tally: Any,
) -> None:
    """Judge what is missing, round by round, and find what makes it fail.

    A round that commits, stages and learns nothing is the last. What stops the run is logged or
    told to the tally; what is missing, `finish` finds by counting.
    """
    shards = [shard for unit in units for shard in unit.shards]
    documents = sum(len(job.sample.chosen(s.file, s.start, s.stop)) for s in shards)
    suspicion = Suspicion(lambda s: job.sample.chosen(s.file, s.start, s.stop).tolist())
    every = job.config.run.progress_s
    before: tuple[set[str], set[str]] | None = None
    learned, number = False, 0
    with ProgressLog(tally, documents=documents, parts=len(shards), every=every):
        while True:
            committed, staged = run.committed(), set(run.staged.names())
            missing = without(units, committed)
            if not missing or ray.get(tally.halted.remote()):
                return
            if before == (committed, staged) and not learned:
                return
            before, learned = (committed, staged), False
            todo, settled = suspicion.next_round(missing, staged)
            commit_settled(settled, staging, tally)
            if todo:
                number += 1
                machines = machines_that_fit(job.config.pool)
                now, avoided = without_machines(todo, machines)
                alone = any(isinstance(s, Piece) and s.alone for u in now for s in u.shards)
                if number > 1:
                    log.info("round %d, looking for what fails: %s", number, _describe(now))
                control = staging.known_good(units, committed, staged) if alone else None
                nodes = sorted(machines - avoided) if avoided else []
                complete = run_round(pipeline(now, nodes, control))
                learned = suspicion.learn(ray.get(tally.end_round.remote(complete)), missing)


def commit_settled(settled: Sequence[Settled], staging: Staging, tally: Any) -> None:
    """Commit the shards of which every row is known, from their pieces."""
    for one, joining in zip(settled, staging.join(settled), strict=True):
        try:
            tally.add.remote(Counts(parts=int(ray.get(joining))))
        except ray.exceptions.RayTaskError as error:
            # not a document's fault: the shard stays missing
            (shard,) = one.unit.shards
            if isinstance(error.cause, Unreadable) and error.cause.bad_file:
                ray.get(tally.bad_file.remote(shard.file, str(error.cause)))
            else:
                ray.get(tally.fault.remote(f"{shard} cannot be joined: {one_line(error)}"))


def run_round(dataset: Dataset) -> bool:
    """The pipeline; whether it came to its end."""
    try:
        for _ in dataset.iter_internal_ref_bundles():
            pass  # nothing leaves the last stage; what was judged is in the parts
    except ray.exceptions.RayError as error:
        log.error("the pipeline stopped: %s", one_line(error))
        return False
    return True


def _describe(units: Sequence[ReadUnit]) -> str:
    spans = [span for unit in units for span in unit.shards]
    pieces = [span for span in spans if isinstance(span, Piece)]
    alone = sum(piece.alone for piece in pieces)
    return (
        f"{alone} documents alone, {len(pieces) - alone} pieces, {len(spans) - len(pieces)} shards"
    )
