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


def as_written(metadata: Any, codec: str | None) -> dict[str, Any]:
    """Options of ParquetWriter that write as a file was written: codecs and dictionaries of each
    column.

    Args:
        metadata: of the file.
        codec: in place of the file's.
    """
    columns = list(_columns(metadata))
    codecs = {path: column.compression for path, column in columns}
    usual = Counter(codecs.values()).most_common(1)[0][0] if codecs else "SNAPPY"
    mixed = {path: named(one) for path, one in codecs.items()}
    encoded = [path for path, column in columns if column.has_dictionary_page]
    every = len(encoded) == len(columns)
    return {
        "compression": named(codec or usual) if codec or len(set(codecs.values())) < 2 else mixed,
        "use_dictionary": every or encoded or False,
    }


def _columns(metadata: Any) -> Iterator[tuple[str, Any]]:
    """Of the first row group; a list's elements by the name that is written now."""
    if metadata.num_row_groups:
        group = metadata.row_group(0)
        for column in map(group.column, range(group.num_columns)):
            yield column.path_in_schema.replace(".list.item", ".list.element"), column


def named(codec: str) -> str:
    """A codec as ParquetWriter is told it."""
    return "NONE" if codec.upper() == "UNCOMPRESSED" else codec.upper()


def without_views(schema: pa.Schema) -> pa.Schema:
    """A schema that Arrow can filter by: it has no filter for views, which hold the same values."""
    return pa.schema([field.with_type(_plain(field.type)) for field in schema], schema.metadata)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type), kind.keys_sorted)
    return kind
