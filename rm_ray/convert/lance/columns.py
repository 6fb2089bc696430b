"""The columns of the output of a Lance dataset, and the types that are refused. Pure."""

from collections.abc import Iterator

import pyarrow as pa

from rm_ray.convert.config import LinesOutputConfig
from rm_ray.convert.writing import Files
from rm_ray.corpus.columns import as_plain, plain
from rm_ray.errors import InputError, short

# Extension types whose values are the same in their plain type (corpus.columns.plain).
HELD = {"arrow.json", "arrow.uuid", "arrow.fixed_shape_tensor"}
# The column in which Lance gives the address of a row.
ADDRESS = "_rowaddr"


def added(output: LinesOutputConfig) -> dict[str, str]:
    """Return the names of the added columns, by the key that names each."""
    names = {"source_file": output.source_file, "row_address": output.row_address}
    return {f"output.{key}": name for key, name in names.items() if name is not None}


def output_schema(found: pa.Schema, output: LinesOutputConfig, where: str) -> pa.Schema:
    """Return the schema of the output.

    Args:
        found: the columns of the dataset.
        output: the configuration of the output.
        where: the dataset, for messages.

    Raises:
        InputError: Parquet does not hold a type, or a column has the name of an added one.
    """
    columns = {name.casefold(): name for name in found.names}
    for key, name in added(output).items():
        if name.casefold() in columns:
            raise InputError(
                f"the dataset has a column {columns[name.casefold()]!r}, and the output adds a "
                f"column {name!r}, which DuckDB takes for the same: give --{key} another name, or "
                "null for no such column"
            )
    for field in found:
        _refuse(field, where)
    fields = [field.with_type(plain(field.type)) for field in found]
    if output.source_file is not None:
        fields.append(pa.field(output.source_file, pa.string()))
    if output.row_address is not None:
        fields.append(pa.field(output.row_address, pa.int64()))
    return pa.schema(fields, found.metadata)


def output_rows(
    batch: pa.RecordBatch, schema: pa.Schema, output: LinesOutputConfig, address: str
) -> pa.Table:
    """Return scanned rows as rows of the output.

    Args:
        batch: the rows, with the column `ADDRESS`.
        schema: the schema of the output.
        output: the configuration of the output.
        address: the address of the dataset.
    """
    columns = [as_plain(batch.column(name)) for name in batch.schema.names if name != ADDRESS]
    if output.source_file is not None:
        columns.append(pa.repeat(pa.scalar(address), len(batch)))
    if output.row_address is not None:
        columns.append(batch.column(ADDRESS).cast(pa.int64()))
    return pa.Table.from_arrays(columns, schema=schema)


def _refuse(field: pa.Field, where: str) -> None:
    """Refuse a column that Parquet would not hold as it is.

    Raises:
        InputError: the column is such a one.
    """
    why = next(filter(None, map(_fault, _types(field.type))), None) or _unwritable(field)
    if why:
        raise InputError(
            f"input.path: the column {field.name!r} of {where} is {field.type}, {why}: cast it or "
            "drop it with pylance (alter_columns, drop_columns), which makes a new version of the "
            "dataset and leaves the old one; or write the other columns as Parquet yourself "
            "(to_batches(columns=[...]))"
        )


def _types(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type, and all types within it."""
    yield kind
    if pa.types.is_dictionary(kind):
        yield from _types(kind.value_type)
    for number in range(kind.num_fields):
        yield from _types(kind.field(number).type)


def _fault(kind: pa.DataType) -> str | None:
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name not in HELD:
        return f"an extension type ({kind.extension_name}) that Parquet does not know"
    if pa.types.is_date64(kind):
        return "and Parquet holds whole days only"
    if pa.types.is_duration(kind):
        return "which Parquet does not know: most readers would see a bare number"
    return None


def _unwritable(field: pa.Field) -> str | None:
    try:
        Files(pa.schema([field.with_type(plain(field.type))]), "none", 1, 1).empty()
    except pa.ArrowException as error:
        return f"which Parquet does not hold ({short(error)})"
    return None
