"""Sizes of the text of row groups, and where in a row group it lies.

What a footer does not tell is measured: values that a dictionary stores once are read as
dictionaries, which is cheap though the text that they stand for may be gigabytes.
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

# Rows of which the lengths are read at once.
ROWS = 1024
# Fewer bytes of a row group are one shard, or its rows are few.
LEAST_BYTES = 64 << 10
# A leaf of less than this share of a row group's text cannot make its rows uneven by much.
LEAST_SHARE = 1 / 8


@dataclass(frozen=True)
class TextSizes:
    """Sizes of the text of a file's row groups."""

    bytes: list[int]
    """Bytes of the decoded text of each row group."""
    profiles: dict[int, Profile]
    """Where the text lies, of row groups that were measured and are uneven, by number."""


def text_sizes(file: BinaryIO, metadata: pq.FileMetaData, names: Collection[str]) -> TextSizes:
    """The sizes of columns of text, those of nested ones summed over their leaves.

    Chunks whose values repeat are read. A chunk that is damaged counts with its stored size:
    whoever reads its rows says what is wrong.

    Args:
        file: open.
        metadata: of the file.
        names: of the columns, fields of structs among them.

    Raises:
        OSError: the store fails.
    """
    leaves = text_leaves(metadata, names)
    known = value_bytes(metadata, range(metadata.num_row_groups), leaves)
    found = TextSizes([], {})
    for group in range(metadata.num_row_groups):
        chunks = {leaf: metadata.row_group(group).column(leaf) for leaf in leaves}
        told = sum(known[group, leaf] or 0 for leaf in leaves)
        least = max(LEAST_BYTES, int(told * LEAST_SHARE))
        uneven = [leaf for leaf in leaves if repeats(chunks[leaf], known[group, leaf], least)]
        rest = [leaf for leaf in leaves if leaf not in uneven]
        # few bytes whose size is not told count as they are stored
        size = sum(known[group, n] or int(chunks[n].total_uncompressed_size) for n in rest)
        rows = metadata.row_group(group).num_rows
        if uneven and rows:
            lengths = np.full(rows, size / rows)
            for leaf in uneven:
                lengths += _lengths(file, metadata, group, leaf)
            size = round(lengths.sum())
            if profile := Profile.of(lengths):
                found.profiles[group] = profile
        found.bytes.append(size)
    return found


def row_bytes(values: pa.Array) -> Ints:
    """The bytes of text in each row of a column: strings and binary, in lists and structs too."""
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
    """The bytes of text in each row of a table."""
    found = np.zeros(len(rows), np.int64)
    for column in rows.columns:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        if chunks:
            found += np.concatenate([row_bytes(chunk) for chunk in chunks])
    return found


def exceeding(
    file: BinaryIO,
    metadata: pq.FileMetaData,
    groups: Collection[int],
    leaves: Sequence[int],
    size: int,
) -> list[int]:
    """The leaves whose values may take many bytes more in a row group than the file stores.

    Many writers begin each chunk with a dictionary, and give it up where no value comes again. The
    headers of the first pages tell: each index beyond the number of entries may be to the longest.

    Args:
        file: open.
        metadata: of the file.
        groups: the numbers of row groups.
        leaves: the numbers of leaves.
        size: how many bytes are many.

    Raises:
        OSError: the store fails.
    """
    rows = [metadata.row_group(group) for group in groups]
    return [leaf for leaf in leaves if any(_exceeds(file, one.column(leaf), size) for one in rows)]


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
        return True  # whoever reads the rows says what is wrong


def _lengths(file: BinaryIO, metadata: pq.FileMetaData, group: int, leaf: int) -> Floats:
    """The bytes of each row of a leaf, or their mean where the rows do not matter."""
    rows = metadata.row_group(group).num_rows
    try:
        return _measured(file, metadata, group, leaf)
    except (OSError, pa.ArrowException) as error:
        if not is_bad_file(error):
            raise
        stored = metadata.row_group(group).column(leaf).total_uncompressed_size
        return np.full(rows, stored / rows)


def _measured(file: BinaryIO, metadata: pq.FileMetaData, group: int, leaf: int) -> Floats:
    """The rows whose values are in a dictionary are measured, the rest is stored as it is."""
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
    found, seen, done = [], 0, 0
    for values in _read(opened, group, chunk.path_in_schema):
        found.append(row_bytes(values).astype(np.float64))
        seen, done = seen + _slots(values), done + len(values)
        if seen >= coded.values:
            break
    left = plain_bytes * max(0, chunk.num_values - seen) / max(1, plain)
    return np.concatenate([*found, np.full(rows - done, left / max(1, rows - done))])


def _read(file: pq.ParquetFile, group: int, path: str) -> Iterator[pa.Array]:
    for batch in file.iter_batches(ROWS, row_groups=[group], columns=[path]):
        yield batch.column(0)


def _start(chunk: Any) -> int:
    """The byte at which a chunk begins: writers that are old do not say where a dictionary is."""
    offsets: Sequence[int | None] = (chunk.dictionary_page_offset, chunk.data_page_offset)
    return min(offset for offset in offsets if offset)


def _slots(values: pa.Array) -> int:
    """How many values Parquet stores for a column of one leaf; an empty list counts as one."""
    if is_list(values.type) or pa.types.is_map(values.type):
        return _slots(_flat(values)) + int((_counts(values) == 0).sum())
    if pa.types.is_struct(values.type) and values.type.num_fields:
        return _slots(values.field(0))
    return len(values)


def _counts(values: pa.Array) -> Ints:
    """How many elements each list has; none where it is null."""
    if pa.types.is_map(values.type):
        values = _as_list(values)
    return np.asarray(pc.fill_null(pc.list_value_length(values), 0), np.int64)


def _flat(values: pa.Array) -> pa.Array:
    """The elements of all lists that are not null."""
    return (_as_list(values) if pa.types.is_map(values.type) else values).flatten()


def _as_list(pairs: pa.MapArray) -> pa.Array:
    """A map as the list of its pairs."""
    pair = pa.struct([pairs.type.key_field, pairs.type.item_field])
    return pairs.cast(pa.list_(pa.field("entries", pair, nullable=False)))
