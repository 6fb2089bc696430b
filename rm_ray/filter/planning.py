"""Plans a filter: finds the cuts in the scoring runs, and bundles the documents to copy.

This module reads and writes nothing: the caller stores the new segment, or shows it (`--dry-run`).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rm_ray.cluster.fit import check_task, tasks_at_once
from rm_ray.corpus.files import Corpus, InputFile, list_files
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.counts.cuts import Cuts
from rm_ray.errors import InputError
from rm_ray.filter.checks import (
    as_they_are,
    by_file,
    check_named,
    check_same_files,
    check_unmoved,
    scored_files,
)
from rm_ray.filter.column_checks import check_columns, warn_of_mixed_folders
from rm_ray.filter.config import FilterOutputConfig
from rm_ray.filter.copy.bundles import PlannedFolder
from rm_ray.filter.copy.keeping import Alterations, FooterLook
from rm_ray.filter.copy.units import Layout, corpus_layout, parts_layout, plan_folders
from rm_ray.filter.count.census import Census
from rm_ray.filter.count.decision import AGAIN, APART
from rm_ray.filter.count.passes import Passes
from rm_ray.filter.count.reader import RewardsReader
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.notes import Notes, all_cuts
from rm_ray.filter.sources import FilterSources
from rm_ray.run.shard_job import Planning
from rm_ray.scored.run import describe_parts

log = logging.getLogger(__name__)

MIB = 1 << 20
# Most bytes of a bundle's files together; with buckets a bundle has a file for each bucket.
MOST_BYTES = 1 << 30
# The folder in the output, by output.kind.
ROOTS = {"rows": "corpus", "ids": "ids", "rewards": "rewards"}


@dataclass(frozen=True)
class Ready:
    """Holds the inputs of the copier, once the plan is made."""

    reader: RewardsReader
    """Reads documents, with the ranks of the plan's first segment."""
    cuts: Cuts
    """The cuts of all groups."""
    parts: Sequence[Parts]
    """The parts of each run, by corpus file."""


@dataclass(frozen=True, kw_only=True)
class FilterPlanning(Planning[PlannedFolder]):
    """A filter planning is the result of planning: the new segment, and all segments before it."""

    ready: Ready
    """The inputs of the copier."""
    segments: list[Notes] = field(default_factory=list)
    """The notes of all segments, with the new one."""
    census: Census | None = None
    """The census of the newly planned documents; None if there are none."""


def find_corpus(sources: FilterSources) -> Corpus:
    """Return the corpus's files that the runs have scored, as they are now.

    Raises:
        InputError: the files cannot be listed, or do not fit the scored files.
    """
    config, run = sources.config, sources.runs[0]
    scored = {file.path for file in run.files}
    with_shards = {shard.file for shard in run.shards}
    skipped = (run.totals or {}).get("skipped_files", {}).keys() - with_shards
    by_segment = config.rewards.segments is not None
    as_planned = by_segment or run.is_of_table
    listed = config.corpus.path is not None or (sources.reads_corpus and not as_planned)
    if listed:
        corpus = list_files(sources.corpus, config.output, scored)
    else:
        corpus = Corpus(scored_files(run), "")
    if by_segment:
        corpus = replace(corpus, files=[file for file in corpus.files if file.path in scored])
        if not corpus.files:
            raise InputError(
                f"rewards.segments: segments {run.segments} of {run.uri} hold none of the "
                f"files of {sources.corpus.path}"
            )
    if bad := [file.path for file in corpus.files if file.path in skipped]:
        log.warning("%d files that could not be scored are left out, first %s", len(bad), bad[0])
        corpus = replace(corpus, files=[file for file in corpus.files if file.path not in skipped])
    if sources.reads_corpus and not listed:
        corpus = replace(corpus, files=as_they_are(corpus.files, sources.corpus))
    check_same_files(corpus.files, sources.runs, config)
    return corpus


