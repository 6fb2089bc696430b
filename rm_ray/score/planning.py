"""From what the corpus is now to what there is to do: files, footers, cuts.

Reads, and writes nothing: the caller keeps the new segment, or shows it (`--dry-run`).
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from rm_ray.config import InputConfig, ShardConfig
from rm_ray.corpus.files import InputFile, then_and_now
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.profile import share
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.widening import run_types
from rm_ray.errors import InputError
from rm_ray.judges.judge import DocumentTokenizer
from rm_ray.run.shard_job import Planning
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.estimate import Estimates, Sample, at_bytes, estimate_corpus, tokens_per_byte
from rm_ray.score.library import NOTE

log = logging.getLogger(__name__)

# With a limit, footers are read this many files at a time, until they hold rows enough.
FILES_AT_ONCE = 64
# Every actor gets so many shards, that the last ones end together, if they are not too small: a
# shard is a part to write and an engine's last documents run alone.
SHARDS_PER_ACTOR = 8
FEWEST_TOKENS = 100_000


@dataclass(frozen=True)
class ScorePlanning(Planning[PlannedFile]):
    """`estimate`: of the documents newly planned, as many as are to be scored. `continued`: rows
    planned before of those of `files` that a limit had cut short.
    """

    estimate: ScoreCounts
    continued: dict[str, int]
    differs: str | None = field(default=None, kw_only=True)
    """A sampled document to which fastokens gives other token ids than `tokenizers`."""
    fast: bool = field(default=False, kw_only=True)
    """True if fastokens encodes the documents."""


@dataclass(frozen=True)
class Cutting:
    """What a job asks of its plan."""

    inputs: InputConfig
    shard: ShardConfig
    actors: int
    """The most engines that there will be; each is to get several shards."""
    changed: str | None
    """What to do where planned files have changed, in words; None to plan them anew."""


def plan_new_files(
    config: Cutting,
    found: Sequence[InputFile],
    planned: Sequence[PlannedFile],
    columns: Mapping[str, pa.DataType] | None,
    tokenizer: DocumentTokenizer,
    estimator: Estimates,
) -> ScorePlanning:
    """Cut the rows that the plan does not have yet.

    Args:
        found: the corpus's files.
        planned: the files planned before; they keep their cuts.
        columns: types of the carried columns where the run has them already.

    Raises:
        InputError: the corpus cannot be read, lacks a column, or a planned file has changed.
    """
    known = {file.path: file for file in planned}
    changed = _changed(found, known)
    if changed and config.changed is not None:
        raise InputError(_say_changed(changed, known, config.changed))
    for file in changed:
        del known[file.path]
    replaced = [file for file in planned if file.path not in known]
    open_ended = [f for f in found if f.path not in known or known[f.path].rows_left]
    rows_left = _rows_left(config.inputs, known.values())
    footers, skipped = _footers(open_ended, known, config, rows_left)
    if skipped and not footers and not known:
        raise InputError(
            f"not one of {len(skipped)} input files can be read, so there is nothing to do; first: "
            f"{next(iter(skipped.values()))}"
        )
    # a planned file that cannot or need not be read now is planned anew, as one of which no row is
    # planned yet: it is looked at again, as long as it is there
    lost = [
        PlannedFile(f.path, f.size, f.version, (), rows_left=1)
        for f in changed
        if f.path not in footers
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
    spans = _spans(files, footers, known, rows_left)
    bytes_chosen = _text_bytes(spans, footers) * config.inputs.sample_fraction
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
        )
        for file, span in zip(files, spans, strict=True)
        if file.path not in known or span.stop > span.start
    ]
    return ScorePlanning(
        files=[*cut, *lost],
        replaced=replaced,
        skipped=skipped,
        columns=types,
        estimate=estimate,
        differs=sampled.differs,
        notes={NOTE: sampled.differs} if sampled.differs else {},
        continued={file.path: known[file.path].rows for file in cut if file.path in known},
    )


def _rows_left(config: InputConfig, known: Iterable[PlannedFile]) -> int | None:
    """Rows that may still be planned; None without a limit.

    Raises:
        InputError: more are planned than the limit allows.
    """
    if config.limit is None:
        return None
    rows = sum(file.rows for file in known)
    if rows > config.limit:
        raise InputError(
            f"input.limit is {config.limit:,}, and this run has planned {rows:,} rows already; a "
            f"limit may grow and not shrink: give {rows} or more, or another --output.path"
        )
    return config.limit - rows


def _spans(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    known: Mapping[str, PlannedFile],
    rows_left: int | None,
) -> list[Shard]:
    """The rows to plan of each file: those not planned yet, as far as the limit goes."""
    spans = []
    for file in files:
        start = known[file.path].rows if file.path in known else 0
        stop = sum(footers[file.path].rows)
        if rows_left is not None:
            stop = min(stop, start + rows_left)
            rows_left -= stop - start
        spans.append(Shard(file.path, start, stop))
    return spans


def _most_tokens(config: Cutting, tokens: float) -> float:
    """Tokens of a shard at most: few enough that every actor gets several of the new ones."""
    fair = tokens / (SHARDS_PER_ACTOR * config.actors)
    return min(config.shard.tokens, max(FEWEST_TOKENS, fair))


def _changed(found: Sequence[InputFile], known: Mapping[str, PlannedFile]) -> list[InputFile]:
    """The files that are not what they were when they were planned."""
    return [
        file
        for file in found
        if file.path in known
        and (file.size, file.version) != (known[file.path].size, known[file.path].version)
    ]


def _say_changed(
    changed: Sequence[InputFile], known: Mapping[str, PlannedFile], what_to_do: str
) -> str:
    first, before = changed[0], known[changed[0].path]
    return (
        f"{len(changed)} input files have changed since this run planned them; first "
        f"{first.path}: "
        f"{then_and_now((before.size, before.version), (first.size, first.version))}. "
        f"{what_to_do}"
    )


def _footers(
    files: Sequence[InputFile],
    known: Mapping[str, PlannedFile],
    config: Cutting,
    rows_left: int | None,
) -> tuple[dict[str, Footer], dict[str, str]]:
    if rows_left is None:
        return read_footers(files, config.inputs)
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for i in range(0, len(files), FILES_AT_ONCE):
        rows = sum(sum(footer.rows) for footer in footers.values())
        if rows_left <= rows - sum(known[path].rows for path in footers if path in known):
            break
        some, bad = read_footers(files[i : i + FILES_AT_ONCE], config.inputs)
        footers |= some
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
) -> PlannedFile:
    # a sampled run reads many rows for one it scores: its shards span more of them
    fraction = config.inputs.sample_fraction
    scale = tokens_per_byte(sampled) * fraction
    units = cut_file(
        file.path,
        file.partition,
        footer.rows,
        [size * scale for size in footer.text_bytes],
        max_rows=max(1, int(config.shard.rows / fraction)),
        max_tokens=most_tokens,
        start=span.start,
        stop=span.stop,
        profiles=footer.profiles,
    )
    units = (*before.units, *units) if before else units
    left = sum(footer.rows) - span.stop
    return PlannedFile(
        path=file.path, size=file.size, version=file.version, units=units, rows_left=left
    )


def _text_bytes(spans: Sequence[Shard], footers: Mapping[str, Footer]) -> float:
    """Bytes of text that rows have, by their share of each row group."""
    return sum(_span_bytes(span, footers[span.file]) for span in spans)


def _span_bytes(span: Shard, footer: Footer) -> float:
    found, first = 0.0, 0
    for group, rows in enumerate(footer.rows):
        start, stop = max(0, span.start - first), min(rows, span.stop - first)
        if start < stop:
            part = share(rows, start, stop, footer.profiles.get(group))
            found += footer.text_bytes[group] * part
        first += rows
    return found
