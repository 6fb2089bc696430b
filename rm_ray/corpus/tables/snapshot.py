"""A snapshot of a table, and its files: the one type that Delta and Iceberg tables give."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rm_ray.corpus.tables.fields import TableFields

Ints = npt.NDArray[np.int64]
# The deleted rows of a file that has none.
NONE: Ints = np.empty(0, np.int64)


@dataclass(frozen=True)
class TableFile:
    """A TableFile is a data file of a snapshot."""

    path: str
    """Path or URI of the file, absolute."""
    partition: dict[str, str | None]
    """Partition values by the table's column names, as text; None for null."""
    rows: int | None
    """Rows of the file, deleted ones included; None if the table does not say."""


@dataclass(frozen=True)
class Snapshot:
    """A Snapshot is one version of a table."""

    kind: str
    """delta or iceberg."""
    address: str
    """The address of the table, as it was given."""
    id: int
    """Version of a Delta table, or id of an Iceberg snapshot."""
    files: list[TableFile]
    """Its data files, sorted by path."""
    fields: TableFields
    """The table's columns."""
    deleted: dict[str, Ints] = field(default_factory=dict)
    """Numbers of the deleted rows by path, ascending, for files that have any."""

    def __str__(self) -> str:
        """Name the snapshot for people."""
        name = "version" if self.kind == "delta" else "snapshot"
        return f"{name} {self.id} of {self.kind}:{self.address}"