def plan_filter(
    sources: FilterSources,
    found: Corpus,
    planned: Sequence[PlannedFolder],
    notes: Sequence[Mapping[str, Any]],
) -> FilterPlanning:
    """Find the cuts, and bundle what they keep of the files that are not planned yet.

    Args:
        sources: what the filter reads.
        found: the corpus that `find_corpus` returned.
        planned: folders that were planned before.
        notes: the notes of the plan's segments so far.

    Raises:
        InputError: the rewards or the corpus cannot be read, or have changed.
        ClusterError: no machine has room for a task.
    """
    config = sources.config
    check_task(config.tasks.cpus, "tasks.cpus")
    log.info("looking at %d parts of rewards", sum(len(run.shards) for run in sources.runs))
    parts = [
        by_file(
            describe_parts(run, [name for name in sources.written.names if name in schema.names])
        )
        for run, schema in zip(sources.runs, sources.schemas, strict=True)
    ]
    before = [Notes.from_json(segment) for segment in notes]
    check_unmoved(before, found.files, parts=parts, runs=sources.runs, config=config)
    known = {path for segment in before for path in segment.files}
    new = [file for file in found.files if file.path not in known]
    if before and not new:
        return FilterPlanning([], [], {}, {}, segments=before, ready=_ready(sources, before, parts))
    layout, altered = _layout(sources, new, parts)
    new_notes, census = _count(sources, layout, files=new, parts=parts, altered=altered)
    folders = plan_folders(
        layout,
        census.kept,
        target=_file_bytes(config.output),
        tasks=config.tasks.max_tasks or tasks_at_once(config.tasks.cpus),
        group_rows=config.output.row_group_rows,
        planned=planned,
    )
    segments = [*before, new_notes]
    return FilterPlanning(
        files=folders,
        replaced=[],
        skipped={},
        columns={},
        notes=new_notes.to_json(),
        segments=segments,
        census=census,
        ready=_ready(sources, segments, parts),
    )


def _ready(sources: FilterSources, segments: Sequence[Notes], parts: Sequence[Parts]) -> Ready:
    return Ready(sources.reader(segments[0].ranks), all_cuts(segments), parts)


def _count(
    sources: FilterSources,
    layout: Layout,
    files: Sequence[InputFile],
    parts: Sequence[Parts],
    altered: Alterations,
) -> tuple[Notes, Census]:
    """Find the cuts of these files, and count the documents to keep."""
    config = sources.config
    passes = Passes(
        layout.stretches, [file.path for file in files], config.tasks.cpus, config.run.progress_s
    )
    ranks = passes.ranks(sources.reader()) if len(sources.runs) > 1 else []
    reader = sources.reader(ranks)
    cuts, budget = passes.cuts(reader, config)
    census = passes.census(reader, config, cuts)
    _tell_unmatched(sources, census)
    notes = Notes.of(
        files,
        sources.runs,
        parts=parts,
        cuts=cuts,
        budget=budget,
        ranks=ranks,
        census=census,
        alterations=altered,
        by_reward=config.keeps_by_reward,
    )
    return notes, census


def _tell_unmatched(sources: FilterSources, census: Census) -> None:
    """Tell of documents that are to be left out and of groups that nothing matches."""
    found = dict.fromkeys((AGAIN, APART), 0)
    for (_, _, why), (documents, _) in census.outcomes.items():
        if why in found:
            found[why] += documents
    named, deliver = sources.left_out.documents, sources.config.deliver
    if found[AGAIN] < named:
        log.warning(
            "leave_out.path names %s documents, and %s of them are scored documents of these "
            "files: source_file has to be the path as the rewards have it, and row the row number",
            f"{named:,}", f"{found[AGAIN]:,}",
        )  # fmt: skip
    if deliver.is_asked and not found[APART]:
        log.warning("deliver leaves no kept document out: all are in groups that it lets through")


def _layout(
    sources: FilterSources, files: Sequence[InputFile], parts: Sequence[Parts]
) -> tuple[Layout, Alterations]:
    """Lay out the files to plan, and count the properties that will not be written as they are.

    Raises:
        InputError: a column does not fit, or would be lost.
    """
    config = sources.config
    kind = config.output.kind
    footers: dict[str, Footer] = {}
    look = FooterLook(config.output) if kind == "rows" else None
    if sources.reads_corpus:
        log.info("reading the footers of %d corpus files", len(files))
        footers, _ = read_footers(files, sources.corpus, look, sources.others)
        needs = "writing rows" if kind == "rows" else f"reading {sources.others[0]!r}"
        check_named(sources.runs[0], footers, needs)
    looked_at = {f.path: (f, footers[f.path]) for f in files if f.path in footers}
    check_columns(config, sources.schemas[0], sources.others, looked_at)
    if config.output.buckets and kind == "rows":
        warn_of_mixed_folders(files, config.output.add)
    lay_out = corpus_layout if kind == "rows" else parts_layout
    altered = Alterations.of({path: footer.described for path, footer in footers.items() if look})
    altered.check(config.output.lossy)
    for line in altered.lines():
        log.info("%s", line)
    return lay_out(files, footers, parts, ROOTS[kind]), altered


def _file_bytes(output: FilterOutputConfig) -> float:
    """Return how many bytes a bundle should keep. With buckets, it has a file for each bucket."""
    file_bytes = output.file_mb * MIB
    return max(file_bytes, min(file_bytes * (output.buckets or 1), MOST_BYTES))
