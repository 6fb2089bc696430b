"""From what the corpus is now to what there is to do: files, footers, cuts.

Reads, and writes nothing: the caller keeps the new segment, or shows it (`--dry-run`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from rm_ray.corpus.files import InputFile, list_files
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.corpus.plan import PlannedFile, cut_file, shards_of
from rm_ray.corpus.reading import carried_columns
from rm_ray.errors import InputError
from rm_ray.run.job import Planning
from rm_ray.score.config import ScoreConfig
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.estimate import Sample, at_bytes, estimate_corpus, tokens_per_byte

# With a limit, footers are read this many files at a time, until they hold rows enough.
FILES_AT_ONCE = 64


@dataclass(frozen=True)
class ScorePlanning(Planning):
    """`estimate`: of the documents of the new files, as many as are to be scored."""

    estimate: ScoreCounts


def plan_new_files(
    config: ScoreConfig,
    planned: Sequence[PlannedFile],
    columns: Mapping[str, str] | None,
    tokenizer_ref: Any,
    judge_ref: Any,
) -> ScorePlanning:
    """Cut the files that the plan does not have yet.

    Args:
        planned: the files planned before; they keep their cuts.
        columns: types of the carried columns where the run has them already.

    Raises:
        InputError: the corpus cannot be read, lacks a column, or a planned file has changed.
    """
    found = list_files(config.input)
    known = {file.path: file for file in planned}
    changed = _changed(found, known)
    if changed and not config.run.rescore_changed:
        raise InputError(_say_changed(changed, known))
    for file in changed:
        del known[file.path]
    replaced = [file for file in planned if file.path not in known]
    new = [file for file in found if file.path not in known]
    rows_left = None
    if config.input.limit is not None:
        rows_left = config.input.limit - sum(s.stop - s.start for s in shards_of(known.values()))
    footers, skipped = _footers(new, config, rows_left)
    # a planned file that cannot or need not be read now is planned anew, as one without rows
    lost = [PlannedFile(f.path, f.size, f.version, ()) for f in changed if f.path not in footers]
    new = [file for file in new if file.path in footers]
    types = _column_types(new, footers, config, columns)
    sampled = estimate_corpus(new, footers, config.input, tokenizer_ref, judge_ref)
    cut = [_cut(file, footers[file.path], config, sampled, None) for file in new]
    if rows_left is not None:
        cut = []
        for file in new:
            cut.append(_cut(file, footers[file.path], config, sampled, rows_left))
            rows_left = max(0, rows_left - sum(footers[file.path].rows))
    chosen_bytes = _text_bytes(cut, footers) * config.input.sample_fraction
    return ScorePlanning(
        files=[*cut, *lost],
        replaced=replaced,
        skipped=skipped,
        present={file.path for file in found},
        columns=types,
        estimate=at_bytes(sampled, chosen_bytes),
    )


def _changed(found: Sequence[InputFile], known: Mapping[str, PlannedFile]) -> list[InputFile]:
    """The files that are not what they were when they were planned."""
    return [
        file
        for file in found
        if file.path in known
        and (file.size, file.version) != (known[file.path].size, known[file.path].version)
    ]


def _say_changed(changed: Sequence[InputFile], known: Mapping[str, PlannedFile]) -> str:
    first, before = changed[0], known[changed[0].path]
    return (
        f"{len(changed)} input files have changed since this run planned them; first "
        f"{first.path}: {before.size:,} bytes, version {before.version} then, "
        f"{first.size:,} bytes, version {first.version} now. Their rewards would not be theirs: "
        "put the files back, give another --output.path, or give --run.rescore_changed to score "
        "them again"
    )


def _footers(
    files: Sequence[InputFile], config: ScoreConfig, rows_left: int | None
) -> tuple[dict[str, Footer], dict[str, str]]:
    if rows_left is None:
        return read_footers(files, config.input)
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for i in range(0, len(files), FILES_AT_ONCE):
        if rows_left <= sum(sum(footer.rows) for footer in footers.values()):
            break
        some, bad = read_footers(files[i : i + FILES_AT_ONCE], config.input)
        footers |= some
        skipped |= bad
    return footers, skipped


def _column_types(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    config: ScoreConfig,
    columns: Mapping[str, str] | None,
) -> dict[str, str]:
    """Types of the carried columns, which must be the same in every file of the run."""
    types = dict(columns or {})
    for file in files:
        schema = footers[file.path].schema
        for name, source in carried_columns(config.input).items():
            there = str(schema.field(source).type if source in schema.names else pa.string())
            if types.setdefault(name, there) != there:
                raise InputError(
                    f"column {source!r} is {there} in {file.path} and {types[name]} in the files "
                    "before it; one output cannot hold both: cast it, or leave it out of input.keep"
                )
    return types


def _cut(
    file: InputFile,
    footer: Footer,
    config: ScoreConfig,
    sampled: Sample,
    limit: int | None,
) -> PlannedFile:
    # a sampled run reads many rows for one it scores: its shards span more of them
    fraction = config.input.sample_fraction
    scale = tokens_per_byte(sampled) * fraction
    units = cut_file(
        file.path,
        file.partition,
        footer.rows,
        [size * scale for size in footer.text_bytes],
        max_rows=max(1, int(config.shard.rows / fraction)),
        max_tokens=config.shard.tokens,
        limit=limit,
    )
    return PlannedFile(file.path, file.size, file.version, units)


def _text_bytes(files: Sequence[PlannedFile], footers: Mapping[str, Footer]) -> float:
    """Bytes of text column that the planned rows take, by their share of their file."""
    total = 0.0
    for file in files:
        footer = footers[file.path]
        rows = sum(s.stop - s.start for s in shards_of([file]))
        total += sum(footer.text_bytes) * rows / max(1, sum(footer.rows))
    return total
