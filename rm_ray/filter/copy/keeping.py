"""What copying keeps of each corpus file; what it cannot keep is said, or refused, at planning."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from rm_ray.errors import InputError
from rm_ray.filter.config import FilesConfig
from rm_ray.parquet.key_values import without_schemas
from rm_ray.parquet.kind import HADOOP_LZ4
from rm_ray.parquet.source import Source

LZ4 = "the codec LZ4 of Hadoop, which is written as LZ4_RAW: the format has replaced it"
BLOOM = "Bloom filters of booleans, which pyarrow does not write"
# Columns that are named in an error; manifest.json names all.
MOST_NAMED = 5


@dataclass(frozen=True)
class Keeping:
    """What copying keeps of one file."""

    kind: str
    """A name that files share where their rows may go into one file."""
    changed: tuple[str, ...]
    """What is written in another way though nothing is lost, each in a few words."""
    lost: tuple[str, ...]
    """What cannot be written as it is, each in a few words."""


@dataclass(frozen=True)
class Look:
    """Looks at open files of a corpus; travels to tasks."""

    output: FilesConfig

    def __call__(self, file: BinaryIO) -> Keeping:
        """What copying keeps of a file.

        Raises:
            ArrowInvalid: it is no Parquet file, or damaged.
        """
        source = Source.of(file)
        lost = [f"column {name!r} {why}, and is left out" for name, why in source.dropped.items()]
        lost += [f"column {name!r} {why}" for name, why in source.reshaped.items()]
        if self.output.add and not source.can_add_columns():
            lost.append("the stored Arrow schema, to which pyarrow cannot add columns, is left out")
        changed = list(source.changed)
        if not self.output.codec and any(one.codec == HADOOP_LZ4 for one in source.kind.leaves):
            changed.append(LZ4)
        if self.output.add:
            changed += without_schemas(source.kind.key_values)[1]
        if any(one.bloom and one.boolean for one in source.kind.leaves):
            changed.append(BLOOM)
        return Keeping(source.kind.name, tuple(changed), tuple(lost))


@dataclass
class Alterations:
    """What is not as the corpus has it: in how many files, and the first of them."""

    changed: dict[str, tuple[int, str]] = field(default_factory=dict)
    lost: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, files: Mapping[str, Keeping]) -> "Alterations":
        """Count what is altered in files, by their paths."""
        return cls(
            _counted((path, what) for path, one in files.items() for what in one.changed),
            _counted((path, what) for path, one in files.items() for what in one.lost),
        )

    @classmethod
    def merge(cls, many: Iterable["Alterations"]) -> "Alterations":
        """The sum over segments of a plan."""
        found = cls()
        for one in many:
            for own, more in ((found.changed, one.changed), (found.lost, one.lost)):
                for what, (count, first) in more.items():
                    before, known = own.get(what, (0, first))
                    own[what] = before + count, known
        return found

    def check(self, lossy: str) -> None:
        """Refuse what would be lost, unless that is allowed.

        Raises:
            InputError: naming columns, a file and what to do.
        """
        if not self.lost or lossy == "allow":
            return
        named = [f"{what} (first in {path})" for what, (_, path) in self.lost.items()]
        more = f"; and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
        raise InputError(
            f"corpus.path: not everything can be written as it is: {'; '.join(named[:MOST_NAMED])}"
            f"{more}. Go on without it: --output.lossy allow (manifest.json lists what is lost), "
            "or write no rows: --output.kind ids"
        )

    def lines(self) -> list[str]:
        """What is altered, for people."""
        return [
            f"{kind}: {what}; in {count:,} files, first {path}"
            for kind, found in (("changed", self.changed), ("lost", self.lost))
            for what, (count, path) in found.items()
        ]


def _counted(found: Iterable[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    counted: dict[str, tuple[int, str]] = {}
    for path, what in found:
        count, first = counted.get(what, (0, path))
        counted[what] = count + 1, first
    return counted
