"""Choose how many rows are decoded at once, and decode rows that were read as dictionaries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.columns import without_views
from rm_ray.corpus.sizes import table_bytes
from rm_ray.parquet.sizes import held_bytes

# Each batch has at most this many times the rows of the batch before it.
GROWTH = 8
# Rows may be this many times as large as the mean of their row group until a batch is too large.
UNEVEN = 4


@dataclass(frozen=True)
class AtOnce:
    """AtOnce limits the rows that are decoded at once; a single row may exceed the limit."""

    rows: int
    """Most rows of a batch."""
    bytes: int
    """Most bytes of the values of a batch."""


def mean_rows(
    metadata: pq.FileMetaData, span: range, leaves: Sequence[int], at_once: AtOnce
) -> int:
    """Return the number of rows that fit, if no row takes over `UNEVEN` times the stored mean.

    Values that a dictionary stores once are as small in memory if they are read as a dictionary.
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
    """Yield batches of few rows first, then of as many as fit, by the size of the batch before.

    Batches start small because some encodings that repeat values cannot be read as dictionaries.

    Args:
        parquet: the open file.
        span: numbers of the row groups.
        first: rows of the first batch.
        most: the largest size of a batch.
        columns: names of the columns; None for all.
    """
    rows = first
    for batch in parquet.iter_batches(rows, row_groups=list(span), columns=columns):
        yield batch
        fit = int(most.bytes * len(batch) / max(1, _nbytes(batch)))
        rows = max(1, min(most.rows, GROWTH * rows, fit))
        # pyarrow reads the batch size before each batch
        parquet.reader.set_batch_size(rows)


def _nbytes(batch: pa.RecordBatch) -> int:
    """Return the bytes that grow with the rows of a batch: dictionaries do not count."""
    return sum(
        column.indices.nbytes if pa.types.is_dictionary(column.type) else column.nbytes
        for column in batch.columns
    )


def windows(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """Yield the rows in slices of at most `size` bytes of text; a single row may have more."""
    before = np.concatenate([[0], np.cumsum(table_bytes(rows))])
    start = 0
    while start < len(rows):
        stop = int(np.searchsorted(before, before[start] + size, side="right")) - 1
        stop = max(start + 1, stop)
        yield rows.slice(start, stop - start)
        start = stop


def decoded(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Decode rows that were read as dictionaries to the types of the file's schema."""
    kinds = pa.schema(_chosen(rows.schema, schema), rows.schema.metadata)
    for number, column in enumerate(rows.columns):
        if pa.types.is_nested(column.type):
            # casting a slice of lists decodes the values of all rows, so copy the slice's rows
            own = column.take(pa.array(range(len(rows))))
            rows = rows.set_column(number, rows.field(number), own)
    return rows.cast(without_views(kinds)).cast(kinds)


def _chosen(read: pa.Schema | pa.StructType, whole: pa.Schema | pa.StructType) -> list[pa.Field]:
    """Return the fields of the whole schema that were read; a struct has only its read fields."""
    fields = []
    for number, field in enumerate(read):
        places = whole.get_all_field_indices(field.name)
        # if several columns share a name, all columns are read, in their order
        fields.append(whole.field(places[0] if len(places) == 1 else number))
    return [
        field.with_type(pa.struct(_chosen(read_field.type, field.type)))
        if pa.types.is_struct(field.type)
        else field
        for read_field, field in zip(read, fields, strict=True)
    ]
