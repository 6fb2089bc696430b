"""Compute the sizes of byte array columns: the sizes of the values, not of their encoding.

A footer gives sizes of the encoded column. A dictionary stores a value once for many rows, so a
chunk of 60 KB may hold gigabytes.
"""

from collections.abc import Collection, Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from rm_ray.parquet.footer import ROW_GROUPS, StoredFooter
from rm_ray.parquet.pages import CODED, LENGTH_BYTES
from rm_ray.parquet.thrift import STRUCT, Struct, decode_value, get, split

# Numbers of fields: RowGroup's columns; ColumnChunk's metadata; ColumnMetaData's encodings,
# encoding_stats and size_statistics; PageEncodingStats' page type and encoding; SizeStatistics'
# bytes.
COLUMNS, META, ENCODINGS, ENCODING_STATS, SIZE_STATISTICS = 1, 3, 2, 13, 16
PAGE_TYPE, ENCODING, VALUE_BYTES = 1, 2, 1
DATA_PAGES = (0, 3)
# DELTA_BYTE_ARRAY stores only once the prefix that a value shares with the value before it.
FRONT_CODED = 7
# Names of encodings that may store a repeated value once.
REPEATING = {"PLAIN_DICTIONARY", "RLE_DICTIONARY", "DELTA_BYTE_ARRAY"}
# Names of encodings that pyarrow cannot read as dictionaries.
DELTAS = {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"}
# Values repeat if they take more than this many times their stored bytes.
FACTOR = 2
# Bytes of the buffer for reading ahead.
BUFFER_BYTES = 1 << 20
# Bytes of a value in memory, by its physical type.
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}

Chunk = tuple[int, int]
"""A chunk is named by the numbers of its row group and of its leaf of the schema."""


def leaves_below(metadata: pq.FileMetaData, names: Collection[str] | None = None) -> list[int]:
    """Return the numbers of the leaves at or below some paths; of all leaves for None."""
    paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    return [
        number
        for number, path in enumerate(paths)
        if names is None or any(f"{path}.".startswith(f"{name}.") for name in names)
    ]


def text_leaves(metadata: pq.FileMetaData, names: Collection[str] | None = None) -> list[int]:
    """Return the numbers of the leaves that hold byte arrays, at or below some paths."""
    return [
        number
        for number in leaves_below(metadata, names)
        if metadata.schema.column(number).physical_type == "BYTE_ARRAY"
    ]


def value_bytes(
    metadata: pq.FileMetaData, groups: Collection[int], leaves: Collection[int]
) -> dict[Chunk, int | None]:
    """Return the bytes of all values of byte array chunks, as far as the footer gives the bytes.

    The source is `unencoded_byte_array_data_bytes` of SizeStatistics, if the writer stored it.
    Otherwise the stored size counts, if no page can store a value once for many rows. For
    front-coded pages neither is correct: pyarrow 26 writes their stored bytes into SizeStatistics.

    Returns:
        The bytes of each chunk; None if they are not known from the footer.
    """
    sizes: dict[Chunk, int | None] = {}
    unclear = set()
    for group in groups:
        row_group = metadata.row_group(group)
        for leaf in leaves:
            chunk = row_group.column(leaf)
            if may_repeat(chunk):
                unclear.add((group, leaf))
            else:
                sizes[group, leaf] = _plain_bytes(chunk)
    for place, stored in _stored(metadata, unclear).items():
        size = get(get(stored, SIZE_STATISTICS, []), VALUE_BYTES)
        if size is None and not _has_pages(stored, (*CODED, FRONT_CODED)):
            size = _plain_bytes(metadata.row_group(place[0]).column(place[1]))
        front_coded = FRONT_CODED in get(stored, ENCODINGS).values
        sizes[place] = None if front_coded and _has_pages(stored, (FRONT_CODED,)) else size
    return sizes


def may_repeat(chunk: Any) -> bool:
    """Return True if the encodings of a chunk may store a value once for many rows."""
    return not REPEATING.isdisjoint(chunk.encodings)


def repeats(chunk: Any, values: int | None, least: int) -> bool:
    """Return True if the values of a chunk are, or may be, much larger than its stored bytes.

    Args:
        chunk: pyarrow's metadata of the chunk.
        values: bytes of its values; None if they are not known from the footer.
        least: bytes of values that are too few to matter.
    """
    stored = int(chunk.total_uncompressed_size)
    if values is None:
        return bool(stored * chunk.num_values > least)
    return values > max(least, FACTOR * stored)


