"""Gathers the decided documents of all stages in one folder, which the filter reads as a run."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.plan import PlannedFile
from rm_ray.corpus.shards import Shard
from rm_ray.counts.summable import total
from rm_ray.errors import InputError, OutputError, short
from rm_ray.run.output.commit import part_bytes, read_counts
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.run_json import fingerprint_id, new_run
from rm_ray.score.counts import ScoreCounts
from rm_ray.scored.passes import in_batches
from rm_ray.scored.run import ScoredRun, open_scored
from rm_ray.select.config import SelectConfig
from rm_ray.select.gathering import Gathering
from rm_ray.select.stage_rows import files_of
from rm_ray.store.folder import Folder
from rm_ray.tasks.run import results_of

log = logging.getLogger(__name__)

# A shard of decided rows, and the documents that it has.
Counted = tuple[Shard, int]


@dataclass(frozen=True)
class Sources:
    """Sources are the files of the corpus whose documents are decided."""

    files: Sequence[PlannedFile]
    """The plan of the corpus."""
    counted: Sequence[Counted]
    """The plan's shards, with the documents of each; without those of skipped files."""
    skipped: Mapping[str, str]
    """Bad files that a stage has skipped, each with the reason."""


def gather(
    name: str,
    gathering: Gathering,
    sources: Sources,
    fingerprint: Mapping[str, Any],
    config: SelectConfig,
) -> ScoredRun:
    """Write the decided rows of all documents, and open them as a run; parts that exist stay.

    Args:
        name: name of the folder.
        gathering: makes the rows of a shard.
        sources: the files of the corpus.
        fingerprint: settings that the decisions depend on.
        config: the selection's configuration.

    Raises:
        OutputError: the folder cannot be written, or holds decisions of other settings.
        InputError: a stage's part cannot be read.
        Incomplete: the stages do not hold every document.
    """
    run = RunFolder(config.folder(name), REWARDS)
    if run.open(fingerprint) is None:
        run.make_writable()
        columns = dict(gathering.carried)
        run.create(new_run(fingerprint, config.model_dump(mode="json"), columns))
    if not run.segments.names():
        run.segments.add(sources.files, {})
    if not run.complete:
        run.make_writable()
        _write_missing(run, gathering, sources, fingerprint_id(fingerprint), config)
    place = config.folder(name)
    return open_scored(place.path, place.storage)


def _write_missing(
    run: RunFolder,
    gathering: Gathering,
    sources: Sources,
    fingerprint: str,
    config: SelectConfig,
) -> None:
    """Write the parts that are missing, and then count all parts."""
    counted = sources.counted
    committed = run.committed(shard for shard, _ in counted)
    missing = [(shard, documents) for shard, documents in counted if shard.part not in committed]
    log.info("gathering the decisions of %d shards, %d to do", len(counted), len(missing))
    every_s, cpus = config.run.progress_s, config.tasks.cpus
    batches = list(in_batches(missing, lambda item: item[1]))
    sent = [(batch, gathering.only(files_of(shard for shard, _ in batch))) for batch in batches]
    results_of(
        _write,
        sent,
        run.parts,
        fingerprint,
        cpus=cpus,
        doing="gathered",
        every_s=every_s,
        of=run.parts.uri,
    )
    counts = results_of(
        _count,
        [[shard for shard, _ in batch] for batch in in_batches(counted, lambda item: item[1])],
        run.parts,
        fingerprint,
        cpus=0.25,
        doing="counted parts",
        every_s=every_s,
        of=run.parts.uri,
    )
    totals = total(counts, ScoreCounts)
    if not counted and gathering.stages:
        raise OutputError("output.path: the corpus has no documents, so there is nothing to decide")
    skipped = dict(sources.skipped)
    run.mark_complete({"shards": len(counted), **totals.stored(), "skipped_files": skipped})


def _write(sent: tuple[Sequence[Counted], Gathering], parts: Folder, fingerprint: str) -> None:
    batch, gathering = sent
    for shard, documents in batch:
        rows = gathering.rows(shard, documents)
        parts.create(shard.part, part_bytes(rows, _counts(rows).to_json(), fingerprint))


def _counts(rows: pa.Table) -> ScoreCounts:
    statuses = Counter(rows.column("status").to_pylist())
    return ScoreCounts(
        documents=len(rows),
        rows=len(rows),
        statuses=dict(sorted(statuses.items())),
        tokens=pc.sum(rows.column("n_tokens")).as_py() or 0,
    )


def _count(shards: Sequence[Shard], parts: Folder, fingerprint: str) -> ScoreCounts:
    """Return the counts of some parts.

    Raises:
        InputError: a part is missing or damaged.
    """
    counts = []
    for shard in shards:
        try:
            found = read_counts(parts, shard.part, fingerprint, ScoreCounts)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(f"{parts.uri}/{shard.part} is damaged: {short(error)}") from None
        if found is None:
            raise InputError(f"{parts.uri}/{shard.part} was written with other settings")
        counts.append(found[0])
    return total(counts, ScoreCounts)
