"""The documents that a filter leaves out, one by one, whatever their rewards."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.counts.order import Ints
from rm_ray.errors import InputError, short
from rm_ray.filter.count.documents import Flags
from rm_ray.filter.delivery import LeaveOutConfig
from rm_ray.store.folder import Folder, absolute


@dataclass(frozen=True)
class LeftOut:
    """The rows to leave out. It is sent to tasks."""

    rows: dict[str, Ints] = field(default_factory=dict)
    """Row numbers by corpus file, ascending."""
    digest: str = ""
    """Hash of the file that names them; "" without a file."""

    @classmethod
    def read(cls, asked: LeaveOutConfig) -> "LeftOut":
        """Read the file that names the documents.

        Raises:
            InputError: it cannot be read, or lacks a column.
        """
        if asked.path is None:
            return cls()
        folder, _, name = absolute(asked.path).rpartition("/")
        data = Folder(folder, asked.storage, side="leave_out").read(name)
        if data is None:
            raise InputError(f"leave_out.path: there is no file {asked.path}")
        try:
            table = pq.read_table(io.BytesIO(data), columns=["source_file", "row"])
            files = table.column("source_file").cast(pa.string()).combine_chunks()
            numbers = table.column("row").cast(pa.int64()).combine_chunks()
        except (pa.ArrowException, KeyError) as error:
            raise InputError(f"leave_out.path: {asked.path}: {short(error)}") from None
        if files.null_count or numbers.null_count:
            raise InputError(
                f"leave_out.path: {asked.path} has {files.null_count + numbers.null_count:,} nulls "
                "in the columns source_file and row, which name the documents: leave such rows out"
            )
        return cls(_by_file(files, numbers), hashlib.sha256(data).hexdigest()[:32])

    @property
    def documents(self) -> int:
        """Return how many documents are named."""
        return sum(map(len, self.rows.values()))

    def of(self, file: str, rows: Ints) -> Flags:
        """Return True for each row of a file that is left out."""
        left = self.rows.get(file)
        return np.zeros(len(rows), bool) if left is None else np.isin(rows, left)


def _by_file(files: pa.Array, numbers: pa.Array) -> dict[str, Ints]:
    """Return row numbers by file, each once, ascending."""
    encoded = pc.dictionary_encode(files)
    codes, rows = encoded.indices.to_numpy(), numbers.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(1, len(encoded.dictionary)))
    parts = np.split(rows[order], starts)
    return dict(zip(encoded.dictionary.to_pylist(), map(np.unique, parts), strict=False))
