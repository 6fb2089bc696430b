"""Find out how a file is written, so that another file can be written in the same way."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from rm_ray.parquet.footer import KeyValue, StoredFooter
from rm_ray.parquet.pages import PageHeader, page_header
from rm_ray.parquet.schema import Element, columns
from rm_ray.parquet.thrift import STRUCT, encode_value

# pyarrow calls Hadoop's LZ4 UNKNOWN, and does not write it. The format has replaced it with
# LZ4_RAW, which pyarrow calls LZ4.
HADOOP_LZ4 = "UNKNOWN"
CODECS = {"UNCOMPRESSED": "NONE", HADOOP_LZ4: "LZ4"}
# Encodings that a writer chooses in place of PLAIN or a dictionary.
ENCODINGS = (
    "DELTA_BINARY_PACKED",
    "DELTA_LENGTH_BYTE_ARRAY",
    "DELTA_BYTE_ARRAY",
    "BYTE_STREAM_SPLIT",
)
DICTIONARIES = {"PLAIN_DICTIONARY", "RLE_DICTIONARY"}
USUAL_CODEC = "SNAPPY"


@dataclass(frozen=True)
class Leaf:
    """A leaf describes how one column of values is written."""

    codec: str
    """Name of the compression codec in pyarrow's metadata."""
    dictionary: bool
    """True if values are written with a dictionary."""
    encoding: str | None
    """Name of the encoding, if it is neither a dictionary nor PLAIN."""
    bloom: bool
    """True if there is a Bloom filter."""
    boolean: bool
    """True for booleans, for which pyarrow writes no Bloom filter."""
    bounds: bool
    """True if every row group has the least and the greatest value.

    Some writers leave these out if there is NaN, and readers (DuckDB) rely on that.
    """
    shapes: bool
    """True if there are statistics of shapes (GEOMETRY)."""


@dataclass(frozen=True)
class Kind:
    """A kind describes how a file is written, taken from its first row group with rows."""

    schema: tuple[Element, ...]
    """Top-level columns."""
    key_values: tuple[KeyValue, ...]
    """Metadata to write, as adapted by `key_values.settled`."""
    leaves: tuple[Leaf, ...]
    """Description of each column of values; empty if the file has no row group."""
    sorted_by: tuple[tuple[int, bool, bool], ...]
    """Columns of values that each row group is sorted by: number, descending, nulls first."""
    page_index: bool
    """True if there is an index of pages."""
    page_version: str
    """Version of the data pages: 1.0 or 2.0."""
    checksums: bool
    """True if the pages have checksums."""
    has_chunk_metadata: bool = False
    """True if column chunks have keys and values of their own."""
    sorted_apart: bool = False
    """True if row groups are sorted, but not all by the same columns."""

    @classmethod
    def of(
        cls,
        file: BinaryIO,
        footer: StoredFooter,
        metadata: pq.FileMetaData,
        key_values: Sequence[KeyValue],
    ) -> "Kind":
        """Find out how a file is written.

        Args:
            file: the open file; only page headers up to the first data page are read.
            footer: the footer of the file.
            metadata: the same footer as pyarrow's metadata.
            key_values: the metadata to write.
        """
        schema = tuple(columns(footer.elements))
        pairs = tuple(key_values)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        groups = [group for group in groups if group.num_rows and group.num_columns]
        if not groups:
            return cls(
                schema=schema,
                key_values=pairs,
                leaves=(),
                sorted_by=(),
                page_index=False,
                page_version="1.0",
                checksums=False,
            )
        chunks = [groups[0].column(number) for number in range(groups[0].num_columns)]
        sorted_by = _sorting(groups)
        header = _first_data_page(file, chunks[0].data_page_offset)
        return cls(
            schema=schema,
            key_values=pairs,
            leaves=tuple(_leaf(groups, number) for number in range(groups[0].num_columns)),
            sorted_by=sorted_by,
            page_index=any(chunk.has_offset_index for chunk in chunks),
            page_version=header.version,
            checksums=header.has_checksum,
            has_chunk_metadata=any(chunk.metadata for chunk in chunks),
            sorted_apart=not sorted_by and any(group.sorting_columns for group in groups),
        )

    @property
    def name(self) -> str:
        """Return a short name that two files share only if they may be written as one file.

        It does not depend on dictionaries and encodings, since writers choose these per row group.
        """
        elements = [encode_value(STRUCT, e.stored) for c in self.schema for e in c.all()]
        leaves = [(leaf.codec, leaf.bloom, leaf.bounds) for leaf in self.leaves]
        rest = (leaves, self.sorted_by, self.page_index, self.page_version, self.checksums)
        description = repr((elements, self.key_values, rest))
        return hashlib.sha256(description.encode()).hexdigest()[:32]

    def options(
        self,
        paths: Sequence[str],
        *,
        taken: Sequence[int | None],
        ordered: Sequence[bool],
        codec: str | None,
        rows: int,
    ) -> dict[str, Any]:
        """Return the options of pyarrow's ParquetWriter that write a file of this kind.

        Args:
            paths: paths of the columns of values that pyarrow will write.
            taken: for each path, the number of the source's column of values; None if the source
                has none.
            ordered: for each path, True if statistics of its plain values are correct.
            codec: a codec to use instead of the source's; None for the source's.
            rows: number of rows of a row group.
        """
        other = Leaf(self._usual_codec, True, None, False, boolean=False, bounds=True, shapes=False)
        own = [self.leaves[n] if n is not None and self.leaves else other for n in taken]
        leaves = list(zip(paths, own, strict=True))
        # rows without the first sorting column are not sorted by the second
        sorting = [
            pq.SortingColumn(taken.index(number), descending, nulls_first)
            for number, descending, nulls_first in takewhile(
                lambda column: column[0] in taken, self.sorted_by
            )
        ]
        bounded = [plain and leaf.bounds for plain, leaf in zip(ordered, own, strict=True)]
        bloom = {
            path: {"ndv": max(1, rows), "fpp": 0.01}
            for path, leaf in leaves
            if leaf.bloom and not leaf.boolean
        }
        encodings = {path: leaf.encoding for path, leaf in leaves if leaf.encoding}
        return {
            "compression": {path: named(codec or leaf.codec) for path, leaf in leaves},
            "use_dictionary": _all_or([leaf.dictionary for leaf in own], paths),
            "write_statistics": _all_or(bounded, paths),
            "column_encoding": encodings or None,
            "bloom_filter_options": bloom or None,
            "sorting_columns": sorting or None,
            "write_page_index": self.page_index,
            "data_page_version": self.page_version,
            "write_page_checksum": self.checksums,
            "store_schema": False,
        }

    @property
    def _usual_codec(self) -> str:
        codecs = Counter(leaf.codec for leaf in self.leaves).most_common(1)
        return codecs[0][0] if codecs else USUAL_CODEC


