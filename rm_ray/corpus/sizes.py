"""Measure the text of row groups: its size, and how it is spread over the rows.

Sizes that the footer does not give are measured. Values that a dictionary stores once are read as
dictionaries. This is cheap, though the text that they stand for may be gigabytes.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.corpus.columns import is_list
from rm_ray.corpus.parquet import is_bad_file
from rm_ray.corpus.profile import Floats, Ints, Profile
from rm_ray.parquet.pages import LENGTH_BYTES, DictionaryPart, dictionary_part
from rm_ray.parquet.sizes import (
    as_dictionaries,
    has_dictionaries,
    may_repeat,
    repeats,
    text_leaves,
    value_bytes,
)

# Rows whose lengths are read at once.
ROWS = 1024
# Text of fewer bytes is not measured: its row group is one shard, or has few rows.
LEAST_BYTES = 64 << 10
# A leaf of less than this share of a row group's text cannot make its rows uneven by much.
LEAST_SHARE = 1 / 8


@dataclass(frozen=True)
class TextSizes:
    """TextSizes holds the sizes of the text of a file's row groups."""

    bytes: list[int]
    """Bytes of the decoded text of each row group."""
    profiles: dict[int, Profile]
    """Spread of the text over the rows, by number of row group, for measured, uneven groups."""


def text_sizes(file: BinaryIO, metadata: pq.FileMetaData, names: Collection[str]) -> TextSizes:
    """Return the sizes of columns of text; a nested column counts as the sum of its leaves.

    Chunks with repeated values are read. A damaged chunk counts with its stored size; the error is
    raised later, when its rows are read.

    Args:
        file: the open file.
        metadata: the metadata of the file.
        names: names of the columns, or of fields of structs.

    Raises:
        OSError: the store fails.
    """
    leaves = text_leaves(metadata, names)
    known = value_bytes(metadata, range(metadata.num_row_groups), leaves)
    sizes = TextSizes([], {})
    for group in range(metadata.num_row_groups):
        chunks = {leaf: metadata.row_group(group).column(leaf) for leaf in leaves}
        known_bytes = sum(known[group, leaf] or 0 for leaf in leaves)
        least = max(LEAST_BYTES, int(known_bytes * LEAST_SHARE))
        uneven = [leaf for leaf in leaves if repeats(chunks[leaf], known[group, leaf], least)]
        rest = [leaf for leaf in leaves if leaf not in uneven]
        # the footer does not give the size of these few bytes: they count as they are stored
        size = sum(known[group, n] or int(chunks[n].total_uncompressed_size) for n in rest)
        rows = metadata.row_group(group).num_rows
        if uneven and rows:
            lengths = np.full(rows, size / rows)
            for leaf in uneven:
                lengths += _lengths(file, metadata, group, leaf)
            size = round(lengths.sum())
            if profile := Profile.of(lengths):
                sizes.profiles[group] = profile
        sizes.bytes.append(size)
    return sizes


