"""Writes Parquet files of kept rows, in the style of the corpus file that the rows come from."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.kind import named
from rm_ray.parquet.source import Writing


class KeptRows:
    """Writes one file. Row groups are refilled: each but the last has `group_rows` rows.

    Sorted row groups are not refilled: the rows of two row groups together are not sorted.
    """

    def __init__(self, writing: Writing, group_rows: int) -> None:
        self._writing = writing
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, writing.schema, **writing.options)
        self._group_rows = group_rows
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self.waiting_bytes = 0
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Add the next rows, in order."""
        if not len(rows):
            return
        self._waiting.append(rows)
        self._rows += len(rows)
        self.rows += len(rows)
        self.waiting_bytes += rows.nbytes
        while self._rows >= self._group_rows:
            self._write(self._group_rows)

    def end_of_group(self) -> None:
        """Note that the next rows come from another row group of the corpus."""
        if self._writing.options.get("sorting_columns"):
            self.flush()

    def flush(self) -> None:
        """Write the waiting rows as a row group, which may have fewer than `group_rows` rows."""
        if self._rows:
            self._write(self._rows)

    def close(self) -> bytes:
        """Finish the file and return its bytes."""
        self.flush()
        self._writer.close()
        if self._writing.dress:
            self._writing.dress.put_on(self._sink)
        return self._sink.getvalue()

    def _write(self, rows: int) -> None:
        """Write the first `rows` waiting rows as one row group."""
        waiting = pa.concat_tables(self._waiting)
        self._writer.write_table(waiting.slice(0, rows), row_group_size=rows)
        rest = waiting.slice(rows)
        self._waiting, self._rows = [rest] if len(rest) else [], len(rest)
        self.waiting_bytes = rest.nbytes


def plainly(schema: pa.Schema, codec: str | None) -> Writing:
    """Return how to write columns that come from no corpus file."""
    return Writing(schema, {"compression": named(codec or "zstd")}, None)