def named(codec: str) -> str:
    """Return the name of a codec that ParquetWriter takes."""
    return CODECS.get(codec.upper(), codec.upper())


def _all_or(chosen: Sequence[bool], paths: Sequence[str]) -> bool | list[str]:
    """Return the chosen paths, or True for all and False for none, as ParquetWriter takes it."""
    some = [path for path, is_chosen in zip(paths, chosen, strict=True) if is_chosen]
    return len(some) == len(paths) or some or False


def _leaf(groups: Sequence[Any], number: int) -> Leaf:
    chunk = groups[0].column(number)
    kinds = set(chunk.encodings)
    dictionary = bool(kinds & DICTIONARIES)
    boolean = chunk.physical_type == "BOOLEAN"
    encoding = next((name for name in ENCODINGS if name in kinds and not dictionary), None)
    if boolean and kinds == {"RLE"}:
        encoding = "RLE"
    return Leaf(
        codec=chunk.compression,
        dictionary=dictionary,
        encoding=encoding,
        bloom=chunk.bloom_filter_offset is not None,
        boolean=boolean,
        bounds=all(_has_bounds(group.column(number)) for group in groups),
        shapes=chunk.is_geo_stats_set,
    )


def _has_bounds(chunk: Any) -> bool:
    """Return True if a chunk has the least and the greatest value, or only nulls."""
    stats = chunk.statistics
    return stats is not None and (stats.has_min_max or stats.null_count == chunk.num_values)


def _first_data_page(file: BinaryIO, at: int) -> PageHeader:
    """Return the header of a chunk's first data page.

    Old writers (parquet-mr 1.8) give the offset of the dictionary as the offset of the data.
    """
    header = page_header(file, at)
    while header.is_dictionary:
        header = page_header(file, header.end)
    return header


def _sorting(groups: Sequence[Any]) -> tuple[tuple[int, bool, bool], ...]:
    """Return the columns that every row group is sorted by; none if the row groups differ."""
    orders = {
        tuple((by.column_index, by.descending, by.nulls_first) for by in group.sorting_columns)
        for group in groups
    }
    return orders.pop() if len(orders) == 1 else ()
