"""A file whose rows are copied: how it is read, and how the copy is written likewise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.bare import Dress, bare, prune, written_columns
from rm_ray.parquet.encryption import encrypted_columns
from rm_ray.parquet.footer import ARROW_SCHEMA, KeyValue, StoredFooter
from rm_ray.parquet.key_values import settled, with_fields, without_schemas
from rm_ray.parquet.kind import Kind
from rm_ray.parquet.readable import columns_refused
from rm_ray.parquet.schema import Element, columns


@dataclass(frozen=True)
class ParquetSource:
    """A source is a file whose rows are copied."""

    footer: StoredFooter
    """Footer of the file, without the columns that cannot be read."""
    metadata: pq.FileMetaData
    """The same footer with physical types only; pyarrow reads the file with it."""
    schema: pa.Schema
    """Columns that pyarrow reads with `metadata`."""
    kind: Kind
    """Description of how the file is written."""
    changed: tuple[str, ...]
    """Changes to the metadata in the copy, each in a few words."""
    dropped: dict[str, str]
    """Top-level columns that cannot be read or written at all; by name, the reason."""
    reshaped: dict[str, str]
    """Top-level columns that can only be written in another structure; by name, a description."""

    @classmethod
    def of(cls, file: BinaryIO) -> "ParquetSource":
        """Look at an open file.

        Raises:
            ArrowInvalid: the file is not a Parquet file, or is damaged.
            ArrowNotImplementedError: pyarrow cannot read the codec, or copy any of the columns.
        """
        footer = StoredFooter.read(file)
        _check_round_trip(footer)
        dropped = dict.fromkeys(encrypted_columns(footer), "is encrypted")
        footer = prune(footer, dropped) if dropped else footer
        if unread := columns_refused(footer, _copied):
            footer = prune(footer, unread)
            dropped |= unread
        reshaped = _reshaped(footer)
        metadata = bare(footer, reshaped).metadata()
        pairs, changed = settled(footer)
        if dropped or reshaped:
            pairs, changes = without_schemas(pairs)
            changed += changes
        kind = Kind.of(file, footer, metadata, pairs)
        if any(leaf.codec == "LZO" for leaf in kind.leaves):
            raise pa.ArrowNotImplementedError(
                "it is compressed with LZO, which pyarrow cannot read"
            )
        if _loses_bounds(kind):
            changed.append(
                "statistics of decimals in bytes, half floats, intervals, shapes and INT96 are "
                "left out: plain bytes have another order"
            )
        if kind.sorted_apart:
            changed.append(
                "row groups are sorted in different ways, so the copy is not marked sorted"
            )
        if kind.has_chunk_metadata:
            changed.append("the metadata of single column chunks is left out")
        schema = metadata.schema.to_arrow_schema().remove_metadata()
        if not len(schema):
            why = "; ".join(f"column {name!r} {reason}" for name, reason in dropped.items())
            raise pa.ArrowNotImplementedError(f"none of its columns can be copied: {why}")
        return cls(
            footer=footer,
            metadata=metadata,
            schema=schema,
            kind=kind,
            changed=tuple(changed),
            dropped=dropped,
            reshaped=reshaped,
        )

    def can_add_columns(self) -> bool:
        """Return True if a stored Arrow schema can name added columns, or if there is none."""
        try:
            with_fields(self.kind.key_values, [pa.field("added", pa.int64())])
        except (pa.ArrowException, ValueError):
            return False
        return True

    def writing(self, added: Sequence[pa.Field], codec: str | None, rows: int) -> "Writing":
        """Return how to write a file of some of the rows.

        If columns are added and a stored Arrow schema cannot name these, the schema is left out.

        Args:
            added: columns to add after the columns of the source.
            codec: a codec to use instead of the source's; None for the source's.
            rows: number of rows of a row group.
        """
        schema = self.schema
        for field in added:
            schema = schema.append(field)
        own: list[Element | None] = [
            None if column.path[0] in self.reshaped else column for column in self.kind.schema
        ]
        written = written_columns(schema)
        dressed = [*own, *[None] * len(added)]
        taken, ordered, number = [], [], 0
        for old, new in zip(written, dressed, strict=True):
            for leaf in new.leaves() if new else old.leaves():
                taken.append(number if new else None)
                ordered.append(not new or leaf.has_plain_order)
                number += 1 if new else 0
            if new is None:
                number += self._leaves_of(old.path[0])
        paths = [".".join(leaf.path) for column in written for leaf in column.leaves()]
        options = self.kind.options(paths, taken=taken, ordered=ordered, codec=codec, rows=rows)
        pairs: Sequence[KeyValue] = self.kind.key_values
        if added and not self.can_add_columns():
            pairs = [pair for pair in pairs if pair[0] != ARROW_SCHEMA]
        pairs = with_fields(pairs, added)
        return Writing(schema, options, Dress(self.footer.elements[0], own, pairs))

    def _leaves_of(self, name: str) -> int:
        return sum(len(list(c.leaves())) for c in self.kind.schema if c.path[0] == name)


@dataclass(frozen=True)
class Writing:
    """A Writing holds all that is needed to write a file."""

    schema: pa.Schema
    """Schema of the tables to write, for pyarrow's ParquetWriter."""
    options: dict[str, Any]
    """Options of pyarrow's ParquetWriter, by name."""
    dress: Dress | None
    """Schema and metadata that the file gets back from its source; None without a source."""


def _check_round_trip(footer: StoredFooter) -> None:
    """Refuse a footer whose schema or metadata change when it is written again.

    The bytes may differ, since some writers (Polars) encode the number of a field in a longer way.
    """
    again = footer.with_elements(footer.elements).with_key_values(footer.key_values)
    if (again.elements, again.key_values) != (footer.elements, footer.key_values):
        raise pa.ArrowInvalid("its footer changes when it is decoded and written again")


def _copied(footer: StoredFooter) -> list[Element]:
    """Return the columns that pyarrow writes after it has read all columns as physical values."""
    return written_columns(bare(footer).metadata().schema.to_arrow_schema())


def _reshaped(footer: StoredFooter) -> dict[str, str]:
    """Return the top-level columns that pyarrow would write in another structure, described."""
    plain = bare(footer)
    stored, read = columns(plain.elements), plain.metadata().schema.to_arrow_schema()
    pairs = zip(stored, written_columns(read), read, strict=True)
    return {
        old.path[0]: f"would be written as {field.type}, in another structure"
        for old, new, field in pairs
        if old.shape != new.shape
    }


def _loses_bounds(kind: Kind) -> bool:
    """Return True if columns have statistics in the source, but have none in the copy."""
    leaves = [leaf for column in kind.schema for leaf in column.leaves()]
    pairs = zip(leaves, kind.leaves, strict=False)  # `kind.leaves` is empty for a file without rows
    return any(
        (written.bounds or written.shapes) and not leaf.has_plain_order for leaf, written in pairs
    )
