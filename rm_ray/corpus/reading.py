"""Reading: from units of a file to the rows of their shards.

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
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.errors import short
from rm_ray.store.access import Request
from rm_ray.store.retry import A_MINUTE, Patience, Tries

# Decoded at once: few enough rows that wide ones stay small, enough to keep Arrow efficient.
DECODE_ROWS = 1024
DECODE_BYTES = 8 << 20
# What the job itself reads goes by these names, since a copied column may have its own.
JUDGED = "_judged."
# Types of the carried columns for whoever does not mind.
AS_FOUND: Mapping[str, pa.DataType] = {}


def read_patiently(
    unit: ReadUnit,
    config: InputConfig,
    columns: Sequence[str],
    types: Mapping[str, pa.DataType] = AS_FOUND,
    patience: Patience = A_MINUTE,
) -> Iterator[tuple[Shard, pa.Table]]:
    """`read_shards`, tried again after a fault that may pass, for the shards not yet yielded.

    A bad file is tried again too: a body that was cut short looks like one.

    Raises:
        Unreadable: after the last try.
    """
    left = list(unit.shards)
    request = Request("reading", unit.file, config.storage, "input")
    tries = Tries(request, patience)
    while left:
        try:
            missing = replace(unit, shards=tuple(left))
            for shard, rows in read_shards(missing, config, columns, types):
                tries.worked()
                yield shard, rows
                left.pop(0)
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
) -> Iterator[tuple[Shard, pa.Table]]:
    """Each shard of the unit with its chosen rows: their numbers (`_row`), what the job reads
    (`columns`, each as `_judged.NAME`) and the carried columns, of these `types`.

    Raises:
        Unreadable: the file cannot be read, or is not the one that was planned.
        NotFound: the file is not there.
    """
    check_unchanged(unit, config)
    sample = RowSample(config.sample_fraction, config.sample_seed)
    shards = iter(unit.shards)
    shard = next(shards, None)
    pieces: list[pa.Table] = []
    wanted = dict.fromkeys([*columns, *config.carried.values()])
    decoded = decode(
        unit,
        config,
        columns=list(wanted),
        rows_at_once=lambda _: DECODE_ROWS,
        bytes_at_once=DECODE_BYTES,
    )
    for first, batch in decoded:
        while shard is not None and shard.start < first + len(batch):
            start, stop = max(shard.start, first), min(shard.stop, first + len(batch))
            rows = sample.chosen(unit.file, start, stop)
            taken = batch.slice(start - first, stop - start)
            if len(rows) < len(taken):
                taken = taken.take(pa.array(rows - start))
            pieces.append(
                _rename(taken, rows, unit=unit, config=config, columns=columns, types=types)
            )
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
    """The values as the run writes them.

    Raises:
        Unreadable: one of them would not be the same.
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
