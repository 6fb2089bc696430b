"""A file whose rows are copied to another one: what is read of it, what is written as it was."""

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
class Source:
    """A file whose rows are copied."""

    footer: StoredFooter
    """Its footer, without the columns that cannot be read."""
    metadata: pq.FileMetaData
    """The same, as physical types: what pyarrow reads the file by."""
    schema: pa.Schema
    """Its columns as pyarrow reads them so."""
    kind: Kind
    """How it is written."""
    changed: tuple[str, ...]
    """What of its metadata will not be as it was, each in a few words."""
    dropped: dict[str, str]
    """The top-level columns that cannot be read or written at all, and why, each in a few words."""
    reshaped: dict[str, str]
    """The top-level columns that can only be written in another way, and in which."""

    @classmethod
    def of(cls, file: BinaryIO) -> "Source":
        """Look at an open file.

        Raises:
            ArrowInvalid: it is no Parquet file, or damaged.
        """
        footer = StoredFooter.read(file)
        _check_comes_back(footer)
        dropped = dict.fromkeys(encrypted_columns(footer), "is encrypted")
        footer = prune(footer, dropped) if dropped else footer
        if unread := columns_refused(footer, _copied):
            footer = prune(footer, unread)
            dropped |= unread
        reshaped = _reshaped(footer)
        metadata = bare(footer, reshaped).metadata()
        pairs, changed = settled(footer)
        if dropped or reshaped:
            pairs, said = without_schemas(pairs)
            changed += said
        kind = Kind.of(file, footer, metadata, pairs)
        if any(leaf.codec == "LZO" for leaf in kind.leaves):
            raise pa.ArrowNotImplementedError(
                "it is compressed with LZO, which pyarrow cannot read"
            )
        if _has_bounds_that_are_lost(kind):
            changed.append(
                "statistics of decimals in bytes, half floats, intervals, shapes and INT96 are "
                "left out: plain bytes have another order"
            )
        if kind.sorted_apart:
            changed.append("row groups that are sorted in several ways are called sorted no more")
        if kind.has_chunk_metadata:
            changed.append("the metadata of single column chunks is left out")
        schema = metadata.schema.to_arrow_schema().remove_metadata()
        if not len(schema):
            why = "; ".join(f"column {name!r} {said}" for name, said in dropped.items())
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
        """Whether columns can be added: a stored Arrow schema has to name them too."""
        try:
            with_fields(self.kind.key_values, [pa.field("added", pa.int64())])
        except (pa.ArrowException, ValueError):
            return False
        return True

    def writing(self, added: Sequence[pa.Field], codec: str | None, rows: int) -> "Writing":
        """How a file of some of the rows is written.

        A stored Arrow schema that cannot name added columns is left out with them.

        Args:
            added: columns that stand after the source's.
            codec: in place of the source's.
            rows: of a row group.
        """
        schema = self.schema
        for field in added:
            schema = schema.append(field)
        own: list[Element | None] = [
            None if column.path[0] in self.reshaped else column for column in self.kind.schema
        ]
        written = written_columns(schema)
        every = [*own, *[None] * len(added)]
        taken, ordered, number = [], [], 0
        for old, new in zip(written, every, strict=True):
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
    """How a file is written."""

    schema: pa.Schema
    """What pyarrow is given."""
    options: dict[str, Any]
    """What pyarrow's ParquetWriter is told."""
    dress: Dress | None
    """What the file is given back of its source; None where it has none."""


def _check_comes_back(footer: StoredFooter) -> None:
    """Refuse a footer that would not say the same when it is written again.

    Its bytes may differ: some writers (Polars) spell the number of a field in a longer way.
    """
    again = footer.with_elements(footer.elements).with_key_values(footer.key_values)
    if (again.elements, again.key_values) != (footer.elements, footer.key_values):
        raise pa.ArrowInvalid("its footer holds what cannot be written again")


def _copied(footer: StoredFooter) -> list[Element]:
    """The columns that pyarrow writes of those that it reads as physical values."""
    return written_columns(bare(footer).metadata().schema.to_arrow_schema())


def _reshaped(footer: StoredFooter) -> dict[str, str]:
    """The top-level columns that pyarrow would write in another structure, and what it is."""
    plain = bare(footer)
    there, read = columns(plain.elements), plain.metadata().schema.to_arrow_schema()
    every = zip(there, written_columns(read), read, strict=True)
    return {
        old.path[0]: f"would be written as {field.type}, in another structure"
        for old, new, field in every
        if old.shape != new.shape
    }


def _has_bounds_that_are_lost(kind: Kind) -> bool:
    """Whether columns have statistics in the source, and have none when they are written."""
    leaves = [leaf for column in kind.schema for leaf in column.leaves()]
    every = zip(leaves, kind.leaves, strict=False)  # no choices are known of a file without rows
    return any(
        (written.bounds or written.shapes) and not leaf.has_plain_order for leaf, written in every
    )
