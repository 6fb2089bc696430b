"""Reads from the footer and the pages how each column of a Parquet file is stored.

Shares only Thrift and the schema tree with the filter's own code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rm_ray.parquet.footer import KeyValue, StoredFooter
from rm_ray.parquet.schema import columns
from rm_ray.parquet.thrift import Struct, decode, get

CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW")
ENCODINGS = {
    0: "plain",
    2: "dictionary",
    3: "RLE",
    4: "BIT_PACKED",
    5: "DELTA_BINARY_PACKED",
    6: "DELTA_LENGTH_BYTE_ARRAY",
    7: "DELTA_BYTE_ARRAY",
    8: "dictionary",
    9: "BYTE_STREAM_SPLIT",
}
# Numbers of PageType.
DATA_V1, DATA_V2 = 0, 3
# Larger than any header of a page in these files.
HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class Leaf:
    """The choices of a writer for one column of values in one row group."""

    codec: str
    """The codec's name in the format."""
    encoding: str
    """The encoding of the first data page: `plain`, `dictionary`, or a name of the format."""
    page_version: int
    """The version of the first data page."""
    checksums: bool
    """True if the first data page has a checksum."""
    bloom_filter: bool
    """True if there is a Bloom filter."""
    column_index: bool
    """True if there is a column index."""
    offset_index: bool
    """True if there is an offset index."""

    def differences(self, other: "Leaf") -> dict[str, str]:
        """Name the fields that differ in another one, with the two values of each."""
        return {
            name: f"{value} became {getattr(other, name)}"
            for name, value in vars(self).items()
            if value != getattr(other, name)
        }


@dataclass(frozen=True)
class Statistics:
    """The statistics of one column of values, over all row groups."""

    bounds: bool
    """True if there is a least or a greatest value."""
    places: bool
    """True if there are geospatial statistics."""
    key_values: bool
    """True if the column has key-value metadata of its own."""


@dataclass(frozen=True)
class Stored:
    """The layout of a file, without the columns that are left out."""

    root: Struct
    """The first element of the schema."""
    elements: dict[str, list[Struct]]
    """The elements of each top-level column."""
    key_values: list[KeyValue]
    """The key-value metadata."""
    rows: int
    """Number of rows."""
    groups: list[dict[tuple[str, ...], Leaf]]
    """The columns of values by their paths, in each row group that has rows."""
    statistics: dict[tuple[str, ...], Statistics]
    """The statistics of the columns of values, by their paths."""
    sorting: list[list[Struct]]
    """The sorting columns of each row group that has rows."""

    @classmethod
    def read(cls, path: Path) -> "Stored":
        """Read a file that Thrift can read."""
        with path.open("rb") as file:
            return cls.of(file)

    @classmethod
    def of(cls, file: BinaryIO) -> "Stored":
        """Read an open file that Thrift can read."""
        footer = StoredFooter.read(file)
        found = columns(footer.elements)
        paths = [leaf.path for column in found for leaf in column.leaves()]
        groups = [group for group in footer.row_groups if get(group, 3)]
        return cls(
            root=footer.elements[0],
            elements={one.path[0]: [each.stored for each in one.all()] for one in found},
            key_values=footer.key_values,
            rows=footer.rows,
            groups=[
                {path: _leaf(file, chunk) for path, chunk in _chunks(paths, group)}
                for group in groups
            ],
            statistics={
                path: _statistics([get(group, 1).values[number] for group in groups])
                for number, path in enumerate(paths)
            },
            sorting=[get(group, 4).values if get(group, 4) else [] for group in groups],
        )


def created_by(path: Path) -> str:
    """Return the writer named in a file; empty if the footer is damaged."""
    try:
        with path.open("rb") as file:
            fields = StoredFooter.read(file).fields
    except (OSError, ValueError):
        return ""
    # a length stands before the text
    text: bytes = get(fields, 6, b"")
    return text[1:].decode("utf-8", "replace").split(" (build")[0].strip()


def _chunks(
    paths: Sequence[tuple[str, ...]], group: Struct
) -> list[tuple[tuple[str, ...], Struct]]:
    return list(zip(paths, get(group, 1).values, strict=True))


def _leaf(file: BinaryIO, chunk: Struct) -> Leaf:
    about = get(chunk, 3)
    header = _first_data_page(file, about)
    second = get(header, 1, DATA_V1) == DATA_V2
    page = get(header, 8 if second else 5, [])
    number = get(page, 4 if second else 2, -1)
    return Leaf(
        codec=CODECS[get(about, 4)],
        encoding=ENCODINGS.get(number, str(number)),
        page_version=2 if second else 1,
        checksums=get(header, 4) is not None,
        bloom_filter=get(about, 14) is not None,
        column_index=get(chunk, 6) is not None,
        offset_index=get(chunk, 4) is not None,
    )


def _first_data_page(file: BinaryIO, about: Struct) -> Struct:
    """Read the header of a column's first data page; some writers give a wrong place for it."""
    at = get(about, 9)
    while True:
        file.seek(at)
        header, length = decode(file.read(HEADER_BYTES))
        if get(header, 1) in (DATA_V1, DATA_V2):
            return header
        at += length + get(header, 3)


def _statistics(chunks: Sequence[Struct]) -> Statistics:
    about = [get(chunk, 3) for chunk in chunks]
    bounds = [get(get(one, 12, []), number) for one in about for number in (1, 2, 5, 6)]
    return Statistics(
        bounds=any(bound is not None for bound in bounds),
        places=any(get(one, 17) is not None for one in about),
        # some writers store an empty list
        key_values=any(get(one, 8) and get(one, 8).values for one in about),
    )
