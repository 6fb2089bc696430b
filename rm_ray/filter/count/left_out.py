"""The documents that a filter leaves out, one by one, whatever their rewards."""

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.counts.order import Ints
from rm_ray.errors import InputError, short
from rm_ray.filter.config import LeaveOutConfig
from rm_ray.filter.count.documents import Flags
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
            files = table.column("source_file").cast(pa.string()).to_pylist()
            numbers = table.column("row").cast(pa.int64()).to_numpy()
        except (pa.ArrowException, KeyError) as error:
            raise InputError(f"leave_out.path: {asked.path}: {short(error)}") from None
        by_file: dict[str, list[int]] = {}
        for file, row in zip(files, numbers.tolist(), strict=True):
            by_file.setdefault(file, []).append(row)
        rows = {file: np.unique(np.array(of_file, np.int64)) for file, of_file in by_file.items()}
        return cls(rows, hashlib.sha256(data).hexdigest()[:32])

    def of(self, file: str, rows: Ints) -> Flags:
        """Return True for each row of a file that is left out."""
        left = self.rows.get(file)
        return np.zeros(len(rows), bool) if left is None else np.isin(rows, left)
