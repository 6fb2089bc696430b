"""Checks the columns that a job's configuration names: they exist, and have a fitting type."""

import pyarrow as pa

from rm_ray.corpus.groups import check_grouping
from rm_ray.errors import ConfigError, short
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.run import ScoredRun, schema_of

# Status of a document that was scored but has no number: another run has none for the document, or
# rewards.column is null there, or beyond the end of a list.
NO_NUMBER = "no number"


def columns_of(run: ScoredRun, column: str) -> pa.Schema:
    """Return a run's columns, after a check of the column that documents are chosen by.

    Args:
        run: the run.
        column: path of the column, in words.

    Raises:
        ConfigError: there is no such column, or it holds no numbers.
    """
    schema = schema_of(run)
    try:
        path = ColumnPath.parse(column)
    except ConfigError as error:
        raise ConfigError(f"rewards.column: {error}") from None
    if path.column not in schema.names:
        raise ConfigError(
            f"rewards.column: {run.uri} has no column {path.column!r}; it has "
            f"{', '.join(schema.names)}"
        )
    kind = type_of("rewards.column", path, schema)
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise ConfigError(
            f"rewards.column: {column} is {kind}, not a number; give one, such as {column}[0] of a "
            "list or attributes.NAME of a struct"
        )
    return schema


def check_group(key: str, path: ColumnPath, schema: pa.Schema, place: str = "the rewards") -> None:
    """Refuse a column whose values make no groups.

    Args:
        key: key of the configuration that names the column.
        path: path of the column.
        schema: all columns.
        place: the data with these columns, in words.

    Raises:
        ConfigError: the column's type makes no groups.
    """
    kind = type_of(key, path, schema)
    try:
        check_grouping(kind)
    except pa.ArrowException as error:
        raise ConfigError(
            f"{key}: {path.text} of {place} is {kind}, and its values make no groups "
            f"({short(error)}); give a column of texts, bytes, numbers or dates"
        ) from None


def type_of(key: str, path: ColumnPath, schema: pa.Schema) -> pa.DataType:
    """Return the type of a path's values.

    Raises:
        ConfigError: the columns do not have the field or element.
    """
    try:
        return path.of(schema.empty_table()).type
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None


def kind_of(column: pa.DataType) -> str:
    """Return the kind of numbers (counts.order.KINDS) that holds all values of a column exactly,
    so that different values are never taken for equal.
    """
    if pa.types.is_floating(column):
        return "float64" if pa.types.is_float64(column) else "float32"
    return "uint64" if pa.types.is_uint64(column) else "int64"
