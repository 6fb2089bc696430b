"""Sizes of columns of byte arrays: of the values themselves, and not of how they are encoded.

The sizes in a footer are those of the encoded column. A dictionary stores a value once, however
many rows have it, so a chunk of 60 KB may hold gigabytes.
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
# DELTA_BYTE_ARRAY stores what a value has in common with the one before it once.
FRONT_CODED = 7
# Names of encodings with which a value that is repeated may be stored once.
REPEATING = {"PLAIN_DICTIONARY", "RLE_DICTIONARY", "DELTA_BYTE_ARRAY"}
# Names of encodings that pyarrow cannot read as dictionaries.
DELTAS = {"DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"}
# Values repeat if they take more than so many times the bytes that are stored of them.
FACTOR = 2
# Read ahead of what is asked for.
BUFFER_BYTES = 1 << 20
# Bytes of a value in memory, by its physical type.
WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}

Chunk = tuple[int, int]
"""The numbers of a row group and of a leaf of the schema."""


def leaves_below(metadata: pq.FileMetaData, names: Collection[str] | None = None) -> list[int]:
    """The numbers of the leaves at or below some paths; of all leaves where there is no choice."""
    paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    return [
        number
        for number, path in enumerate(paths)
        if names is None or any(f"{path}.".startswith(f"{name}.") for name in names)
    ]


def text_leaves(metadata: pq.FileMetaData, names: Collection[str] | None = None) -> list[int]:
    """The numbers of those of them that hold byte arrays."""
    return [
        number
        for number in leaves_below(metadata, names)
        if metadata.schema.column(number).physical_type == "BYTE_ARRAY"
    ]


def value_bytes(
    metadata: pq.FileMetaData, groups: Collection[int], leaves: Collection[int]
) -> dict[Chunk, int | None]:
    """The bytes of all values of chunks of byte arrays, as far as the footer tells them.

    The source is `unencoded_byte_array_data_bytes` of SizeStatistics, where the writer stored it.
    Else it is the stored size, if no page can store a value once for many rows. Of front-coded
    pages neither is right: pyarrow 26 says there how many bytes they store.

    Returns:
        The bytes of each chunk; None where the footer does not tell them.
    """
    found: dict[Chunk, int | None] = {}
    asked = set()
    for group in groups:
        row_group = metadata.row_group(group)
        for leaf in leaves:
            chunk = row_group.column(leaf)
            if may_repeat(chunk):
                asked.add((group, leaf))
            else:
                found[group, leaf] = _plain_bytes(chunk)
    for place, stored in _stored(metadata, asked).items():
        said = get(get(stored, SIZE_STATISTICS, []), VALUE_BYTES)
        if said is None and not _has_pages(stored, (*CODED, FRONT_CODED)):
            said = _plain_bytes(metadata.row_group(place[0]).column(place[1]))
        front_coded = FRONT_CODED in get(stored, ENCODINGS).values
        found[place] = None if front_coded and _has_pages(stored, (FRONT_CODED,)) else said
    return found


def may_repeat(chunk: Any) -> bool:
    """Return whether a chunk may store a value once for many rows, by its list of encodings."""
    return not REPEATING.isdisjoint(chunk.encodings)


def repeats(chunk: Any, values: int | None, least: int) -> bool:
    """Return whether the values of a chunk are much larger than what is stored, or may be.

    Args:
        chunk: pyarrow's metadata of the chunk.
        values: bytes of its values; None where the footer does not tell them.
        least: bytes of values that are too few to matter.
    """
    stored = int(chunk.total_uncompressed_size)
    if values is None:
        return bool(stored * chunk.num_values > least)
    return values > max(least, FACTOR * stored)


def repeated_leaves(
    metadata: pq.FileMetaData, groups: Collection[int], names: Collection[str] | None, least: int
) -> list[int]:
    """The leaves that repeat in one of some row groups, and that pyarrow can read as dictionaries.

    Args:
        metadata: of a file.
        groups: the numbers of the row groups.
        names: leaves at or below these paths; None for all.
        least: bytes of values in a row group that are too few to matter.
    """
    leaves = text_leaves(metadata, names)
    found = set()
    for (group, leaf), values in value_bytes(metadata, groups, leaves).items():
        if repeats(metadata.row_group(group).column(leaf), values, least):
            found.add(leaf)
    return [leaf for leaf in sorted(found) if has_dictionaries(metadata, groups, leaf)]


def has_dictionaries(metadata: pq.FileMetaData, groups: Collection[int], leaf: int) -> bool:
    """Return whether pyarrow can read a leaf of these row groups as dictionaries."""
    chunks = (metadata.row_group(group).column(leaf) for group in groups)
    return all(DELTAS.isdisjoint(chunk.encodings) for chunk in chunks)


def held_bytes(metadata: pq.FileMetaData, group: int, leaf: int) -> int:
    """The bytes that a chunk takes in memory, if byte arrays take what is stored of them.

    Values of a fixed width take that width, however they are stored. Byte arrays have an offset of
    four bytes each.
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
    """An open file of which pyarrow reads these leaves as dictionaries.

    A value that many rows have is in memory once then, as it is in the file.

    Args:
        file: open.
        metadata: of the file.
        leaves: the numbers of the leaves.
        whole: whether chunks are fetched whole, and together; else they are streamed.
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
    """The stored size without the lengths of PLAIN; headers and levels are a small rest of it."""
    size = int(chunk.total_uncompressed_size)
    if "DELTA_LENGTH_BYTE_ARRAY" in chunk.encodings:
        return size
    said = chunk.statistics
    nulls = said.null_count if said and said.has_null_count else 0
    return max(0, size - LENGTH_BYTES * int(chunk.num_values - nulls))


def _has_pages(stored: Struct, encodings: Collection[int]) -> bool:
    """Whether a chunk has data pages of some encodings; True where the footer does not tell it."""
    pages = get(stored, ENCODING_STATS)
    return pages is None or any(
        get(one, PAGE_TYPE) in DATA_PAGES and get(one, ENCODING) in encodings
        for one in pages.values
    )


def _stored(metadata: pq.FileMetaData, chunks: Collection[Chunk]) -> dict[Chunk, Struct]:
    """ColumnMetaData of chunks, field by field: pyarrow does not show all of it.

    A wide footer has many other chunks, so that no more than these are decoded.
    """
    if not chunks:
        return {}
    sink = BytesIO()
    metadata.write_metadata_file(sink)
    footer = StoredFooter.parse(sink.getvalue()[4:-8])
    found = {}
    last = max(group for group, _ in chunks)
    for group, fields in enumerate(islice(_structs(get(footer.fields, ROW_GROUPS)), last + 1)):
        leaves = {leaf for number, leaf in chunks if number == group}
        most = max(leaves, default=-1)
        for leaf, chunk in enumerate(islice(_structs(get(fields, COLUMNS)), most + 1)):
            if leaf in leaves:
                found[group, leaf] = decode_value(STRUCT, get(chunk, META))
    return found


def _structs(items: bytes) -> Iterator[Struct]:
    """The structs of a list, one by one, each value of a field left as bytes."""
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
