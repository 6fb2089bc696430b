"""The columns of the output: the fields of the documents, and the columns that are added."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.convert.blocks import BLOCK_BYTES
from rm_ray.convert.config import LinesOutputConfig
from rm_ray.convert.kinds import NO_FIELDS, Kind

# Key of a field's metadata: the field holds the JSON text of values, for this reason.
JSON_KEY = "rm_ray.json_text"

# With more leaves than this, blocks are smaller, down to so many bytes.
MANY_LEAVES, LEAST_BLOCK_BYTES = 64, 1 << 20

_SIMPLE = {
    "text": pa.string(),
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "json": pa.string(),
}

REJECTS = pa.schema(
    [
        pa.field("source_file", pa.string()),
        pa.field("line", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("raw", pa.binary()),
        pa.field("bytes", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Columns:
    """Columns holds the planned fields of the documents, and the names of the added columns."""

    fields: tuple[tuple[str, Kind], ...]
    """The planned fields by name, first seen first."""
    extra: str | None
    """Name of the column with the JSON text of what does not fit; None if such lines are
    rejected."""
    source_file: str | None
    """Name of the column with the path of the file; None for none."""
    line: str | None
    """Name of the column with the number of the line; None for none."""

    @classmethod
    def of(
        cls, fields: Sequence[tuple[str, Kind]], output: LinesOutputConfig, extra: str
    ) -> "Columns":
        """Return the columns of a run.

        Args:
            fields: the planned fields.
            output: the configuration of the output.
            extra: the configuration `types.extra`.
        """
        name = output.extra if extra == "json" else None
        return cls(tuple(fields), name, output.source_file, output.line)

    @property
    def added(self) -> dict[str, str]:
        """Return the names of the added columns, by the key that names each."""
        names = {"extra": self.extra, "source_file": self.source_file, "line": self.line}
        return {f"output.{key}": name for key, name in names.items() if name is not None}

    @property
    def schema(self) -> pa.Schema:
        """Return the schema of the output."""
        fields = [_field(name, kind) for name, kind in self.fields]
        if self.extra is not None:
            why = {JSON_KEY: "fields that were not planned, and values that fit no column"}
            fields.append(pa.field(self.extra, pa.string(), metadata=why))
        if self.source_file is not None:
            fields.append(pa.field(self.source_file, pa.string()))
        if self.line is not None:
            fields.append(pa.field(self.line, pa.int64()))
        return pa.schema(fields)

    @property
    def block_schema(self) -> pa.Schema | None:
        """Return the schema to read whole blocks with; None if fields have to be read as text."""
        if not all(kind.reads_in_blocks for _, kind in self.fields):
            return None
        return pa.schema([pa.field(name, _block_type(kind)) for name, kind in self.fields])

    @property
    def block_bytes(self) -> int:
        """Return the bytes of a block: fewer if there are many columns, for each row takes room in
        all of them.
        """
        leaves = sum(_leaves(kind) for _, kind in self.fields)
        return max(LEAST_BLOCK_BYTES, BLOCK_BYTES * MANY_LEAVES // max(MANY_LEAVES, leaves))

    @property
    def by_name(self) -> Mapping[str, Kind]:
        """Return the planned fields by name."""
        return dict(self.fields)

    def finish(self, documents: Sequence[pa.Array], **added: pa.Array) -> pa.Table:
        """Return a table of the output.

        Args:
            documents: a column for each planned field.
            added: columns extra, source_file and line; a column that has no name is left out.
        """
        names = {"extra": self.extra, "source_file": self.source_file, "line": self.line}
        arrays = [*documents, *(added[key] for key, name in names.items() if name is not None)]
        return pa.Table.from_arrays(arrays, schema=self.schema)


def _leaves(kind: Kind) -> int:
    return sum(_leaves(inner) for _, inner in kind.inner) or 1


def _field(name: str, kind: Kind) -> pa.Field:
    metadata = {JSON_KEY: kind.why} if kind.name == "json" else None
    return pa.field(name, arrow_type(kind), metadata=metadata)


def arrow_type(kind: Kind) -> pa.DataType:
    """Return the Arrow type that the values of a kind are written with."""
    if kind.name == "list":
        return pa.list_(_field(*kind.inner[0]))
    if kind.name == "struct":
        return pa.struct([_field(name, inner) for name, inner in kind.inner])
    return _SIMPLE[kind.name]


def _block_type(kind: Kind) -> pa.DataType:
    """Return the type to read with: a place without values has to have none, and objects without
    fields are objects.
    """
    if kind.name == "list":
        return pa.list_(pa.field("element", _block_type(kind.inner[0][1])))
    if kind.name == "struct":
        return pa.struct([pa.field(name, _block_type(inner)) for name, inner in kind.inner])
    if kind.name == "json":
        return pa.struct([]) if kind.why == NO_FIELDS else pa.null()
    return _SIMPLE[kind.name]


def as_written(read: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return values that were read in a block as they are written: objects without fields as text.

    Args:
        read: the values, of the type that `block_schema` has.
        kind: the type that `schema` has.
    """
    if read.type == kind:
        return read
    if pa.types.is_string(kind) and pa.types.is_struct(read.type):
        return pc.if_else(read.is_valid(), "{}", pa.scalar(None, kind))
    if pa.types.is_struct(kind):
        inner = [as_written(read.field(i), kind.field(i).type) for i in range(kind.num_fields)]
        return pa.StructArray.from_arrays(inner, fields=list(kind), mask=read.is_null())
    if pa.types.is_list(kind):
        items = as_written(read.values, kind.value_type)
        return pa.ListArray.from_arrays(read.offsets, items, type=kind, mask=read.is_null())
    return read.cast(kind)


def differ_by_case(fields: Sequence[tuple[str, Kind]]) -> Iterator[tuple[str, str]]:
    """Yield names that differ only by case from one beside them, both by their dotted name."""
    known: dict[str, str] = {}
    for name, _ in fields:
        if (first := known.setdefault(name.casefold(), name)) != name:
            yield first, name
    for name, kind in fields:
        while kind.name == "list":
            kind = kind.inner[0][1]
        if kind.name == "struct":
            yield from ((f"{name}.{a}", f"{name}.{b}") for a, b in differ_by_case(kind.inner))
