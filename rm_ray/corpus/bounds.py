"""Tell if a type holds all values of a column, from the footer if possible, or by reading it.

Arrow's casts are checked: a value that the other type does not hold raises an error. If a cast can
fail only for values that are too small or too large, the least and the greatest value of the column
decide. They are in a file's footer if its writer has put them there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.alone import read_or_say
from rm_ray.corpus.columns import is_list, values_of
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.parquet import Unreadable, open_parquet
from rm_ray.corpus.tables.fields import SAME_NAMES, Names, stored_name
from rm_ray.errors import short

# The least and the greatest value of a column; empty if all values are null.
Bounds = tuple[Any, ...]

# Units of times, from the coarsest to the finest.
UNITS = ("s", "ms", "us", "ns")


def bounds_of(groups: Sequence[Any], name: str) -> Bounds | None:
    """Return the bounds of a column, from the statistics in a file's footer.

    Args:
        groups: pyarrow's metadata of the file's row groups.
        name: a column, or a field of a struct, that is neither a struct nor a list.

    Returns:
        The bounds, or None if a row group has none, or has bounds that Python cannot show, for
        example a date after the year 9999; or if the file has two columns of this path.
    """
    values: list[Any] = []
    for group in groups:
        columns = [group.column(i) for i in range(group.num_columns)]
        found = [column for column in columns if column.path_in_schema == name]
        if len(found) > 1:  # a field b of a struct a has the same path as a column "a.b"
            return None
        for column in found:
            statistics = column.statistics
            nulls = (
                statistics.null_count if statistics is not None and statistics.has_null_count else 0
            )
            if nulls == column.num_values:
                continue
            try:
                if statistics is None or not statistics.has_min_max:
                    return None
                values += [statistics.min, statistics.max]
            except (ValueError, OverflowError, pa.ArrowException):
                return None
    return (min(values), max(values)) if values else ()


def has_bounds(kind: pa.DataType) -> bool:
    """Return True if bounds of a column of this type can tell if another type holds the column."""
    return bool(
        pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_temporal(kind)
    )


def known_misfit(kind: pa.DataType, wide: pa.DataType, bounds: Bounds | None) -> str | None:
    """Say why a type does not hold all values of a column, if that is known without reading it.

    Args:
        kind: the column's type.
        wide: the type that is tried.
        bounds: the column's bounds; None if they are not known.

    Returns:
        The reason, "" if the type holds all values, or None if the column has to be read.
    """
    if kind == wide or pa.types.is_null(kind):
        return ""
    if never := misfit(pa.nulls(1, kind), wide):
        return never
    if is_list(kind) and is_list(wide):
        return known_misfit(kind.value_type, wide.value_type, None)
    if pa.types.is_struct(kind) and pa.types.is_struct(wide):
        known = [known_misfit(field.type, wide.field(field.name).type, None) for field in kind]
        return next(filter(None, known), None if None in known else "")
    if not _fails_by_size(kind, wide):
        return None
    if not misfit(_extremes(kind), wide):
        return ""
    return None if bounds is None else misfit(pa.array(bounds, kind), wide)


def misfit(values: pa.Array | pa.ChunkedArray, wide: pa.DataType) -> str:
    """Say why a type does not hold all of these values; "" if it does."""
    kind = values.type
    if isinstance(values, pa.ChunkedArray):
        return next((why for chunk in values.chunks if (why := misfit(chunk, wide))), "")
    if pa.types.is_struct(kind) and pa.types.is_struct(wide):
        return _misfit_of_fields(values, wide)
    if is_list(kind) and is_list(wide) and kind != wide:
        return misfit(values.flatten(), wide.value_type)
    try:
        cast = values.cast(wide)
        # Arrow casts decimals to the nearest float, and floats to the nearest decimal, silently
        if _is_rounded(kind, wide) and not cast.cast(kind, safe=False).equals(values):
            return f"{wide} would round its values"
    except pa.ArrowException as error:
        return short(error)
    return ""


def read_misfits(
    files: Sequence[InputFile],
    config: InputConfig,
    source: str,
    wide: pa.DataType,
    names: Mapping[str, Names],
) -> list[str | Unreadable]:
    """Say, for each file, why a type does not hold its column; "" if it does.

    Args:
        files: the files.
        config: the configuration of the input.
        source: the column.
        wide: the type.
        names: names of columns in files of a table, by path; see `Names`.
    """
    return [
        _read_misfit(file, config, source, wide, names.get(file.path, SAME_NAMES)) for file in files
    ]


def _read_misfit(
    file: InputFile, config: InputConfig, source: str, wide: pa.DataType, names: Names
) -> str | Unreadable:
    stored = stored_name(names, source)
    if not stored:
        return ""

    def read() -> str:
        with open_parquet(file.path, config.storage, columns=[stored]) as parquet:
            for batch in parquet.iter_batches(columns=[stored]):
                values = values_of(pa.Table.from_batches([batch]), stored)
                if values is not None and (why := misfit(values, wide)):
                    return why
        return ""

    return read_or_say(file, config, read)


def _misfit_of_fields(values: pa.StructArray, wide: pa.StructType) -> str:
    for number, field in enumerate(values.type):
        place = wide.get_field_index(field.name)
        if place < 0:
            return f"it has no field {field.name!r}"
        if why := misfit(values.field(number), wide.field(place).type):
            return f"field {field.name!r}: {why}"
    return ""


def _is_rounded(kind: pa.DataType, wide: pa.DataType) -> bool:
    """Return True if Arrow may round in a cast: only floats and decimals can be fractions."""
    if pa.types.is_floating(kind):
        return bool(pa.types.is_decimal(wide))
    return bool(pa.types.is_floating(wide))


def _fails_by_size(kind: pa.DataType, wide: pa.DataType) -> bool:
    """Return True if a cast never fails, or only for values that are too small or too large."""
    if pa.types.is_integer(kind):
        half = pa.types.is_float16(wide)  # Arrow rounds integers to float16 without an error
        to_float = pa.types.is_floating(wide) and not half
        return bool(pa.types.is_integer(wide) or to_float or pa.types.is_decimal(wide))
    if pa.types.is_floating(kind):
        return bool(pa.types.is_floating(wide) and wide.bit_width >= kind.bit_width)
    if pa.types.is_decimal(kind):
        return bool(pa.types.is_decimal(wide) and wide.scale >= kind.scale)
    if pa.types.is_date(kind):
        return bool(pa.types.is_date64(wide))
    if pa.types.is_temporal(kind):
        same = _family(kind) is not None and _family(kind) == _family(wide)
        return same and UNITS.index(kind.unit) <= UNITS.index(wide.unit)
    if _is_string(kind):
        return _is_string(wide) or _is_bytes(wide)
    return _is_bytes(wide) and (_is_bytes(kind) or pa.types.is_fixed_size_binary(kind))


def _family(kind: pa.DataType) -> tuple[str, str | None] | None:
    """Return a key that temporal types share if they differ only in their unit."""
    if pa.types.is_timestamp(kind):
        return "timestamp", kind.tz
    if pa.types.is_time(kind):
        return "time", None
    return ("duration", None) if pa.types.is_duration(kind) else None


def _is_string(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _extremes(kind: pa.DataType) -> pa.Array:
    """Return the least and the greatest value of a type; empty for types without bounds."""
    if pa.types.is_decimal(kind):
        most = "9" * (kind.precision - kind.scale) + "." + "9" * kind.scale
        return pa.array([f"-{most}", most], pa.string()).cast(kind)
    if not has_bounds(kind):
        return pa.array([], kind)
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        return pa.array([limits.min, limits.max], kind)
    stored = pa.int32() if kind.bit_width == 32 else pa.int64()
    limits = np.iinfo(stored.to_pandas_dtype())
    return pa.array([limits.min, limits.max], stored).cast(kind)
