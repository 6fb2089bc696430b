"""Parquet files of kept rows, written as the file that they come from."""

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class KeptRows:
    """One file. Row groups are refilled: each has `group_rows` rows, but for the last.

    `schema`: with the metadata of the file that the rows come from; `options`: of ParquetWriter.
    """

    def __init__(self, schema: pa.Schema, options: dict[str, Any], group_rows: int) -> None:
        self._sink = io.BytesIO()
        self._writer = pq.ParquetWriter(self._sink, schema, **options)
        self._schema = schema
        self._group_rows = group_rows
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self.waiting_bytes = 0
        self.rows = 0

    def add(self, rows: pa.Table) -> None:
        """Rows, in order."""
        if not len(rows):
            return
        self._waiting.append(rows.replace_schema_metadata(self._schema.metadata))
        self._rows += len(rows)
        self.rows += len(rows)
        self.waiting_bytes += rows.nbytes
        while self._rows >= self._group_rows:
            self._write(self._group_rows)

    def flush(self) -> None:
        """Write what waits, as a row group of fewer rows: it takes too much memory."""
        if self._rows:
            self._write(self._rows)

    def close(self) -> bytes:
        """The whole file."""
        self.flush()
        self._writer.close()
        return self._sink.getvalue()

    def _write(self, rows: int) -> None:
        """A row group of the first rows that wait."""
        waiting = pa.concat_tables(self._waiting)
        self._writer.write_table(waiting.slice(0, rows), row_group_size=rows)
        rest = waiting.slice(rows)
        self._waiting, self._rows = [rest] if len(rest) else [], len(rest)
        self.waiting_bytes = rest.nbytes


def as_written(metadata: Any, schema: pa.Schema, codec: str | None) -> dict[str, Any]:
    """Options of ParquetWriter that write columns as a file has them: each with its codec, with a
    dictionary or without; columns that the file has not as most of its are.

    Args:
        metadata: of the file.
        schema: of what is written.
        codec: in place of the file's.
    """
    theirs = dict(_columns(metadata))
    codecs = Counter(column.compression for column in theirs.values())
    usual = codecs.most_common(1)[0][0] if codecs else "SNAPPY"
    leaves = _leaves(schema)
    plain = [path for path, column in theirs.items() if not column.has_dictionary_page]
    encoded = [path for path in leaves if path not in plain]
    each = {p: named(codec or (theirs[p].compression if p in theirs else usual)) for p in leaves}
    return {
        "compression": each if len(set(each.values())) > 1 else named(codec or usual),
        "use_dictionary": len(encoded) == len(leaves) or encoded or False,
        "use_deprecated_int96_timestamps": any(
            column.physical_type == "INT96" for column in theirs.values()
        ),
    }


def _columns(metadata: Any) -> Iterator[tuple[str, Any]]:
    """Of the first row group; a list's elements by the name that is written now."""
    if metadata.num_row_groups:
        group = metadata.row_group(0)
        for column in map(group.column, range(group.num_columns)):
            yield column.path_in_schema.replace(".list.item", ".list.element"), column


def _leaves(schema: pa.Schema) -> list[str]:
    """The columns that Parquet makes of a schema's."""
    sink = io.BytesIO()
    pq.ParquetWriter(sink, schema).close()
    written = pq.read_metadata(sink).schema
    return [written.column(i).path for i in range(len(written))]


def named(codec: str) -> str:
    """A codec as ParquetWriter is told it."""
    return "NONE" if codec.upper() == "UNCOMPRESSED" else codec.upper()