def repeated_leaves(
    metadata: pq.FileMetaData, groups: Collection[int], names: Collection[str] | None, least: int
) -> list[int]:
    """Return the leaves with repeated values that pyarrow can read as dictionaries.

    Values have to repeat in one of the row groups at least.

    Args:
        metadata: the metadata of the file.
        groups: numbers of the row groups.
        names: paths at or below which the leaves lie; None for all leaves.
        least: bytes of values in a row group that are too few to matter.
    """
    leaves = text_leaves(metadata, names)
    repeated = set()
    for (group, leaf), values in value_bytes(metadata, groups, leaves).items():
        if repeats(metadata.row_group(group).column(leaf), values, least):
            repeated.add(leaf)
    return [leaf for leaf in sorted(repeated) if has_dictionaries(metadata, groups, leaf)]


def has_dictionaries(metadata: pq.FileMetaData, groups: Collection[int], leaf: int) -> bool:
    """Return True if pyarrow can read a leaf of these row groups as dictionaries."""
    chunks = (metadata.row_group(group).column(leaf) for group in groups)
    return all(DELTAS.isdisjoint(chunk.encodings) for chunk in chunks)


def held_bytes(metadata: pq.FileMetaData, group: int, leaf: int) -> int:
    """Return the bytes that a chunk takes in memory, if byte arrays take their stored bytes.

    Values of a fixed width take that width, for any encoding. Each byte array has an offset of four
    bytes.
    """
    chunk, column = metadata.row_group(group).column(leaf), metadata.schema.column(leaf)
    if column.physical_type == "FIXED_LEN_BYTE_ARRAY":
        return int(chunk.num_values * column.length)
    if column.physical_type != "BYTE_ARRAY":
        return int(chunk.num_values * WIDTHS[column.physical_type])
    return int(max(chunk.total_uncompressed_size, LENGTH_BYTES * chunk.num_values))


def as_dictionaries(
    file: BinaryIO, metadata: pq.FileMetaData, leaves: Sequence[int], *, whole: bool = False
) -> pq.ParquetFile:
    """Open a file with pyarrow so that these leaves are read as dictionaries.

    Then a value of many rows is in memory only once, as in the file.

    Args:
        file: the open file.
        metadata: the metadata of the file.
        leaves: numbers of the leaves.
        whole: True to fetch chunks whole and together, False to stream.
    """
    return pq.ParquetFile(
        file,
        metadata=metadata,
        buffer_size=0 if whole else BUFFER_BYTES,
        pre_buffer=whole,
        read_dictionary=[metadata.schema.column(leaf).path for leaf in leaves],
        coerce_int96_timestamp_unit="us",
        page_checksum_verification=True,
    )


def _plain_bytes(chunk: Any) -> int:
    """Return the stored size without the lengths of PLAIN; it still has headers and levels."""
    size = int(chunk.total_uncompressed_size)
    if "DELTA_LENGTH_BYTE_ARRAY" in chunk.encodings:
        return size
    stats = chunk.statistics
    nulls = stats.null_count if stats and stats.has_null_count else 0
    return max(0, size - LENGTH_BYTES * int(chunk.num_values - nulls))


def _has_pages(stored: Struct, encodings: Collection[int]) -> bool:
    """Return True if a chunk has data pages of some encodings, or if the footer lacks this."""
    pages = get(stored, ENCODING_STATS)
    return pages is None or any(
        get(kind, PAGE_TYPE) in DATA_PAGES and get(kind, ENCODING) in encodings
        for kind in pages.values
    )


def _stored(metadata: pq.FileMetaData, chunks: Collection[Chunk]) -> dict[Chunk, Struct]:
    """Return the ColumnMetaData of chunks as stored, since pyarrow does not show all fields.

    Only these chunks are decoded, since a wide footer has many other chunks.
    """
    if not chunks:
        return {}
    sink = BytesIO()
    metadata.write_metadata_file(sink)
    footer = StoredFooter.parse(sink.getvalue()[4:-8])
    decoded = {}
    last = max(group for group, _ in chunks)
    for group, fields in enumerate(islice(_structs(get(footer.fields, ROW_GROUPS)), last + 1)):
        leaves = {leaf for number, leaf in chunks if number == group}
        most = max(leaves, default=-1)
        for leaf, chunk in enumerate(islice(_structs(get(fields, COLUMNS)), most + 1)):
            if leaf in leaves:
                decoded[group, leaf] = decode_value(STRUCT, get(chunk, META))
    return decoded


def _structs(items: bytes) -> Iterator[Struct]:
    """Yield the structs of a list, with the value of each field left as bytes."""
    count, at = items[0] >> 4, 1
    if count == 15:  # the number is too large for the first byte, and follows it
        count = shift = 0
        while True:
            byte = items[at]
            count, shift, at = count | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                break
    for _ in range(count):
        fields, length = split(items[at:])
        yield fields
        at += length
