"""Looks at each corpus file for properties that a copy keeps, changes or loses. Planning logs
changes and losses, or refuses to go on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from rm_ray.errors import InputError
from rm_ray.filter.config import FilesConfig
from rm_ray.parquet.key_values import without_schemas
from rm_ray.parquet.kind import HADOOP_LZ4
from rm_ray.parquet.source import ParquetSource

LZ4 = "the codec LZ4 of Hadoop, which is written as LZ4_RAW: the format has replaced it"
BLOOM = "Bloom filters of booleans, which pyarrow does not write"
# Most losses that an error names; manifest.json names all.
MOST_NAMED = 5


@dataclass(frozen=True)
class Keeping:
    """Tells how faithfully one file can be copied."""

    kind: str
    """A name; rows of files with the same name may go into one output file."""
    changed: tuple[str, ...]
    """Properties that are written in another way although nothing is lost, each in a few words."""
    lost: tuple[str, ...]
    """Properties that cannot be written as they are, each in a few words."""


@dataclass(frozen=True)
class FooterLook:
    """Looks at open files of a corpus; it is sent to tasks."""

    output: FilesConfig
    """The files that the filter is to write."""

    def __call__(self, file: BinaryIO) -> Keeping:
        """Tell how faithfully the file can be copied.

        Raises:
            ArrowInvalid: the file is not a Parquet file, or is damaged.
        """
        source = ParquetSource.of(file)
        lost = [f"column {name!r} {why}, and is left out" for name, why in source.dropped.items()]
        lost += [f"column {name!r} {why}" for name, why in source.reshaped.items()]
        if self.output.add and not source.can_add_columns():
            lost.append("the stored Arrow schema, to which pyarrow cannot add columns, is left out")
        changed = list(source.changed)
        if not self.output.codec and any(leaf.codec == HADOOP_LZ4 for leaf in source.kind.leaves):
            changed.append(LZ4)
        if self.output.add:
            changed += without_schemas(source.kind.key_values)[1]
        if any(leaf.bloom and leaf.boolean for leaf in source.kind.leaves):
            changed.append(BLOOM)
        return Keeping(source.kind.name, tuple(changed), tuple(lost))


@dataclass
class Alterations:
    """Counts the properties that a copy does not keep as the corpus has them."""

    changed: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By property (as in Keeping): the number of files where it is changed, and the first path."""
    lost: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By property (as in Keeping): the number of files where it is lost, and the first path."""

    @classmethod
    def of(cls, files: Mapping[str, Keeping]) -> "Alterations":
        """Count the alterations in files. `files`: by path."""
        return cls(
            _counted((path, change) for path, file in files.items() for change in file.changed),
            _counted((path, loss) for path, file in files.items() for loss in file.lost),
        )

    @classmethod
    def merge(cls, many: Iterable["Alterations"]) -> "Alterations":
        """Return the sum over segments of a plan."""
        total = cls()
        for segment in many:
            for sums, counts in ((total.changed, segment.changed), (total.lost, segment.lost)):
                for alteration, (count, first) in counts.items():
                    before, known = sums.get(alteration, (0, first))
                    sums[alteration] = before + count, known
        return total

    def check(self, lossy: str) -> None:
        """Refuse to lose anything, unless `lossy` is "allow".

        Raises:
            InputError: something would be lost; the message names columns, a file and the remedy.
        """
        if not self.lost or lossy == "allow":
            return
        named = [f"{loss} (first in {path})" for loss, (_, path) in self.lost.items()]
        more = f"; and {len(named) - MOST_NAMED:,} more" if len(named) > MOST_NAMED else ""
        raise InputError(
            f"corpus.path: not everything can be written as it is: {'; '.join(named[:MOST_NAMED])}"
            f"{more}. Go on without it: --output.lossy allow (manifest.json lists what is lost), "
            "or write no rows: --output.kind ids"
        )

    def lines(self) -> list[str]:
        """Describe the alterations for people, one a line."""
        return [
            f"{kind}: {alteration}; in {count:,} files, first {path}"
            for kind, counts in (("changed", self.changed), ("lost", self.lost))
            for alteration, (count, path) in counts.items()
        ]


def _counted(alterations: Iterable[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """Count pairs of a path and an alteration: by alteration, their number and the first path."""
    counted: dict[str, tuple[int, str]] = {}
    for path, alteration in alterations:
        count, first = counted.get(alteration, (0, path))
        counted[alteration] = count + 1, first
    return counted
