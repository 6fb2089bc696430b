"""The one type that a run writes a copied column with, whatever the types in its files.

Files of one corpus differ: small and large integers, strings and dictionaries, a column that is all
null in one of them. Arrow's own rules say which type holds both; every part is written with it.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.columns import places, plain, type_at
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer
from rm_ray.errors import InputError, short

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Found:
    """A column as one file has it. `bounds`: its least and greatest value, where that matters."""

    path: str
    type: pa.DataType
    bounds: tuple[int, ...]


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
            column.
    """
    types = dict(stored)
    # what a file without rows calls its columns says nothing
    files = [file for file in files if any(footers[file.path].rows)] or files
    for name, source in config.carried.items():
        key = "input.id" if name == "id" else "input.keep"
        found = list(_found(source, files, footers))
        if found:
            types[name] = _widest(key, source, found, stored.get(name))
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
            yield _Found(file.path, kind, footer.bounds.get(source, ()))
        elif source in file.partition:
            yield _Found(file.path, pa.string(), ())


def _widest(
    key: str, source: str, found: Sequence[_Found], before: pa.DataType | None
) -> pa.DataType:
    firsts = {one.type: one for one in reversed(found)}
    kinds = sorted(firsts.values(), key=lambda one: one.path)
    wide, widest = before, _Found("the rows that this run has written", before, ())
    for one in kinds:
        both = one.type if wide is None else _both(wide, one.type)
        if both is None or before not in (None, both):
            remedy = _remedy(key, source, one, widest)
            if before is not None:
                remedy = _remedy_later(key, source, one, before, both)
            raise InputError(
                f"{key}: column {source!r} is {one.type} in {one.path} and {widest.type} in "
                f"{widest.path}, and one output cannot hold both; {remedy}"
            )
        if both != wide:
            wide, widest = both, one
    for one in found:
        if one.type != wide:
            _check_fits(key, source, one, wide)
    said = [one for one in kinds if not pa.types.is_null(one.type)]
    if any(one.type != wide for one in said):
        there = ", ".join(f"{one.type} (first in {one.path})" for one in said)
        log.info("column %r is written as %s; it is %s", source, wide, there)
    return wide


def _both(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds what either does; None if there is none."""
    schemas = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def _check_fits(key: str, source: str, one: _Found, wide: pa.DataType) -> None:
    """Arrow's rules also give types that do not hold large integers, or cannot be cast to."""
    try:
        pa.array([*one.bounds, None], one.type).cast(wide)
    except pa.ArrowException as error:
        raise InputError(
            f"{key}: column {source!r} is {one.type} in {one.path} and cannot be written as {wide},"
            f" as other files have it ({short(error)}); {_remedy(key, source, one, one)}"
        ) from None


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
