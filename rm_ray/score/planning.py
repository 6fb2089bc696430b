"""Plans the new files of a corpus: reads their footers, and cuts them into shards.

Writes nothing: the caller stores the new segment of the plan, or shows it (`--dry-run`).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rm_ray.config import InputConfig, PoolConfig, ShardConfig
from rm_ray.corpus.files import Corpus, InputFile
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.profile import share
from rm_ray.corpus.rows import rows_of
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTE as TABLE_NOTE
from rm_ray.corpus.tables.deleted import NOTHING, Deleted, Undeleted, note_of, with_new
from rm_ray.corpus.tables.moved import check_columns, check_deleted, gone, gone_files, is_gone
from rm_ray.corpus.tables.snapshot import Snapshot
from rm_ray.corpus.widening import run_types
from rm_ray.errors import InputError
from rm_ray.judges.judge import DocumentTokenizer
from rm_ray.run.changed import changed_files, say_changed, tell_of_gone
from rm_ray.run.shard_job import Planning
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.estimate import Estimates, Sample, at_bytes, estimate_corpus, tokens_per_byte
from rm_ray.score.library import NOTE

log = logging.getLogger(__name__)

# With a limit, footers are read this many files at a time, until they hold enough rows.
FILES_AT_ONCE = 64
# Every actor gets about so many shards, so that all actors end at about the same time ...
SHARDS_PER_ACTOR = 8
# ... engines without a GPU share so many, because they need minutes for a million tokens ...
SHARDS_WITHOUT_GPU = 1000
# ... but a shard has at least so many tokens if it can: each shard is a part to write, and the last
# documents of a shard do not fill an engine.
FEWEST_TOKENS = 100_000
# Rows of a shard are limited as if at least this share of them were to be scored.
LEAST_SHARE = 0.001
# More rows than a file has.
MOST_ROWS = 1 << 62


@dataclass(frozen=True)
class ScorePlanning(Planning[PlannedFile]):
    """A ScorePlanning is the result of planning for a scoring run."""

    estimate: ScoreCounts
    """Estimated counts of the documents planned now, of as many as are to be scored."""
    continued: dict[str, int]
    """Rows planned before, by path, of files that a limit had cut short and that continue now."""
    differs: str | None = field(default=None, kw_only=True)
    """Names a sampled document to which fastokens gives other token ids than `tokenizers`; None if
    there is none."""
    fast: bool = field(default=False, kw_only=True)
    """True if fastokens encodes the documents."""
    deleted: Deleted = field(default=NOTHING, kw_only=True)
    """Rows of the plan that the table of the corpus has deleted."""


@dataclass(frozen=True)
class Cutting:
    """A Cutting says how a job wants new files planned."""

    inputs: InputConfig
    """The corpus."""
    shard: ShardConfig
    """Limits of a shard."""
    pool: PoolConfig
    """The engines; each is to get several shards."""
    changed: str | None
    """Advice for the error if planned files have changed; None to plan such files anew."""
    deleted: Deleted = NOTHING
    """Rows that were deleted when their files were planned."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """The plan's note of the snapshot that was planned last; empty if there is none."""


