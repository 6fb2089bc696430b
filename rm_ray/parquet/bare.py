"""Copy columns as physical values: strip a file's annotations, and put them back after writing.

pyarrow has no type for many types of the format (VARIANT, GEOMETRY, ENUM, INTERVAL, INT96 beside
INT64, decimals in every physical type). But it copies plain physical values without a change. So
`bare` makes a footer with physical types only, and `Dress` puts the schema elements of the source
and the metadata into the footer of the written file.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import takewhile
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.footer import (
    ARROW_SCHEMA,
    COLUMN_ORDERS,
    ENCRYPTION,
    ENDING,
    SIGNING_KEY,
    KeyValue,
    StoredFooter,
    ended,
    footer_bytes,
)
from rm_ray.parquet.key_values import without_stored
from rm_ray.parquet.schema import (
    CHILDREN,
    CONVERTED,
    FIXED,
    INT96,
    LENGTH,
    LOGICAL,
    TYPE,
    Element,
    columns,
)
from rm_ray.parquet.thrift import (
    BINARY,
    I32,
    LIST,
    STRUCT,
    Items,
    Struct,
    get,
    put,
    without,
)

INT96_BYTES = 12
# Numbers of fields: RowGroup's columns and sorting columns; ColumnChunk's metadata;
# ColumnMetaData's type and path; SchemaElement's scale and precision.
COLUMNS, SORTING, META, META_TYPE, META_PATH = 1, 4, 3, 1, 3
SCALE, PRECISION = 7, 8
# Number of SortingColumn's field that holds the number of the column.
SORTED_COLUMN = 1


def bare(footer: StoredFooter, annotated: Collection[str] = ()) -> StoredFooter:
    """Return a footer of the same file with physical types only.

    Lists and maps stay, since they define how values are nested. Unsigned integers stay, since
    their order differs from signed ones. INT96 becomes twelve bytes of fixed length, as it is
    stored.

    Args:
        footer: the footer of the file.
        annotated: top-level columns that keep their annotations, and are read as pyarrow reads
            annotated columns.
    """
    all_columns = columns(footer.elements)
    root, *_ = footer.elements
    kept = [
        element.stored if column.path[0] in annotated else _bare(element)
        for column in all_columns
        for element in column.all()
    ]
    pairs = [pair for pair in footer.key_values if pair[0] != ARROW_SCHEMA]
    plain = footer.with_elements([root, *kept]).with_key_values(pairs)
    plain = plain.without(ENCRYPTION, SIGNING_KEY)
    leaves = [leaf for column in all_columns for leaf in column.leaves()]
    int96 = {
        number
        for number, leaf in enumerate(leaves)
        if leaf.physical == INT96 and leaf.path[0] not in annotated
    }
    if not int96:
        return plain
    types = [FIXED if number in int96 else None for number in range(len(leaves))]
    return plain.with_row_groups([_retyped(group, types) for group in plain.row_groups])


def _bare(element: Element) -> Struct:
    stored = element.stored
    if element.physical == INT96:
        stored = put(put(stored, TYPE, I32, FIXED), LENGTH, I32, INT96_BYTES)
    if element.is_list_or_map or element.is_unsigned:
        return stored
    return without(stored, CONVERTED, LOGICAL, SCALE, PRECISION)


@dataclass(frozen=True)
class Dress:
    """A Dress is the schema and metadata that a written file gets back from its source."""

    root: Struct
    """First schema element of the source, which names the schema."""
    columns: Sequence[Element | None]
    """Top-level columns of the source, in order; None for a column that stays as written."""
    key_values: Sequence[KeyValue]
    """Metadata of the written file."""

    def put_on(self, file: BinaryIO) -> None:
        """Give a written file the schema elements of the source, and the metadata.

        Columns after the columns of the source stay as they were written.

        Args:
            file: the file, open for reading and writing; only its footer is written again.
        """
        written = footer_bytes(file)
        footer = self._schema(StoredFooter.parse(written)).with_key_values(self.key_values)
        file.seek(-len(written) - ENDING, 2)
        file.truncate()
        file.write(ended(footer.to_bytes()))

    def _schema(self, footer: StoredFooter) -> StoredFooter:
        written = columns(footer.elements)
        own = [*self.columns, *[None] * (len(written) - len(self.columns))]
        worn = [new or old for old, new in zip(written, own, strict=True)]
        root = put(self.root, CHILDREN, I32, len(written))
        elements = (element.stored for column in worn for element in column.all())
        dressed = footer.with_elements([root, *elements])
        leaves = [
            pair
            for old, new in zip(written, worn, strict=True)
            for pair in zip(old.leaves(), new.leaves(), strict=True)
        ]
        types = [new.physical if new.physical != old.physical else None for old, new in leaves]
        paths = [new.path if new.path != old.path else None for old, new in leaves]
        if types.count(None) == paths.count(None) == len(leaves):
            return dressed
        groups = [_retyped(group, types, paths) for group in dressed.row_groups]
        return dressed.with_row_groups(groups)


def prune(footer: StoredFooter, names: Collection[str]) -> StoredFooter:
    """Return a footer of the same file without some of its top-level columns."""
    root, *_ = footer.elements
    all_columns = columns(footer.elements)
    remaining = [column for column in all_columns if column.path[0] not in names]
    kept = {
        number
        for number, leaf in enumerate(leaf for column in all_columns for leaf in column.leaves())
        if leaf.path[0] not in names
    }
    elements = [
        put(root, CHILDREN, I32, len(remaining)),
        *(e.stored for c in remaining for e in c.all()),
    ]
    groups = []
    for group in footer.row_groups:
        chunks = [c for number, c in enumerate(get(group, COLUMNS).values) if number in kept]
        group = _renumber_sorting(group, sorted(kept))
        groups.append(put(group, COLUMNS, LIST, Items(STRUCT, chunks)))
    pruned = footer.with_elements(elements).with_row_groups(groups)
    pruned = pruned.with_key_values(without_stored(footer.key_values, names))
    return pruned.without(COLUMN_ORDERS, ENCRYPTION, SIGNING_KEY)


def _renumber_sorting(group: Struct, kept: Sequence[int]) -> Struct:
    """Return a row group whose sorting columns are numbered among the kept columns.

    If a sorting column is dropped, the sorting columns after it are dropped too, since the rows are
    not sorted by these alone.
    """
    sorting = get(group, SORTING)
    if sorting is None:
        return group
    leading = list(takewhile(lambda column: get(column, SORTED_COLUMN) in kept, sorting.values))
    renumbered = [
        put(column, SORTED_COLUMN, I32, kept.index(get(column, SORTED_COLUMN)))
        for column in leading
    ]
    if not renumbered:
        return without(group, SORTING)
    return put(group, SORTING, LIST, Items(STRUCT, renumbered))


def written_columns(schema: pa.Schema) -> list[Element]:
    """Return the top-level columns that pyarrow writes for an Arrow schema.

    Raises:
        ArrowException: pyarrow cannot write the schema.
    """
    sink = BytesIO()
    pq.ParquetWriter(sink, schema, store_schema=False).close()
    return columns(StoredFooter.read(sink).elements)


def _retyped(
    group: Struct,
    types: Sequence[int | None],
    paths: Sequence[tuple[str, ...] | None] | None = None,
) -> Struct:
    """Return a row group whose chunks have other physical types or paths; None keeps the old."""
    chunks = []
    for number, chunk in enumerate(get(group, COLUMNS).values):
        meta = get(chunk, META)
        if (kind := types[number]) is not None:
            meta = put(meta, META_TYPE, I32, kind)
        if paths and (path := paths[number]) is not None:
            names = [name.encode("utf-8", "surrogateescape") for name in path]
            meta = put(meta, META_PATH, LIST, Items(BINARY, names))
        chunks.append(put(chunk, META, STRUCT, meta))
    return put(group, COLUMNS, LIST, Items(STRUCT, chunks))
