"""The one type that a run writes a copied column with, whatever the types in its files.

Files of one corpus differ: small and large integers, strings and dictionaries, a column that is all
null in one of them. Arrow's own rules say which type holds both, and every part is written with it.
These rules look at types alone: Arrow says nanoseconds for microseconds and nanoseconds, and they
do not hold the year 9999. So it is made sure that the type holds all values, and if it does not,
the types that the files have are tried. Bounds in footers tell most of it. A column is only read
where they do not.
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
from rm_ray.errors import InputError

# Files of which a task reads a column.
COLUMNS_PER_TASK = 4
# Digits that fit into 128 bits.
DECIMAL128_DIGITS = 38

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """A column as one file has it. `bounds`: None where they are not known."""

    file: InputFile
    type: pa.DataType
    bounds: Bounds | None

    @property
    def path(self) -> str:
        """The file's path."""
        return self.file.path


def run_types(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    config: InputConfig,
    stored: Mapping[str, pa.DataType],
) -> dict[str, pa.DataType]:
    """The types of the copied columns, by output name.

    Args:
        files: those to be planned.
        stored: the types that the run has written; they stay.

    Raises:
        InputError: no type holds what all files have, or the stored one does not; no file has the
            column; a file cannot be read.
        ClusterError: a machine does not find a file that this one finds.
    """
    types = dict(stored)
    # what a file without rows calls its columns says nothing
    files = [file for file in files if any(footers[file.path].rows)] or files
    for name, source in config.carried.items():
        key = "input.id" if name == "id" else "input.keep"
        found = list(_found(source, files, footers))
        if found:
            before = plain(stored[name]) if name in stored else None
            types[name] = _chosen(key, source, found=found, before=before, config=config)
        elif files and name not in types:
            raise InputError(f"{key}: none of the {len(files):,} files has a column {source!r}")
    return types


def _found(
    source: str, files: Iterable[InputFile], footers: Mapping[str, Footer]
) -> Iterable[_Found]:
    for file in files:
        footer = footers[file.path]
        place = places(footer.schema, source)
        if place:
            kind = plain(type_at(footer.schema, place[0]))
            yield _Found(file, kind, footer.bounds.get(source))
        elif source in file.partition:
            yield _Found(file, pa.string(), None)


def _chosen(
    key: str,
    source: str,
    found: Sequence[_Found],
    before: pa.DataType | None,
    config: InputConfig,
) -> pa.DataType:
    """The type that all files' values are written with. Raises as `run_types` does."""
    firsts = {one.type: one for one in reversed(found)}
    kinds = sorted(firsts.values(), key=lambda one: one.path)
    wide = _widest(key, source, kinds, before)
    first_wrong: tuple[_Found, str] | None = None
    for candidate in [before] if before is not None else _candidates(wide, firsts):
        wrong = _misfit(source, found, candidate, config)
        if wrong is None:
            _tell_types(source, kinds, candidate)
            return candidate
        first_wrong = first_wrong or wrong
    assert first_wrong is not None  # there is one candidate at least
    one, why = first_wrong
    target = wide if before is None else before
    there = "other files have it" if before is None else "this run has written it"
    remedy = _remedy(key, source, one, one)
    if before is not None:
        remedy = _remedy_later(key, source, one=one, before=before, both=wide)
    raise InputError(
        f"{key}: column {source!r} is {one.type} in {one.path} and cannot be written as {target}, "
        f"as {there} ({why}); {remedy}"
    )


def _candidates(wide: pa.DataType, kinds: Iterable[pa.DataType]) -> list[pa.DataType]:
    """The types to try: the widest, and then the others, the finest first.

    The others are those that files have, and times of each coarser unit. Structs and lists have
    the widest only. Another one would lack fields.
    """
    if pa.types.is_nested(wide):
        return [wide]
    others = {*kinds, *_coarser(wide)} - {wide, pa.null()}
    return [wide, *sorted(others, key=_fineness, reverse=True)]


