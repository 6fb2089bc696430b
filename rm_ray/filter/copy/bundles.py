"""Bundles: consecutive blocks of one folder, copied together into one file.

A block is a row group of the corpus, or a part of the scoring run if only rewards are written. It
is never sliced. A folder is seen as one long file: the documents of its files, one file after
another. A bundle is a span of this long file, and the bundle's part is named by the span. Pure.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rm_ray.corpus.shards import Shard
from rm_ray.filter.count.stretches import Stretch

# A bundle reads at most MOST_READ times the bytes that it writes, and at most MOST_DOCUMENTS
# documents, since one task copies it.
MOST_READ, MOST_DOCUMENTS = 64, 4_000_000
# Each concurrent task gets several bundles, so that the last tasks end at about the same time; but
# bundles may always read LEAST_READ bytes.
BUNDLES_PER_TASK, LEAST_READ = 4, 64 << 20
# Fields of each source in the JSON of a bundle, in this order.
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
class Block:
    """A Block is one row group, or one part of the scoring run: the smallest piece of input that a
    copy task reads.
    """

    source: Stretch
    """The block's rows."""
    kind: int
    """A number; blocks of different kinds never share an output file."""
    documents: int
    """Documents in the block."""
    bytes: int
    """Bytes of the block as stored."""
    kept: int = 0
    """Documents in the block that are to be kept."""


@dataclass(frozen=True)
class Bundle:
    """A bundle is a span of a folder's documents that one task copies; see corpus.plan.Unit."""

    file: str
    """The folder, which is seen as one long file."""
    shards: tuple[Shard, ...]
    """The span of the folder's documents, as its one shard."""
    sources: tuple[Stretch, ...]
    """One stretch of rows per corpus file: from the first to the last block with a kept document.
    """
    kept: int
    """Documents to keep, in all sources together."""
    group_rows: int
    """Rows of a row group of the output."""

    def to_json(self) -> str:
        """Write the bundle as JSON, for its task and for a line of the plan."""
        shard = self.shards[0]
        sources = [[getattr(source, name) for name in _OF_A_SOURCE] for source in self.sources]
        values = [self.file, shard.start, shard.stop, self.kept, self.group_rows, sources]
        return json.dumps(values)

    @classmethod
    def from_json(cls, line: str) -> "Bundle":
        """Read the bundle that `to_json` wrote."""
        folder, start, stop, kept, group_rows, sources = json.loads(line)
        return cls(
            file=folder,
            shards=(Shard(folder, start, stop),),
            sources=tuple(map(_source, sources)),
            kept=kept,
            group_rows=group_rows,
        )

    def with_shards(self, shards: tuple[Shard, ...]) -> "Bundle":
        """Return the bundle with these shards: its one shard, since bundles are never cut."""
        return replace(self, shards=shards)


def _source(values: Sequence[Any]) -> Stretch:
    known = dict(zip(_OF_A_SOURCE, values, strict=True))
    return Stretch(number=0, parts=(), first_unit=0, **known)


def said(bundle: Bundle) -> str:
    """Describe a bundle for people: the corpus rows from its first to its last."""
    if not bundle.sources:
        return f"{bundle.shards[0]}, of which none are kept"
    first, last = bundle.sources[0], bundle.sources[-1]
    to = f"{last.stop - 1}" if last.file == first.file else f"{last.file}, row {last.stop - 1}"
    return f"{first.file}, rows {first.start} to {to}"


@dataclass(frozen=True)
class PlannedFolder:
    """A planned folder is a folder of the output with its bundles; see corpus.plan.Planned."""

    path: str
    """Path from the output's root: the name of the output's kind, then hive folders."""
    units: tuple[Bundle, ...]
    """The folder's bundles, in order: a bundle is the unit of this plan."""

    def to_json(self) -> str:
        """Write the folder as one line of a plan segment."""
        bundles = [json.loads(bundle.to_json()) for bundle in self.units]
        return json.dumps({"folder": self.path, "bundles": bundles})

    @classmethod
    def from_json(cls, line: str) -> "PlannedFolder":
        """Read the folder that `to_json` wrote."""
        content = json.loads(line)
        bundles = tuple(Bundle.from_json(json.dumps(bundle)) for bundle in content["bundles"])
        return cls(content["folder"], bundles)

    def to_do(self) -> tuple[Bundle, ...]:
        """Return the folder's bundles."""
        return self.units

    @property
    def rows(self) -> int:
        """Return the number of the folder's documents that are planned."""
        return self.units[-1].shards[-1].stop if self.units else 0


def most_read(blocks: Iterable[Block], tasks: int) -> float:
    """Return how many stored bytes a bundle may read, so that `tasks` concurrent tasks end at
    about the same time.
    """
    return max(LEAST_READ, sum(block.bytes for block in blocks) / (BUNDLES_PER_TASK * tasks))


def bundle(
    folder: str,
    blocks: Iterable[Block],
    target: float,
    read: float,
    group_rows: int,
    start: int = 0,
) -> list[Bundle]:
    """Cut blocks, in order, into bundles that each keep about `target` bytes.

    Args:
        folder: the output folder of the blocks.
        blocks: the blocks, in order.
        target: bytes that a bundle should keep.
        read: stored bytes that a bundle may read.
        group_rows: rows of a row group of the output.
        start: documents of the folder that are bundled already.
    """
    bundles: list[Bundle] = []
    taken: list[Block] = []
    read = min(read, MOST_READ * target)
    kept = stored = documents = 0.0
    for block in blocks:
        written = block.bytes * block.kept / max(1, block.documents)
        full = kept + written > target or stored + block.bytes > read
        other = bool(taken) and taken[0].kind != block.kind
        if taken and (full or other or documents + block.documents > MOST_DOCUMENTS):
            bundles.append(_bundled(folder, taken, group_rows, start))
            start = bundles[-1].shards[0].stop
            taken, kept, stored, documents = [], 0.0, 0.0, 0.0
        taken.append(block)
        kept, stored = kept + written, stored + block.bytes
        documents += block.documents
    if taken:
        bundles.append(_bundled(folder, taken, group_rows, start))
    return bundles


def _bundled(folder: str, blocks: Sequence[Block], group_rows: int, start: int) -> Bundle:
    sources: dict[str, Stretch] = {}
    for source in (block.source for block in blocks if block.kept):
        # one stretch per file, so that the file is opened once and its parts are read once
        before = sources.setdefault(source.file, source)
        sources[source.file] = replace(before, stop=source.stop, stop_group=source.stop_group)
    documents = sum(block.documents for block in blocks)
    kept = sum(block.kept for block in blocks)
    shard = Shard(folder, start, start + documents)
    return Bundle(
        file=folder,
        shards=(shard,),
        sources=tuple(sources.values()),
        kept=kept,
        group_rows=group_rows,
    )
