"""Copying by the bytes: a file is read and written without its annotations, then given them back.

pyarrow has no type for much of what the format can say (VARIANT, GEOMETRY, ENUM, INTERVAL, INT96
beside INT64, decimals in every physical type). It copies plain physical values without a change. So
`bare` makes a footer that says nothing but physical types, and `dress` puts the schema, with the
source's own elements, and the metadata into the footer of what was written.
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
# Number of SortingColumn's field: the number of the column.
SORTED_COLUMN = 1


def bare(footer: StoredFooter, annotated: Collection[str] = ()) -> StoredFooter:
    """A footer of the same file that says nothing but physical types.

    Lists and maps stay, since they are how values are nested, and unsigned integers, whose order
    differs. INT96 is said to be twelve bytes of fixed length, as it is stored.

    Args:
        annotated: top-level columns that keep their annotations, and are read as pyarrow reads
            them.
    """
    found = columns(footer.elements)
    root, *_ = footer.elements
    kept = [
        element.stored if column.path[0] in annotated else _bare(element)
        for column in found
        for element in column.all()
    ]
    pairs = [pair for pair in footer.key_values if pair[0] != ARROW_SCHEMA]
    plain = footer.with_elements([root, *kept]).with_key_values(pairs)
    plain = plain.without(ENCRYPTION, SIGNING_KEY)
    leaves = [leaf for column in found for leaf in column.leaves()]
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
    """What a written file is given back of its source."""

    root: Struct
    """The source's first schema element, which names the schema."""
    columns: Sequence[Element | None]
    """The source's top-level columns, in order; None for one that stays as it was written."""
    key_values: Sequence[KeyValue]
    """The metadata of the file."""

    def put_on(self, file: BinaryIO) -> None:
        """Give a written file the source's schema elements, and the metadata.

        Columns after those of the source stay as they were written.

        Args:
            file: open for reading and writing; only its footer is written again.
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
        dressed = footer.with_elements([root, *(each.stored for c in worn for each in c.all())])
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
    """A footer of the same file without some of its top-level columns."""
    root, *_ = footer.elements
    found = columns(footer.elements)
    left = [column for column in found if column.path[0] not in names]
    kept = {
        number
        for number, leaf in enumerate(leaf for column in found for leaf in column.leaves())
        if leaf.path[0] not in names
    }
    elements = [put(root, CHILDREN, I32, len(left)), *(e.stored for c in left for e in c.all())]
    groups = []
    for group in footer.row_groups:
        chunks = [c for number, c in enumerate(get(group, COLUMNS).values) if number in kept]
        group = _sorted_by_what_is_left(group, sorted(kept))
        groups.append(put(group, COLUMNS, LIST, Items(STRUCT, chunks)))
    pruned = footer.with_elements(elements).with_row_groups(groups)
    pruned = pruned.with_key_values(without_stored(footer.key_values, names))
    return pruned.without(COLUMN_ORDERS, ENCRYPTION, SIGNING_KEY)


def _sorted_by_what_is_left(group: Struct, kept: Sequence[int]) -> Struct:
    """A row group whose sorting columns have the numbers that they have among the ones kept.

    Rows are not sorted by what follows a column that is gone.
    """
    sorting = get(group, SORTING)
    if sorting is None:
        return group
    there = list(takewhile(lambda column: get(column, SORTED_COLUMN) in kept, sorting.values))
    renumbered = [
        put(column, SORTED_COLUMN, I32, kept.index(get(column, SORTED_COLUMN))) for column in there
    ]
    if not renumbered:
        return without(group, SORTING)
    return put(group, SORTING, LIST, Items(STRUCT, renumbered))


def written_columns(schema: pa.Schema) -> list[Element]:
    """The top-level columns that pyarrow writes for an Arrow schema.

    Raises:
        ArrowException: pyarrow cannot write it.
    """
    sink = BytesIO()
    pq.ParquetWriter(sink, schema, store_schema=False).close()
    return columns(StoredFooter.read(sink).elements)


def _retyped(
    group: Struct,
    types: Sequence[int | None],
    paths: Sequence[tuple[str, ...] | None] | None = None,
) -> Struct:
    """A row group whose column chunks have other physical types or paths, where these say so."""
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
