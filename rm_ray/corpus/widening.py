"""Choose the one type that a run writes a copied column with, though its files have several types.

Files of one corpus differ: small and large integers, strings and dictionaries, a column that is all
null in one file. Arrow's rules give a common type for two types, and every part is written with the
common type of all files. But the rules look only at types: for microseconds and nanoseconds Arrow
gives nanoseconds, which do not hold the year 9999. So the run checks that the type holds all
values, and if it does not, tries the types that the files have. In most cases the bounds in the
footers are enough for the check. Otherwise the column is read.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.alone import each_file
from rm_ray.corpus.bounds import UNITS, Bounds, known_misfit, read_misfits
from rm_ray.corpus.columns import places, plain, type_at
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.tables.fields import Names
from rm_ray.errors import InputError

# Number of files whose column one task reads.
COLUMNS_PER_TASK = 4
# Digits that fit into 128 bits.
DECIMAL128_DIGITS, DECIMAL256_DIGITS = 38, 76

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _FileColumn:
    """A copied column as one file has it."""

    file: InputFile
    """The file."""
    type: pa.DataType
    """Plain type of the column in the file."""
    bounds: Bounds | None
    """Least and greatest value of the column; None if they are not known."""
    names: Names
    """Names that the file has for the columns of its table, where they differ."""

    @property
    def path(self) -> str:
        """Return the path of the file."""
        return self.file.path


def run_types(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    config: InputConfig,
    stored: Mapping[str, pa.DataType],
) -> dict[str, pa.DataType]:
    """Return the types of the copied columns, by output name.

    Args:
        files: the files to plan.
        footers: the footers of the files, by path.
        config: the configuration of the input.
        stored: the types that the run has already written, by output name; they stay.

    Raises:
        InputError: no type holds the values of all files, or the stored type does not; no file has
            the column; a file cannot be read.
        ClusterError: a machine does not find a file that this machine finds.
    """
    types = dict(stored)
    # the columns of a file without rows do not matter
    files = [file for file in files if any(footers[file.path].rows)] or files
    for name, source in config.carried.items():
        key = "input.id" if name == "id" else "input.keep"
        in_files = list(_columns_of(source, files, footers))
        if in_files:
            before = plain(stored[name]) if name in stored else None
            types[name] = _chosen(key, source, columns=in_files, before=before, config=config)
        elif files and name not in types:
            raise InputError(f"{key}: none of the {len(files):,} files has a column {source!r}")
    return types


def _columns_of(
    source: str, files: Iterable[InputFile], footers: Mapping[str, Footer]
) -> Iterable[_FileColumn]:
    for file in files:
        footer = footers[file.path]
        place = places(footer.schema, source)
        if place:
            kind = plain(type_at(footer.schema, place[0]))
            yield _FileColumn(file, kind, footer.bounds.get(source), footer.names)
        elif source in file.partition:
            kinds = file.table.kinds if file.table else {}
            yield _FileColumn(file, kinds.get(source, pa.string()), None, footer.names)


def _chosen(
    key: str,
    source: str,
    columns: Sequence[_FileColumn],
    before: pa.DataType | None,
    config: InputConfig,
) -> pa.DataType:
    """Return the type that the values of all files are written with. Raises like `run_types`."""
    firsts = {column.type: column for column in reversed(columns)}
    kinds = sorted(firsts.values(), key=lambda column: column.path)
    wide = _widest(key, source, kinds, before)
    first_misfit: tuple[_FileColumn, str] | None = None
    for candidate in [before] if before is not None else _candidates(wide, firsts):
        misfit = _misfit(source, columns, candidate, config)
        if misfit is None:
            _tell_types(source, kinds, candidate)
            return candidate
        first_misfit = first_misfit or misfit
    assert first_misfit is not None  # there is one candidate at least
    column, why = first_misfit
    target = wide if before is None else before
    owner = "other files have it" if before is None else "this run has written it"
    remedy = _remedy(key, source, column, column)
    if before is not None:
        remedy = _remedy_later(key, source, column=column, before=before, wide=wide)
    raise InputError(
        f"{key}: column {source!r} is {column.type} in {column.path} and cannot be written as "
        f"{target}, as {owner} ({why}); {remedy}"
    )


def _candidates(wide: pa.DataType, kinds: Iterable[pa.DataType]) -> list[pa.DataType]:
    """Return the types to try: the widest first, then the others from the finest on.

    The others are the types in the files, and times of each coarser unit. For structs and lists
    only the widest type is tried, since any other type would lack fields.
    """
    if pa.types.is_nested(wide):
        return [wide]
    others = {*kinds, *_coarser(wide)} - {wide, pa.null()}
    return [wide, *sorted(others, key=_fineness, reverse=True)]


def _coarser(kind: pa.DataType) -> list[pa.DataType]:
    """Return the timestamp or duration types with a coarser unit; none for other types."""
    if pa.types.is_timestamp(kind):
        return [pa.timestamp(unit, kind.tz) for unit in UNITS[: UNITS.index(kind.unit)]]
    if pa.types.is_duration(kind):
        return [pa.duration(unit) for unit in UNITS[: UNITS.index(kind.unit)]]
    return []


def _fineness(kind: pa.DataType) -> tuple[int, int, str]:
    width = kind.bit_width if pa.types.is_primitive(kind) else 0
    unit = UNITS.index(kind.unit) if hasattr(kind, "unit") else 0
    return width, unit, str(kind)


def _widest(
    key: str, source: str, kinds: Sequence[_FileColumn], before: pa.DataType | None
) -> pa.DataType:
    """Return the common type of all files by Arrow's rules.

    Raises:
        InputError: there is no common type.
    """
    wide, widest = kinds[0].type, kinds[0]
    for column in kinds[1:]:
        common = _common(wide, column.type)
        if common is None:
            raise InputError(
                f"{_say_conflict(key, source, column)} {widest.type} in {widest.path}, and one "
                f"output cannot hold both; {_remedy(key, source, column, widest)}"
            )
        if common != wide:
            wide, widest = common, column
    if before is not None and _common(before, wide) is None:
        remedy = _remedy_later(key, source, column=widest, before=before, wide=None)
        raise InputError(
            f"{_say_conflict(key, source, widest)} {before} in the rows that this run has "
            f"written, and one output cannot hold both; {remedy}"
        )
    return wide


def _say_conflict(key: str, source: str, column: _FileColumn) -> str:
    return f"{key}: column {source!r} is {column.type} in {column.path} and"


def _tell_types(source: str, kinds: Sequence[_FileColumn], written: pa.DataType) -> None:
    typed = [column for column in kinds if not pa.types.is_null(column.type)]
    if any(column.type != written for column in typed):
        types = ", ".join(f"{column.type} (first in {column.path})" for column in typed)
        log.info("column %r is written as %s; in the files it is %s", source, written, types)


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """Return the type that holds the values of both types; None if there is none."""
    schemas = [pa.schema([("column", kind)]) for kind in (first, second)]
    try:
        common = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None
    if pa.types.is_floating(common) and any(map(pa.types.is_decimal, (first, second))):
        return pa.float64()  # Arrow takes float32 beside a decimal
    for kind in (first, second):
        if pa.types.is_decimal(common) and pa.types.is_integer(kind):
            # Arrow's rules give one digit too few, and Arrow then refuses to cast to the type
            whole = len(str(np.iinfo(kind.to_pandas_dtype()).max))
            digits = max(common.precision, whole + common.scale)
            if digits > DECIMAL256_DIGITS:
                return None
            make = pa.decimal128 if digits <= DECIMAL128_DIGITS else pa.decimal256
            common = make(digits, common.scale)
    return common


def _misfit(
    source: str, columns: Sequence[_FileColumn], wide: pa.DataType, config: InputConfig
) -> tuple[_FileColumn, str] | None:
    """Return a file with a value that a type does not hold, and why; None if it holds all values.

    Raises:
        InputError: a file cannot be read.
        ClusterError: a machine does not find a file that this machine finds.
    """
    unclear = []
    for column in columns:
        why = known_misfit(column.type, wide, column.bounds)
        if why:
            return column, why
        if why is None:
            unclear.append(column)
    if not unclear:
        return None
    log.info("reading column %r of %d files to see if %s holds it", source, len(unclear), wide)
    files = [column.file for column in unclear]
    names = {column.path: column.names for column in unclear if column.names}
    answers = each_file(read_misfits, files, config, source, wide, names, at_once=COLUMNS_PER_TASK)
    for column, (_, answer) in zip(unclear, answers, strict=True):
        # a bad file that is to be skipped is skipped when it is scored
        if answer and not isinstance(answer, Unreadable):
            return column, answer
    return None


def _remedy(key: str, source: str, *either: _FileColumn) -> str:
    odd = next((column for column in either if not pa.types.is_string(column.type)), either[0])
    cast = ""
    if "." not in source:
        cast = (
            f', in DuckDB: COPY (SELECT * REPLACE (CAST("{source}" AS VARCHAR) AS "{source}") '
            f"FROM '{odd.path}') TO 'cast.parquet'"
        )
    return f"{_without(key)}, or cast it to one type in all files{cast}"


def _remedy_later(
    key: str, source: str, column: _FileColumn, before: pa.DataType, wide: pa.DataType | None
) -> str:
    new = "begin another --output.path"
    new += f", where all is written as {wide}" if wide else f" and {_without(key)}"
    return f"cast {source!r} to {before} in {column.path}, or {new}"


def _without(key: str) -> str:
    return "give --input.id null" if key == "input.id" else "leave it out of --input.keep"