def plan_new_files(
    config: Cutting,
    corpus: Corpus,
    planned: Sequence[PlannedFile],
    columns: Mapping[str, pa.DataType] | None,
    tokenizer: DocumentTokenizer,
    estimator: Estimates,
) -> ScorePlanning:
    """Cut the rows that the plan does not have yet.

    Args:
        config: how to plan.
        corpus: the corpus.
        planned: the files planned before; they keep their cuts.
        columns: types of the carried columns, if the run has them already.
        tokenizer: tokenises sampled documents.
        estimator: estimates counts of sampled documents.

    Raises:
        InputError: the corpus cannot be read, lacks a column, or a planned file has changed.
    """
    found, snapshot = corpus.files, corpus.snapshot
    lost = _lost(config, corpus, planned)
    known = {file.path: file for file in planned if not is_gone(file) and file not in lost}
    changed = changed_files(found, known)
    if changed and config.changed is not None:
        raise InputError(say_changed(changed, known, config.changed))
    for file in changed:
        del known[file.path]
    if snapshot is None:
        tell_of_gone(found, known, "their documents come twice")
    replaced = [file for file in planned if file.path not in known and not is_gone(file)]
    open_ended = [file for file in found if file.path not in known or known[file.path].rows_left]
    left_from = [
        Shard(f.path, known[f.path].rows if f.path in known else 0, MOST_ROWS) for f in open_ended
    ]
    deleted = with_new(config.deleted, snapshot, left_from)
    rows_left = _rows_left(config.inputs, known.values(), deleted)
    footers, skipped = _footers(open_ended, known, config, rows_left, deleted)
    if skipped and not footers and not known:
        raise InputError(
            f"not one of {len(skipped)} input files can be read, so there is nothing to do; first: "
            f"{next(iter(skipped.values()))}"
        )
    # a changed file that cannot or need not be read now is stored as planned with no rows yet, so
    # that the next planning looks at it again, as long as it exists
    without_rows = [
        PlannedFile(file.path, file.size, file.version, (), rows_left=1)
        for file in changed
        if file.path not in footers
    ]
    files = [file for file in open_ended if file.path in footers]
    types = run_types(files, footers, config.inputs, columns or {})
    if files:
        log.info("sampling documents of %d files, to cut shards by their tokens", len(files))
    sampled = estimate_corpus(
        files,
        footers,
        config=config.inputs,
        tokenizer=tokenizer,
        estimator=estimator,
    )
    spans = _spans(files, footers, known, rows_left, deleted)
    deleted = with_new(config.deleted, snapshot, spans)
    shares = _shares(spans, config.inputs, known, deleted)
    bytes_chosen = _text_bytes(spans, footers, shares)
    estimate = at_bytes(sampled, bytes_chosen)
    most = _most_tokens(config, estimate.tokens)
    cut = [
        _cut(
            file,
            span,
            before=known.get(file.path),
            footer=footers[file.path],
            config=config,
            sampled=sampled,
            most_tokens=most,
            share_chosen=share_chosen,
        )
        for file, span, share_chosen in zip(files, spans, shares, strict=True)
        if file.path not in known or span.stop > span.start
    ]
    notes: dict[str, Any] = {NOTE: sampled.differs} if sampled.differs else {}
    return ScorePlanning(
        files=[*cut, *without_rows, *map(gone, lost)],
        replaced=replaced,
        skipped=skipped,
        columns=types,
        estimate=estimate,
        differs=sampled.differs,
        notes=notes | _note(config, snapshot, deleted),
        deleted=deleted,
        continued={file.path: known[file.path].rows for file in cut if file.path in known},
    )


def _note(config: Cutting, snapshot: Snapshot | None, deleted: Deleted) -> dict[str, Any]:
    """Return what the new segment says of the table; nothing if the corpus is none."""
    if snapshot is None:
        return {}
    return note_of(snapshot, deleted, _columns(config.inputs), config.before)


def _columns(inputs: InputConfig) -> list[str]:
    """Return the names of the columns that the run reads."""
    return sorted({*inputs.documents.values(), *inputs.carried.values()})


