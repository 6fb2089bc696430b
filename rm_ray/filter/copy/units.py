"""Turns files and parts into stretches, which are counted, and units, which are bundled."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from statistics import median_high
from urllib.parse import quote

from rm_ray.corpus.files import HIVE_NULL, InputFile, hive_names, value_of
from rm_ray.corpus.footers import Footer
from rm_ray.counts.cells import Cells
from rm_ray.filter.copy.bundles import Block, Bundle, PlannedFolder, bundle, most_read
from rm_ray.filter.count.stretches import Parts, Stretch, parts_of
from rm_ray.scored.run import ScoredPart

# Most rows of a stretch, since one task holds everything that is known of these rows.
MOST_ROWS = 1_000_000
NO_PARTITION: Mapping[str, str | None] = {}


@dataclass(frozen=True)
class Layout:
    """A layout divides some corpus files into stretches to count and units to bundle."""

    stretches: list[Stretch]
    """The stretches to count."""
    units: list[Block]
    """The units, by number; their `kept` is not known yet."""
    folders: list[str]
    """The output folder of each unit."""


def folder_of(
    root: str,
    path: str,
    partition: Mapping[str, str | None] = NO_PARTITION,
    columns: Collection[str] = (),
) -> str:
    """Return the output folder for rows of a file: `root` and the file's `key=value` folders.

    The path of a table's file says nothing: its partition does, and folders of the path that say
    something else are left out (Iceberg writes a blank as +, and names of its own).

    Args:
        root: the folder of the output's kind.
        path: the file's path.
        partition: partition columns of the file. The ones of a table need not be in the path.
        columns: columns of the file: they need no folder.
    """
    names = list(hive_names(path))
    hive = {key: (name, value_of(value)) for name, key, value in names}
    if not partition or partition == {key: value for key, (_, value) in hive.items()}:
        return "/".join([root, *(name for name, _, _ in names)])
    folders = []
    for key, value in partition.items():
        name, in_path = hive.get(key, ("", None))
        if name and in_path == value:
            folders.append(name)
        elif key not in columns:
            text = HIVE_NULL if value is None else quote(value, safe="")
            folders.append(f"{quote(key, safe='')}={text}")
    return "/".join([root, *folders])


def corpus_layout(
    files: Sequence[InputFile], footers: Mapping[str, Footer], parts: Sequence[Parts], root: str
) -> Layout:
    """Lay out files with a unit per row group. All rows are documents, scored or not."""
    stretches: list[Stretch] = []
    units: list[Block] = []
    folders: list[str] = []
    kinds: dict[object, int] = {}
    for number, file in enumerate(files):
        footer = footers[file.path]
        firsts = list(accumulate(footer.rows, initial=0))
        kind = kinds.setdefault(footer.described.kind, len(kinds))
        groups = [group for group, rows in enumerate(footer.rows) if rows]
        first_unit = len(units)
        for group in groups:
            source = _of(file, number, start=firsts[group], stop=firsts[group + 1], firsts=firsts)
            units.append(Block(source, kind, footer.rows[group], footer.file_bytes[group]))
            folders.append(folder_of(root, file.path, file.partition, footer.schema.names))
        starts = [firsts[group] for group in groups]
        for start, stop in _spans(parts[0].get(file.path, ()), firsts[-1]):
            before, after = bisect_right(starts, start) - 1, bisect_left(starts, stop)
            stretches.append(
                replace(
                    _of(file, number, start=start, stop=stop, firsts=firsts),
                    parts=parts_of(parts, file.path, start, stop),
                    first_unit=first_unit + before,
                    starts=tuple(starts[before + 1 : after]),
                )
            )
    return Layout(stretches, units, folders)


def parts_layout(
    files: Sequence[InputFile], footers: Mapping[str, Footer], parts: Sequence[Parts], root: str
) -> Layout:
    """Lay out files with a unit per part. Only scored rows are documents."""
    stretches: list[Stretch] = []
    units: list[Block] = []
    for number, file in enumerate(files):
        rows = footers[file.path].rows if file.path in footers else []
        firsts = list(accumulate(rows, initial=0))
        for part in parts[0].get(file.path, ()):
            start, stop = part.shard.start, part.shard.stop
            if start == stop:
                continue
            source = _of(file, number, start=start, stop=stop, firsts=firsts)
            units.append(Block(source, 0, part.rows, part.bytes))
            run_parts = parts_of(parts, file.path, start, stop)
            stretches.append(replace(source, parts=run_parts, first_unit=len(stretches)))
    return Layout(stretches, units, [root] * len(units))


def plan_folders(
    layout: Layout,
    kept: Cells,
    target: float,
    tasks: int,
    group_rows: int | None,
    planned: Sequence[PlannedFolder],
) -> list[PlannedFolder]:
    """Bundle the units, folder by folder, after the bundles that are planned already.

    Args:
        layout: the units and their folders.
        kept: documents to keep, by unit.
        target: bytes of a file.
        tasks: how many tasks copy at once.
        group_rows: rows of a row group; None for the usual number of the folder's units.
        planned: the folders that are planned already.
    """
    before = {folder.path: folder for folder in planned}
    known = dict(zip(kept.cells.tolist(), kept.documents.tolist(), strict=True))
    by_folder: dict[str, list[Block]] = {}
    for number, (unit, folder) in enumerate(zip(layout.units, layout.folders, strict=True)):
        by_folder.setdefault(folder, []).append(replace(unit, kept=known.get(number, 0)))
    folders, read = [], most_read(layout.units, tasks)
    for folder, units in by_folder.items():
        old: tuple[Bundle, ...] = before[folder].units if folder in before else ()
        start = before[folder].rows if folder in before else 0
        rows = group_rows or usual_rows(units)
        new = bundle(folder, units, target=target, read=read, group_rows=rows, start=start)
        folders.append(PlannedFolder(folder, (*old, *new)))
    return folders


def usual_rows(units: Sequence[Block]) -> int:
    """Return the median number of documents of the units that are not empty."""
    return median_high([unit.documents for unit in units if unit.documents] or [1])


def _of(file: InputFile, number: int, start: int, stop: int, firsts: Sequence[int]) -> Stretch:
    """Return a stretch of a file's rows [start, stop), with the row groups of these rows.

    Args:
        file: the file.
        number: the file's number among all files.
        start: the first row.
        stop: the row after the last row.
        firsts: the first row of each row group, then the number of rows; only 0 if the file is not
            read.
    """
    first = bisect_right(firsts, start) - 1
    known = len(firsts) > 1
    return Stretch(
        file=file.path,
        number=number,
        start=start,
        stop=stop,
        parts=(),
        first_unit=0,
        partition=file.partition,
        size=file.size,
        version=file.version,
        first_group=first if known else 0,
        stop_group=bisect_left(firsts, stop) if known else 0,
        first_row=firsts[first] if known else 0,
    )


def _spans(parts: Sequence[ScoredPart], rows: int) -> Iterator[tuple[int, int]]:
    """Yield spans of the rows [0, rows), cut at the ends of parts and after MOST_ROWS rows."""
    ends = {end for part in parts for end in (part.shard.start, part.shard.stop)}
    for start, stop in pairwise(sorted({0, rows, *(end for end in ends if end < rows)})):
        yield from pairwise([*range(start, stop, MOST_ROWS), stop])
