"""How a file is written: its writer's choices, so that another file can be written likewise."""

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
    """How one column of values is written."""

    codec: str
    """As pyarrow calls it."""
    dictionary: bool
    """Whether values are written by a dictionary."""
    encoding: str | None
    """The encoding that is neither a dictionary nor PLAIN."""
    bloom: bool
    """Whether there is a Bloom filter."""
    boolean: bool
    """Whether values are booleans, of which pyarrow writes no Bloom filter."""
    bounds: bool
    """Whether every row group has the least and the greatest value.

    Some writers leave them out where there is NaN, and readers (DuckDB) count on that.
    """
    shapes: bool
    """Whether there are statistics of shapes (GEOMETRY)."""


@dataclass(frozen=True)
class Kind:
    """How a file is written, taken from its first row group."""

    schema: tuple[Element, ...]
    """Its top-level columns."""
    key_values: tuple[KeyValue, ...]
    """Its metadata, as `key_values.settled` leaves it."""
    leaves: tuple[Leaf, ...]
    """How each column of values is written; none where the file has no row group."""
    sorted_by: tuple[tuple[int, bool, bool], ...]
    """By which columns of values each row group is sorted: number, descending, nulls first."""
    page_index: bool
    """Whether there is an index of pages."""
    page_version: str
    """Of its data pages: 1.0 or 2.0."""
    checksums: bool
    """Whether its pages have checksums."""
    has_chunk_metadata: bool = False
    """Whether the chunks of its columns have keys and values of their own."""
    sorted_apart: bool = False
    """Whether its row groups are sorted, and not all by the same columns."""

    @classmethod
    def of(
        cls,
        file: BinaryIO,
        footer: StoredFooter,
        metadata: pq.FileMetaData,
        key_values: Sequence[KeyValue],
    ) -> "Kind":
        """Look at a file.

        Args:
            file: open; the header of one page is read.
            footer: of the file.
            metadata: the same footer as pyarrow knows it.
            key_values: the metadata to write.
        """
        found = tuple(columns(footer.elements))
        pairs = tuple(key_values)
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        groups = [group for group in groups if group.num_rows and group.num_columns]
        if not groups:
            return cls(
                schema=found,
                key_values=pairs,
                leaves=(),
                sorted_by=(),
                page_index=False,
                page_version="1.0",
                checksums=False,
            )
        chunks = [groups[0].column(number) for number in range(groups[0].num_columns)]
        by = _sorting(groups)
        header = _first_data_page(file, chunks[0].data_page_offset)
        return cls(
            schema=found,
            key_values=pairs,
            leaves=tuple(_leaf(groups, number) for number in range(groups[0].num_columns)),
            sorted_by=by,
            page_index=any(chunk.has_offset_index for chunk in chunks),
            page_version=header.version,
            checksums=header.has_checksum,
            has_chunk_metadata=any(chunk.metadata for chunk in chunks),
            sorted_apart=not by and any(group.sorting_columns for group in groups),
        )

    @property
    def name(self) -> str:
        """A short name that two files share only where they may be written as one.

        Dictionaries and encodings are no part of it: writers choose those row group by row group.
        """
        elements = [encode_value(STRUCT, e.stored) for c in self.schema for e in c.all()]
        leaves = [(leaf.codec, leaf.bloom, leaf.bounds) for leaf in self.leaves]
        rest = (leaves, self.sorted_by, self.page_index, self.page_version, self.checksums)
        said = repr((elements, self.key_values, rest))
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    def options(
        self,
        paths: Sequence[str],
        *,
        taken: Sequence[int | None],
        ordered: Sequence[bool],
        codec: str | None,
        rows: int,
    ) -> dict[str, Any]:
        """Options of pyarrow's ParquetWriter that write a file of this kind.

        Args:
            paths: the columns of values, as pyarrow will write them.
            taken: for each of them the number of the source's column of values; None where the
                source has none.
            ordered: for each of them whether statistics of its plain values are right.
            codec: in place of the source's.
            rows: of a row group.
        """
        other = Leaf(self._usual_codec, True, None, False, boolean=False, bounds=True, shapes=False)
        own = [self.leaves[n] if n is not None and self.leaves else other for n in taken]
        leaves = list(zip(paths, own, strict=True))
        # without the first of its columns rows are not sorted by the second
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
    """A codec as ParquetWriter is told it."""
    return CODECS.get(codec.upper(), codec.upper())


def _all_or(chosen: Sequence[bool], paths: Sequence[str]) -> bool | list[str]:
    """The chosen paths, in the way that ParquetWriter is told all or none of them."""
    some = [path for path, one in zip(paths, chosen, strict=True) if one]
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
    """Whether a chunk has the least and the greatest value, or nulls alone."""
    said = chunk.statistics
    return said is not None and (said.has_min_max or said.null_count == chunk.num_values)


def _first_data_page(file: BinaryIO, at: int) -> PageHeader:
    """The header of a chunk's first data page.

    Old writers (parquet-mr 1.8) say that the data begins where the dictionary does.
    """
    header = page_header(file, at)
    while header.is_dictionary:
        header = page_header(file, header.end)
    return header


def _sorting(groups: Sequence[Any]) -> tuple[tuple[int, bool, bool], ...]:
    """How every row group is sorted; not at all where they differ."""
    found = {
        tuple((one.column_index, one.descending, one.nulls_first) for one in group.sorting_columns)
        for group in groups
    }
    return found.pop() if len(found) == 1 else ()