def _coarser(kind: pa.DataType) -> list[pa.DataType]:
    """The types of moments or durations with a coarser unit; none for other types."""
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
    key: str, source: str, kinds: Sequence[_Found], before: pa.DataType | None
) -> pa.DataType:
    """The type that Arrow's rules give for those of the files. Raises InputError: there is none."""
    wide, widest = kinds[0].type, kinds[0]
    for one in kinds[1:]:
        both = _both(wide, one.type)
        if both is None:
            raise InputError(
                f"{_say_both(key, source, one)} {widest.type} in {widest.path}, and one output "
                f"cannot hold both; {_remedy(key, source, one, widest)}"
            )
        if both != wide:
            wide, widest = both, one
    if before is not None and _both(before, wide) is None:
        remedy = _remedy_later(key, source, one=widest, before=before, both=None)
        raise InputError(
            f"{_say_both(key, source, widest)} {before} in the rows that this run has written, and "
            f"one output cannot hold both; {remedy}"
        )
    return wide


def _say_both(key: str, source: str, one: _Found) -> str:
    return f"{key}: column {source!r} is {one.type} in {one.path} and"


def _tell_types(source: str, kinds: Sequence[_Found], written: pa.DataType) -> None:
    said = [one for one in kinds if not pa.types.is_null(one.type)]
    if any(one.type != written for one in said):
        there = ", ".join(f"{one.type} (first in {one.path})" for one in said)
        log.info("column %r is written as %s; it is %s", source, written, there)


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds what either does; None if there is none."""
    schemas = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        both = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None
    for kind in (one, other):
        if pa.types.is_decimal(both) and pa.types.is_integer(kind):
            # Arrow's rules give a digit too few, and then it does not cast to their type
            whole = len(str(np.iinfo(kind.to_pandas_dtype()).max))
            digits = max(both.precision, whole + both.scale)
            make = pa.decimal128 if digits <= DECIMAL128_DIGITS else pa.decimal256
            both = make(digits, both.scale)
    return both


def _misfit(
    source: str, found: Sequence[_Found], wide: pa.DataType, config: InputConfig
) -> tuple[_Found, str] | None:
    """A file with a value of the column that a type does not hold, and why; None if it holds all.

    Raises:
        InputError: a file cannot be read.
        ClusterError: a machine does not find a file that this one finds.
    """
    unclear = []
    for one in found:
        why = known_misfit(one.type, wide, one.bounds)
        if why:
            return one, why
        if why is None:
            unclear.append(one)
    if not unclear:
        return None
    log.info("reading column %r of %d files: does %s hold it?", source, len(unclear), wide)
    files = [one.file for one in unclear]
    answers = each_file(read_misfits, files, config, source, wide, at_once=COLUMNS_PER_TASK)
    for one, (_, said) in zip(unclear, answers, strict=True):
        # a bad file that is to be skipped is skipped when it is scored
        if said and not isinstance(said, Unreadable):
            return one, said
    return None


def _remedy(key: str, source: str, *either: _Found) -> str:
    odd = next((one for one in either if not pa.types.is_string(one.type)), either[0])
    cast = ""
    if "." not in source:
        cast = (
            f', in DuckDB: COPY (SELECT * REPLACE (CAST("{source}" AS VARCHAR) AS "{source}") '
            f"FROM '{odd.path}') TO 'cast.parquet'"
        )
    return f"{_without(key)}, or cast it to one type in all files{cast}"


def _remedy_later(
    key: str, source: str, one: _Found, before: pa.DataType, both: pa.DataType | None
) -> str:
    new = "begin another --output.path"
    new += f", where all is written as {both}" if both else f" and {_without(key)}"
    return f"cast {source!r} to {before} in {one.path}, or {new}"


def _without(key: str) -> str:
    return "give --input.id null" if key == "input.id" else "leave it out of --input.keep"
