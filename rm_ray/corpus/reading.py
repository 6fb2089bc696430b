"""Read units of a file as the rows of their shards.

Each row group is decoded once, in order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.columns import values_of
from rm_ray.corpus.decoding import check_unchanged, decode
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.rows import rows_of
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Deleted, Undeleted
from rm_ray.errors import short
from rm_ray.store.access import Request
from rm_ray.store.retry import A_MINUTE, Patience, Tries

# Rows and bytes that are decoded at once: small batches even of wide rows, but efficient for Arrow.
DECODE_ROWS = 1024
DECODE_BYTES = 8 << 20
# Prefix of the columns that the job itself reads, since a copied column may have the same name.
JUDGED = "_judged."
# Column of the number of the first chunk to judge, if a table of rows says so (input.rows).
FIRST_CHUNK = "_first"
# Types for callers that take the carried columns with the types found in the file.
AS_FOUND: Mapping[str, pa.DataType] = {}


def read_patiently(
    unit: ReadUnit,
    config: InputConfig,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType] = AS_FOUND,
    patience: Patience = A_MINUTE,
    deleted: Deleted = NOTHING,
) -> Iterator[tuple[Shard, pa.Table]]:
    """Yield the shards like `read_shards`, and try again after a fault that may pass.

    Only shards that are not yet yielded are read again. A bad file is tried again too, since a
    truncated download looks like a bad file.

    Raises:
        Unreadable: after the last try.
    """
    remaining = list(unit.shards)
    request = Request("reading", unit.file, config.storage, "input")
    tries = Tries(request, patience)
    while remaining:
        try:
            missing = replace(unit, shards=tuple(remaining))
            for shard, rows in read_shards(missing, config, columns, types, deleted):
                tries.worked()
                yield shard, rows
                remaining.pop(0)
                tries = Tries(request, patience)
        except Unreadable as error:
            if not error.may_pass:
                raise
            tries.failed(error, damaged=error.bad_file)


def read_shards(
    unit: ReadUnit,
    config: InputConfig,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType] = AS_FOUND,
    deleted: Deleted = NOTHING,
) -> Iterator[tuple[Shard, pa.Table]]:
    """Yield each shard of the unit with its chosen rows.

    A table of rows has the column `_row` with their numbers, each of `columns` as `_judged.NAME`,
    the carried columns, and `_first` if a table of rows names first chunks.

    Args:
        unit: the unit to read.
        config: the configuration of the input.
        columns: names of the columns that the job itself reads.
        types: types of the carried columns, by output name; others keep the type in the file.
        deleted: rows that are left out.

    Raises:
        Unreadable: the file cannot be read, or has changed since it was planned.
        NotFound: the file does not exist.
    """
    check_unchanged(unit, config)
    chosen = Undeleted(rows_of(config), deleted)
    shards = iter(unit.shards)
    shard = next(shards, None)
    pieces: list[pa.Table] = []
    names = dict.fromkeys([*columns, *config.carried.values()])
    decoded = decode(
        unit,
        config,
        columns=list(names),
        rows_at_once=lambda _: DECODE_ROWS,
        bytes_at_once=DECODE_BYTES,
    )
    for first, batch in decoded:
        while shard is not None and shard.start < first + len(batch):
            start, stop = max(shard.start, first), min(shard.stop, first + len(batch))
            rows = chosen.chosen(unit.file, start, stop)
            span, numbers = batch.slice(start - first, stop - start), np.arange(start, stop)
            renamed = _rename(span, numbers, unit=unit, config=config, columns=columns, types=types)
            if len(rows) < len(renamed):
                renamed = renamed.take(pa.array(rows - start))  # Arrow takes nothing of views
            firsts = chosen.firsts(unit.file, rows)
            if firsts is not None:
                renamed = renamed.append_column(FIRST_CHUNK, pa.array(firsts, pa.int64()))
            pieces.append(renamed)
            if shard.stop > first + len(batch):
                break
            check_unchanged(unit, config)
            yield shard, pa.concat_tables(pieces)
            pieces = []
            shard = next(shards, None)
        if shard is None:
            return
    if shard is not None:
        raise Unreadable(f"{unit.file} ended before row {shard.stop}", bad_file=True)


def _rename(
    batch: pa.Table,
    rows: npt.NDArray[np.int64],
    unit: ReadUnit,
    config: InputConfig,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType],
) -> pa.Table:
    renamed = {"_row": pa.array(rows, pa.int64())}
    renamed |= {f"{JUDGED}{name}": values_of(batch, name) for name in columns}
    for name, source in config.carried.items():
        values = values_of(batch, source)
        if values is None and source in unit.partition:
            values = pa.array([unit.partition[source]] * len(rows), pa.string())
        elif values is None:
            values = pa.nulls(len(rows))
        renamed[name] = _cast(values, types.get(name, values.type), f"{source!r} of {unit.file}")
    return pa.table(renamed)


def _cast(values: pa.Array, kind: pa.DataType, column: str) -> pa.Array:
    """Cast the values to the type that the run writes.

    Raises:
        Unreadable: the type does not hold one of the values.
    """
    if values.type == kind:
        return values
    try:
        return values.cast(kind)
    except pa.ArrowException as error:
        raise Unreadable(
            f"column {column} cannot be written as {kind}, as other files have it: {short(error)}",
            bad_file=False,
            may_pass=False,
        ) from error
