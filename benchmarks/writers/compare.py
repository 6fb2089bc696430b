"""Compares a copy with its source: the schema, the metadata, and how columns are stored."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.writers.metadata import differences
from benchmarks.writers.stored import Leaf, Stored
from rm_ray.filter.copy.keeping import BLOOM, LZ4
from rm_ray.parquet.schema import CHILDREN
from rm_ray.parquet.thrift import without

Path = tuple[str, ...]
MOST_NAMED = 3
CHUNKS = "the metadata of single column chunks is left out"


@dataclass
class Compared:
    """The differences between a source and its copy, in words."""

    wrong: list[str] = field(default_factory=list)
    """Differences that the filter does not announce."""
    notes: list[str] = field(default_factory=list)
    """Differences in statistics, and in properties that vary within the source."""


@dataclass(frozen=True)
class Excused:
    """The changes that the filter announces for a file before copying it."""

    changed: Collection[str] = ()
    """Sentences about the changes."""
    dropped: Collection[str] = ()
    """Names of columns that are left out."""
    reshaped: Collection[str] = ()
    """Names of columns that are written in another structure."""


def compare(source: Stored, copies: Sequence[Stored], excused: Excused) -> Compared:
    """Compare a written file with its source."""
    found = Compared()
    for copy in copies:
        found.wrong += _schema(source, copy, excused)
        found.wrong += differences(source.key_values, copy.key_values, excused.changed)
        _compare_leaves(source, copy, excused, found)
        if not excused.dropped:
            found.wrong += _sorting(source, copy)
        if CHUNKS not in excused.changed:
            found.wrong += _own_metadata(source, copy, excused)
    found.wrong = list(dict.fromkeys(found.wrong))
    found.notes = list(dict.fromkeys(found.notes))
    found.notes += _statistics(source, copies, excused)
    found.notes += _uneven(source)
    return found


def named(columns: Iterable[str]) -> str:
    """Name the first columns, and count the others."""
    names = list(dict.fromkeys(columns))
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(f"`{name}`" for name in names[:MOST_NAMED]) + more


def _schema(source: Stored, copy: Stored, excused: Excused) -> list[str]:
    if without(source.root, CHILDREN) != without(copy.root, CHILDREN):
        return ["the root of the schema differs"]
    names = [name for name in source.elements if name not in excused.dropped]
    if names != list(copy.elements):
        return [f"the columns are {list(copy.elements)} in place of {names}"]
    other = [
        name
        for name in names
        if name not in excused.reshaped and source.elements[name] != copy.elements[name]
    ]
    return [f"schema elements differ in {named(other)}"] if other else []


def _compare_leaves(source: Stored, copy: Stored, excused: Excused, found: Compared) -> None:
    """Compare how columns of values are stored. The source's first row group is the model."""
    wrong: dict[str, list[str]] = {}
    more: list[str] = []
    some = any(leaf.offset_index for leaf in source.groups[0].values())
    for group in copy.groups:
        for path, leaf in _common(source.groups[0], excused):
            for what, change in leaf.differences(group[path]).items():
                if what.endswith("index") and some and change == "False became True":
                    more.append(".".join(path))
                elif not _is_said(what, change, excused.changed) and not (
                    # an index of least and greatest values, which the notes name already
                    what == "column_index" and not copy.statistics[path].bounds
                ):
                    said = f"{what.replace('_', ' ')}: {change}"
                    wrong.setdefault(said, []).append(".".join(path))
    found.wrong += [f"{said} in {named(paths)}" for said, paths in wrong.items()]
    found.notes += [f"a page index of {named(more)} too"] if more else []


def _common(group: dict[Path, Leaf], excused: Excused) -> list[tuple[Path, Leaf]]:
    gone = {*excused.dropped, *excused.reshaped}
    return [(path, leaf) for path, leaf in group.items() if path[0] not in gone]


def _is_said(what: str, change: str, changed: Collection[str]) -> bool:
    if what == "codec":
        return change == "LZ4 became LZ4_RAW" and LZ4 in changed
    return what == "bloom_filter" and change == "True became False" and BLOOM in changed


def _sorting(source: Stored, copy: Stored) -> list[str]:
    """Compare the sorting columns. A copy has them if all row groups of its source agree."""
    first = source.sorting[0]
    wanted = first if all(one == first for one in source.sorting) else []
    return [] if all(one == wanted for one in copy.sorting) else ["sorting columns differ"]


def _own_metadata(source: Stored, copy: Stored, excused: Excused) -> list[str]:
    gone = [
        ".".join(path)
        for path, told in source.statistics.items()
        if path[0] not in {*excused.dropped, *excused.reshaped}
        and told.key_values
        and not copy.statistics[path].key_values
    ]
    return [f"the key-value metadata of columns is lost in {named(gone)}"] if gone else []


def _statistics(source: Stored, copies: Sequence[Stored], excused: Excused) -> list[str]:
    found = []
    for what, said in (
        ("bounds", "least and greatest values"),
        ("places", "geospatial statistics"),
    ):
        gone = [
            ".".join(path)
            for path, told in source.statistics.items()
            if path[0] not in excused.dropped
            and getattr(told, what)
            and not any(path in c.statistics and getattr(c.statistics[path], what) for c in copies)
        ]
        if gone:
            found.append(f"no {said} of {named(gone)}")
    return found


def _uneven(source: Stored) -> list[str]:
    """Name the columns that the source stores in several ways."""
    first = source.groups[0]
    other = [
        ".".join(path)
        for group in source.groups[1:]
        for path, leaf in group.items()
        if leaf != first[path]
    ]
    return [f"its row groups differ in {named(other)}"] if other else []
