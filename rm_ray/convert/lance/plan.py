"""The plan of a Lance dataset: how its fragments are cut into shards, spans of their rows. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

from rm_ray.corpus.shards import Shard


@dataclass(frozen=True)
class FragmentUnit:
    """A FragmentUnit is the work of one task: one shard; see corpus.plan.Unit."""

    file: str
    """The fragment, with its dataset and version."""
    shards: tuple[Shard, ...]
    """The one shard. Its rows are counted without deleted ones."""
    address: str
    """Path or URI of the dataset's folder."""
    version: int
    """Number of the dataset's version."""
    fragment: int
    """Id of the fragment."""
    files: tuple[str, ...]
    """Names of the fragment's files."""
    at_once: int
    """Rows that are read at once."""

    def to_json(self) -> str:
        """Write the unit as JSON, for its task."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "FragmentUnit":
        """Read the unit that `to_json` wrote."""
        data = json.loads(line)
        shards = tuple(Shard(**span) for span in data["shards"])
        return cls(**data | {"shards": shards, "files": tuple(data["files"])})

    def with_shards(self, shards: tuple[Shard, ...]) -> "FragmentUnit":
        """Return the unit with these shards: its one shard, since a shard is never cut."""
        return replace(self, shards=shards)


@dataclass(frozen=True)
class PlannedFragment:
    """A PlannedFragment is one fragment, cut into shards; see corpus.plan.Planned."""

    path: str
    """The fragment, with its dataset and version."""
    address: str
    """Path or URI of the dataset's folder."""
    version: int
    """Number of the dataset's version."""
    fragment: int
    """Id of the fragment."""
    files: tuple[str, ...]
    """Names of the fragment's files."""
    size: int
    """Bytes of the data files; 0 where the dataset does not say."""
    deleted: int
    """Rows that are deleted."""
    at_once: int
    """Rows that are read at once."""
    cuts: tuple[int, ...]
    """Rows at which shards begin, and the number of rows, counted without deleted ones."""

    @property
    def rows(self) -> int:
        """Return the number of rows that are not deleted."""
        return self.cuts[-1]

    @property
    def units(self) -> Sequence[FragmentUnit]:
        """Return the shards, each as a unit."""
        return tuple(
            FragmentUnit(
                file=self.path,
                shards=(Shard(self.path, start, stop),),
                address=self.address,
                version=self.version,
                fragment=self.fragment,
                files=self.files,
                at_once=self.at_once,
            )
            for start, stop in pairwise(self.cuts)
        )

    def to_do(self) -> Sequence[FragmentUnit]:
        """Return the units."""
        return self.units

    def to_json(self) -> str:
        """Write the fragment as one line of a plan segment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> "PlannedFragment":
        """Read the fragment that `to_json` wrote."""
        data = json.loads(line)
        return cls(**data | {"files": tuple(data["files"]), "cuts": tuple(data["cuts"])})