def table_noted(notes: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what the last segment of a plan says of its table; empty if it says nothing."""
    return next((note[TABLE_NOTE] for note in reversed([*notes]) if TABLE_NOTE in note), {})


def _lost(config: Cutting, corpus: Corpus, planned: Sequence[PlannedFile]) -> list[PlannedFile]:
    """Return the planned files that the table no longer has, to be removed from the run.

    Raises:
        InputError: there are some, and they are refused; deleted rows are there again; or a
            column of the run has another column's name now.
    """
    if corpus.snapshot is None:
        return []
    check_columns(config.before, corpus.snapshot)
    check_deleted(planned, corpus.snapshot, config.deleted)
    before = config.before.get("snapshot")
    return gone_files(planned, corpus.snapshot, config.deleted, config.inputs.on_rewritten, before)


def _rows_left(config: InputConfig, known: Iterable[PlannedFile], deleted: Deleted) -> int | None:
    """Return how many rows may still be planned; None without a limit.

    Raises:
        InputError: more rows are planned already than the limit allows.
    """
    if config.limit is None:
        return None
    rows = sum(deleted.left(file.path, 0, file.rows) for file in known)
    if rows > config.limit:
        raise InputError(
            f"input.limit is {config.limit:,}, and this run has planned {rows:,} rows already; a "
            f"limit may grow, but not shrink: give {rows} or more, or another --output.path"
        )
    return config.limit - rows


def _spans(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    known: Mapping[str, PlannedFile],
    rows_left: int | None,
    deleted: Deleted,
) -> list[Shard]:
    """Return the rows of each file to plan now: rows not planned yet, up to the limit.

    Deleted rows do not count for the limit.
    """
    spans = []
    for file in files:
        start = known[file.path].rows if file.path in known else 0
        stop = sum(footers[file.path].rows)
        if rows_left is not None:
            stop = deleted.stop_after(file.path, start, stop, rows_left)
            rows_left -= deleted.left(file.path, start, stop)
        spans.append(Shard(file.path, start, stop))
    return spans


def _most_tokens(config: Cutting, tokens: float) -> float:
    """Return the most tokens of a shard: so few that there are enough new shards."""
    shards = SHARDS_PER_ACTOR * config.pool.max_actors
    if not config.pool.gpus:
        shards = max(shards, SHARDS_WITHOUT_GPU)
    return min(config.shard.tokens, max(FEWEST_TOKENS, tokens / shards))


def _footers(
    files: Sequence[InputFile],
    known: Mapping[str, PlannedFile],
    config: Cutting,
    rows_left: int | None,
    deleted: Deleted,
) -> tuple[dict[str, Footer], dict[str, str]]:
    """Read footers until they hold `rows_left` new rows; all footers without a limit.

    Returns:
        The footers by path, and the errors of unreadable files by path.
    """
    if rows_left is None:
        return read_footers(files, config.inputs)
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for i in range(0, len(files), FILES_AT_ONCE):
        starts = {path: known[path].rows if path in known else 0 for path in footers}
        new = (deleted.left(p, starts[p], sum(f.rows)) for p, f in footers.items())
        if rows_left <= sum(new):
            break
        good, bad = read_footers(files[i : i + FILES_AT_ONCE], config.inputs)
        footers |= good
        skipped |= bad
    return footers, skipped


def _cut(
    file: InputFile,
    span: Shard,
    before: PlannedFile | None,
    footer: Footer,
    config: Cutting,
    sampled: Sample,
    most_tokens: float,
    share_chosen: float,
) -> PlannedFile:
    """Cut a span of a file into units, after the units that were planned before."""
    # a run that chooses rows reads several for each one that it scores, so its shards span more
    scale = tokens_per_byte(sampled) * share_chosen
    units = cut_file(
        file.path,
        file.partition,
        footer.rows,
        [size * scale for size in footer.text_bytes],
        max_rows=max(1, int(config.shard.rows / max(share_chosen, LEAST_SHARE))),
        max_tokens=most_tokens,
        start=span.start,
        stop=span.stop,
        profiles=footer.profiles,
    )
    units = (*before.units, *units) if before else units
    left = sum(footer.rows) - span.stop
    return PlannedFile(
        path=file.path,
        size=file.size,
        version=file.version,
        units=units,
        rows_left=left,
        names=footer.names,
    )


def _shares(
    spans: Sequence[Shard],
    inputs: InputConfig,
    known: Mapping[str, PlannedFile],
    deleted: Deleted,
) -> list[float]:
    """Return which share of each span's rows is to be scored.

    Args:
        spans: the rows to plan now.
        inputs: the corpus.
        known: the files that were planned before.
        deleted: the deleted rows.

    Raises:
        InputError: a table of rows names a row that the corpus does not have.
    """
    chosen = Undeleted(rows_of(inputs), deleted)
    before = {path: file.rows for path, file in known.items()}
    chosen.check(before | {span.file: span.stop for span in spans})
    return [chosen.share(span.file, span.start, span.stop) for span in spans]


def _text_bytes(
    spans: Sequence[Shard], footers: Mapping[str, Footer], shares: Sequence[float]
) -> float:
    """Estimate the bytes of text to score of spans of rows, from their shares of each row group."""
    return sum(
        _span_bytes(span, footers[span.file]) * share_chosen
        for span, share_chosen in zip(spans, shares, strict=True)
    )


def _span_bytes(span: Shard, footer: Footer) -> float:
    """Estimate the bytes of text of one span of rows."""
    text_bytes, first = 0.0, 0
    for group, rows in enumerate(footer.rows):
        start, stop = max(0, span.start - first), min(rows, span.stop - first)
        if start < stop:
            part = share(rows, start, stop, footer.profiles.get(group))
            text_bytes += footer.text_bytes[group] * part
        first += rows
    return text_bytes
