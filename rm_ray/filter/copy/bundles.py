"""Bundles: consecutive units of one folder, copied together into one file.

A unit is a row group of the corpus, or a part of the scoring run where only rewards are written; it
is never sliced. Pure. A folder is seen as one long file of documents, those of its files one after
another, and a bundle is a span of it, which its part is named by.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rm_ray.corpus.shards import Shard
from rm_ray.filter.count.stretches import Stretch

# A bundle reads at most so many times what it writes, and so many documents: one task does it.
MOST_READ, MOST_DOCUMENTS = 64, 4_000_000
# Each task at once gets several bundles, that the last ones end together, but no smaller ones.
BUNDLES_PER_TASK, LEAST_READ = 4, 64 << 20
# What the JSON of a bundle holds of each of its sources, in this order.
_OF_A_SOURCE = (
    "file",
    "start",
    "stop",
    "partition",
    "first_group",
    "stop_group",
    "first_row",
    "size",
    "version",
)


@dataclass(frozen=True)
class Unit:
    """What is never sliced. `kind`: units of different kinds share no file. `documents`: in it, of
    which `kept` are to be kept; `bytes`: as stored.
    """

    source: Stretch
    kind: int
    documents: int
    bytes: int
    kept: int = 0


@dataclass(frozen=True)
class Bundle:
    """Documents of a folder that one task copies; see corpus.plan.Unit.

    `sources`: of each file, from the first unit of which some are kept to the last one; `kept`: of
    all together. `group_rows`: rows of a row group.
    """

    file: str
    shards: tuple[Shard, ...]
    sources: tuple[Stretch, ...]
    kept: int
    group_rows: int

    def to_json(self) -> str:
        """The form in which it travels to its task, and one line of a plan has it."""
        shard = self.shards[0]
        sources = [[getattr(source, name) for name in _OF_A_SOURCE] for source in self.sources]
        said = [self.file, shard.start, shard.stop, self.kept, self.group_rows, sources]
        return json.dumps(said)

    @classmethod
    def from_json(cls, line: str) -> "Bundle":
        """The bundle that `to_json` wrote."""
        folder, start, stop, kept, group_rows, sources = json.loads(line)
        return cls(
            file=folder,
            shards=(Shard(folder, start, stop),),
            sources=tuple(map(_source, sources)),
            kept=kept,
            group_rows=group_rows,
        )

    def with_shards(self, shards: tuple[Shard, ...]) -> "Bundle":
        """With its one shard, of which there are no pieces."""
        return replace(self, shards=shards)


def _source(said: Sequence[Any]) -> Stretch:
    known = dict(zip(_OF_A_SOURCE, said, strict=True))
    return Stretch(number=0, parts=(), first_unit=0, **known)


def said(bundle: Bundle) -> str:
    """A bundle as a person finds it: from which rows of the corpus to which."""
    if not bundle.sources:
        return f"{bundle.shards[0]}, of which none are kept"
    first, last = bundle.sources[0], bundle.sources[-1]
    to = f"{last.stop - 1}" if last.file == first.file else f"{last.file}, row {last.stop - 1}"
    return f"{first.file}, rows {first.start} to {to}"


@dataclass(frozen=True)
class PlannedFolder:
    """A folder of the output, as bundles; see corpus.plan.Planned. `path`: from the output's root,
    the name of what it holds before those of hive folders.
    """

    path: str
    units: tuple[Bundle, ...]

    def to_json(self) -> str:
        """One line of a plan segment."""
        bundles = [json.loads(bundle.to_json()) for bundle in self.units]
        return json.dumps({"folder": self.path, "bundles": bundles})

    @classmethod
    def from_json(cls, line: str) -> "PlannedFolder":
        """The folder that `to_json` wrote."""
        said = json.loads(line)
        units = tuple(Bundle.from_json(json.dumps(bundle)) for bundle in said["bundles"])
        return cls(said["folder"], units)

    def to_do(self) -> tuple[Bundle, ...]:
        """Its bundles."""
        return self.units

    @property
    def rows(self) -> int:
        """How many of its documents are planned."""
        return self.units[-1].shards[-1].stop if self.units else 0


def most_read(units: Iterable[Unit], tasks: int) -> float:
    """How many bytes a bundle may read, as stored, for so many tasks at once to end together."""
    return max(LEAST_READ, sum(unit.bytes for unit in units) / (BUNDLES_PER_TASK * tasks))


def bundle(
    folder: str,
    units: Iterable[Unit],
    target: float,
    read: float,
    group_rows: int,
    start: int = 0,
) -> list[Bundle]:
    """Units in order, in bundles of which about `target` bytes are kept.

    Args:
        read: bytes that a bundle may read, as stored.
        start: documents of the folder that are bundled already.
    """
    found: list[Bundle] = []
    taken: list[Unit] = []
    read = min(read, MOST_READ * target)
    kept = stored = documents = 0.0
    for unit in units:
        written = unit.bytes * unit.kept / max(1, unit.documents)
        full = kept + written > target or stored + unit.bytes > read
        other = bool(taken) and taken[0].kind != unit.kind
        if taken and (full or other or documents + unit.documents > MOST_DOCUMENTS):
            found.append(_bundled(folder, taken, group_rows, start))
            start = found[-1].shards[0].stop
            taken, kept, stored, documents = [], 0.0, 0.0, 0.0
        taken.append(unit)
        kept, stored = kept + written, stored + unit.bytes
        documents += unit.documents
    if taken:
        found.append(_bundled(folder, taken, group_rows, start))
    return found


def _bundled(folder: str, units: Sequence[Unit], group_rows: int, start: int) -> Bundle:
    sources: dict[str, Stretch] = {}
    for source in (unit.source for unit in units if unit.kept):
        # of one file all at once: it is opened once, and parts are read once
        before = sources.setdefault(source.file, source)
        sources[source.file] = replace(before, stop=source.stop, stop_group=source.stop_group)
    documents = sum(unit.documents for unit in units)
    kept = sum(unit.kept for unit in units)
    shard = Shard(folder, start, start + documents)
    return Bundle(
        file=folder,
        shards=(shard,),
        sources=tuple(sources.values()),
        kept=kept,
        group_rows=group_rows,
    )