def row_bytes(values: pa.Array) -> Ints:
    """Return the bytes of strings and binary in each row, also inside lists and structs."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        taken = row_bytes(values.dictionary).take(pc.fill_null(values.indices, 0).to_numpy())
        return np.where(values.is_null().to_numpy(zero_copy_only=False), 0, taken)
    if isinstance(kind, pa.BaseExtensionType):
        return row_bytes(values.storage)
    if pa.types.is_struct(kind):
        fields = (row_bytes(values.field(number)) for number in range(kind.num_fields))
        return sum(fields, np.zeros(len(values), np.int64))
    if is_list(kind) or pa.types.is_map(kind):
        counts = _counts(values)
        ends = np.cumsum(counts)
        before = np.concatenate([[0], np.cumsum(row_bytes(_flat(values)))])
        return np.asarray(before[ends] - before[ends - counts])
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        values = values.cast(pa.large_binary())
    elif not (
        pa.types.is_large_string(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_string(kind)
        or pa.types.is_binary(kind)
    ):
        return np.zeros(len(values), np.int64)
    return np.asarray(pc.fill_null(pc.binary_length(values), 0), np.int64)


def table_bytes(rows: pa.Table | pa.RecordBatch) -> Ints:
    """Return the bytes of text in each row of a table."""
    totals = np.zeros(len(rows), np.int64)
    for column in rows.columns:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        if chunks:
            totals += np.concatenate([row_bytes(chunk) for chunk in chunks])
    return totals


def exceeding(
    file: BinaryIO,
    metadata: pq.FileMetaData,
    groups: Collection[int],
    leaves: Sequence[int],
    size: int,
) -> list[int]:
    """Return the leaves whose decoded values may exceed the stored bytes by `size` in a row group.

    Many writers begin each chunk with a dictionary, and stop using it if no value repeats. The
    headers of the first pages decide: each index beyond the number of entries may point to the
    longest value.

    Args:
        file: the open file.
        metadata: the metadata of the file.
        groups: numbers of the row groups.
        leaves: numbers of the leaves.
        size: bytes by which the values have to exceed the stored bytes.

    Raises:
        OSError: the store fails.
    """
    chosen = [metadata.row_group(group) for group in groups]
    return [
        leaf for leaf in leaves if any(_exceeds(file, group.column(leaf), size) for group in chosen)
    ]


def _exceeds(file: BinaryIO, chunk: Any, size: int) -> bool:
    if not may_repeat(chunk):
        return False
    start = _start(chunk)
    try:
        first = dictionary_part(file, start, 1)
        enough = first.entries + size // max(1, first.entry_bytes) + 1
        return enough <= chunk.num_values and (
            dictionary_part(file, start, enough).values >= enough
        )
    except pa.ArrowException:
        return True  # the error is raised later, when the rows are read


def _lengths(file: BinaryIO, metadata: pq.FileMetaData, group: int, leaf: int) -> Floats:
    """Return the bytes of each row of a leaf; the mean of the stored bytes if it is damaged."""
    rows = metadata.row_group(group).num_rows
    try:
        return _measured(file, metadata, group, leaf)
    except (OSError, pa.ArrowException) as error:
        if not is_bad_file(error):
            raise
        stored = metadata.row_group(group).column(leaf).total_uncompressed_size
        return np.full(rows, stored / rows)


def _measured(file: BinaryIO, metadata: pq.FileMetaData, group: int, leaf: int) -> Floats:
    """Return the bytes of each row of a leaf.

    Rows whose values are in a dictionary are measured. The rest counts with its stored bytes.
    """
    chunk, rows = metadata.row_group(group).column(leaf), metadata.row_group(group).num_rows
    readable = has_dictionaries(metadata, [group], leaf)
    coded = DictionaryPart(values=chunk.num_values, stored=chunk.total_uncompressed_size)
    if readable:
        coded = dictionary_part(file, _start(chunk), chunk.num_values)
    plain = chunk.num_values - coded.values
    plain_bytes = max(0, chunk.total_uncompressed_size - coded.stored - LENGTH_BYTES * plain)
    if coded.values <= coded.entries:  # no value is repeated
        return np.full(rows, (coded.entry_bytes + plain_bytes) / rows)
    opened = as_dictionaries(file, metadata, [leaf] if readable else [])
    lengths, seen_values, seen_rows = [], 0, 0
    for values in _read(opened, group, chunk.path_in_schema):
        lengths.append(row_bytes(values).astype(np.float64))
        seen_values, seen_rows = seen_values + _slots(values), seen_rows + len(values)
        if seen_values >= coded.values:
            break
    left = plain_bytes * max(0, chunk.num_values - seen_values) / max(1, plain)
    return np.concatenate([*lengths, np.full(rows - seen_rows, left / max(1, rows - seen_rows))])


def _read(file: pq.ParquetFile, group: int, path: str) -> Iterator[pa.Array]:
    for batch in file.iter_batches(ROWS, row_groups=[group], columns=[path]):
        yield batch.column(0)


def _start(chunk: Any) -> int:
    """Return the byte at which a chunk begins; old writers do not give a dictionary's offset."""
    offsets: Sequence[int | None] = (chunk.dictionary_page_offset, chunk.data_page_offset)
    return min(offset for offset in offsets if offset)


def _slots(values: pa.Array) -> int:
    """Count the values that Parquet stores for a column of one leaf; an empty list is one."""
    if is_list(values.type) or pa.types.is_map(values.type):
        return _slots(_flat(values)) + int((_counts(values) == 0).sum())
    if pa.types.is_struct(values.type) and values.type.num_fields:
        return _slots(values.field(0))
    return len(values)


def _counts(values: pa.Array) -> Ints:
    """Return how many elements each list has; 0 for a null."""
    if pa.types.is_map(values.type):
        values = _as_list(values)
    return np.asarray(pc.fill_null(pc.list_value_length(values), 0), np.int64)


def _flat(values: pa.Array) -> pa.Array:
    """Return the elements of all lists that are not null."""
    return (_as_list(values) if pa.types.is_map(values.type) else values).flatten()


def _as_list(pairs: pa.MapArray) -> pa.Array:
    """Return a map as the list of its pairs."""
    pair = pa.struct([pairs.type.key_field, pairs.type.item_field])
    return pairs.cast(pa.list_(pa.field("entries", pair, nullable=False)))
