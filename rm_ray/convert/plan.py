"""The plan of a conversion: how input files are cut into shards, which are spans of bytes. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

from rm_ray.corpus.shards import Shard


@dataclass(frozen=True)
class ByteSpan(Shard):
    """A ByteSpan is a shard whose start and stop are bytes of the input file, as it is stored."""

    def __str__(self) -> str:
        return f"{self.file}, bytes {self.start} to {self.stop - 1}"


@dataclass(frozen=True)
class LinesUnit:
    """A LinesUnit is the work of one task: one shard; see corpus.plan.Unit."""

    file: str
    """Path of the input file."""
    shards: tuple[Shard, ...]
    """The one shard."""
    first_line: int
    """Number of the shard's first line in the file, from 1."""
    packing: str | None
    """Compression of the file; None for a plain file."""
    folder: str
    """Folder of the shard's files below `corpus` and `rejects`; "" for these themselves."""
    size: int
    """Size of the file in bytes when it was planned."""
    version: str
    """Version of the file when it was planned."""

    def to_json(self) -> str:
        """Write the unit as JSON, for its task."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "LinesUnit":
        """Read the unit that `to_json` wrote."""
        data = json.loads(line)
        return cls(**data | {"shards": tuple(ByteSpan(**span) for span in data["shards"])})

    def with_shards(self, shards: tuple[Shard, ...]) -> "LinesUnit":
        """Return the unit with these shards: its one shard, since a shard is never cut."""
        return replace(self, shards=shards)


@dataclass(frozen=True)
class PlannedLines:
    """A PlannedLines is one input file, cut into shards; see corpus.plan.Planned."""

    path: str
    """Path of the file."""
    size: int
    """Size of the file in bytes."""
    version: str
    """Etag or modification time of the file."""
    packing: str | None
    """Compression of the file; None for a plain file."""
    folder: str
    """Folder of the file below its input path; "" for the input path itself."""
    cuts: tuple[int, ...]
    """Bytes at which shards begin, and the size of the file; () for an empty file."""
    lines: tuple[int, ...]
    """For each shard, the number of its first line, from 1."""

    @property
    def units(self) -> Sequence[LinesUnit]:
        """Return the shards, each as a unit."""
        return tuple(
            LinesUnit(
                file=self.path,
                shards=(ByteSpan(self.path, start, stop),),
                first_line=line,
                packing=self.packing,
                folder=self.folder,
                size=self.size,
                version=self.version,
            )
            for (start, stop), line in zip(pairwise(self.cuts), self.lines, strict=True)
        )

    def to_do(self) -> Sequence[LinesUnit]:
        """Return the units."""
        return self.units

    def to_json(self) -> str:
        """Write the file as one line of a plan segment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "PlannedLines":
        """Read the file that `to_json` wrote."""
        data = json.loads(line)
        return cls(**data | {"cuts": tuple(data["cuts"]), "lines": tuple(data["lines"])})
