"""Rows that are decoded at once: how many, and how those are decoded that repeat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.columns import without_views
from rm_ray.corpus.sizes import table_bytes
from rm_ray.parquet.sizes import held_bytes

# Each batch has at most so many times the rows of the one before it.
GROWTH = 8
# Rows of a row group may be so many times as large as its mean before a batch is too large.
UNEVEN = 4


@dataclass(frozen=True)
class AtOnce:
    """How much is decoded at once, at most; a single row may be more."""

    rows: int
    """Rows of a batch."""
    bytes: int
    """Bytes of its values."""


def mean_rows(
    metadata: pq.FileMetaData, span: range, leaves: Sequence[int], at_once: AtOnce
) -> int:
    """Rows that fit if values take what is stored of them, each row up to `UNEVEN` times the mean.

    Values that a dictionary stores once are as small in memory, where they are read as one.
    """
    rows = [(metadata.row_group(group).num_rows, group) for group in span]
    means = [
        sum(held_bytes(metadata, group, leaf) for leaf in leaves) / count
        for count, group in rows
        if count
    ]
    fit = int(at_once.bytes / UNEVEN / max(1.0, *means))
    return max(1, min(at_once.rows, fit))


def growing(
    parquet: pq.ParquetFile,
    span: range,
    first: int,
    most: AtOnce,
    columns: Sequence[str] | None,
) -> Iterator[pa.RecordBatch]:
    """Batches of few rows first, and then of as many as fit, by the size of those before them.

    Not all encodings that repeat values can be read as dictionaries.

    Args:
        parquet: an open file.
        span: the numbers of the row groups.
        first: rows of the first batch.
        most: how large a batch may be.
        columns: None for all.
    """
    rows = first
    for batch in parquet.iter_batches(rows, row_groups=list(span), columns=columns):
        yield batch
        fit = int(most.bytes * len(batch) / max(1, _nbytes(batch)))
        rows = max(1, min(most.rows, GROWTH * rows, fit))
        # pyarrow looks at it before each batch
        parquet.reader.set_batch_size(rows)


def _nbytes(batch: pa.RecordBatch) -> int:
    """Bytes that grow with the rows of a batch: a dictionary is as large for a single row."""
    return sum(
        column.indices.nbytes if pa.types.is_dictionary(column.type) else column.nbytes
        for column in batch.columns
    )


def windows(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """Rows in slices whose text has at most so many bytes; a single row may have more."""
    before = np.concatenate([[0], np.cumsum(table_bytes(rows))])
    start = 0
    while start < len(rows):
        stop = int(np.searchsorted(before, before[start] + size, side="right")) - 1
        stop = max(start + 1, stop)
        yield rows.slice(start, stop - start)
        start = stop


def decoded(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows that were read as dictionaries, of the types that the file's columns have otherwise."""
    kinds = pa.schema(_chosen(rows.schema, schema), rows.schema.metadata)
    for number, column in enumerate(rows.columns):
        if pa.types.is_nested(column.type):
            # a cast of a slice of lists decodes the values of all rows; rows taken have their own
            own = column.take(pa.array(range(len(rows))))
            rows = rows.set_column(number, rows.field(number), own)
    return rows.cast(without_views(kinds)).cast(kinds)


def _chosen(read: pa.Schema | pa.StructType, whole: pa.Schema | pa.StructType) -> list[pa.Field]:
    """The fields of the whole that were read, of a struct those that were chosen."""
    fields = []
    for number, field in enumerate(read):
        places = whole.get_all_field_indices(field.name)
        # where several columns have one name, all columns are read, in their order
        fields.append(whole.field(places[0] if len(places) == 1 else number))
    return [
        field.with_type(pa.struct(_chosen(there.type, field.type)))
        if pa.types.is_struct(field.type)
        else field
        for there, field in zip(read, fields, strict=True)
    ]
