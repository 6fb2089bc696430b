"""The read stage: read units to shards of tokenised documents. CPU tasks, no model.

Each row group is decoded once, in order; rows that share a shard leave together as one block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus import open_parquet
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.plan import ReadUnit, RowSample, Shard
from rm_ray.shard_row import pack

# Rows decoded at once: few enough that wide rows stay small, enough to keep Arrow efficient.
DECODE_ROWS = 1024


@dataclass(frozen=True)
class ReadStage:
    """Reads and tokenises; called by Ray Data with blocks of read units.

    `judge`: a Ray object reference, since a tokenizer's JSON is megabytes. `tally`: who is told
    what went wrong.
    """

    config: InputConfig
    judge: Any
    tally: Any

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard of the units in `block`."""
        judge: PreferenceJudge = ray.get(self.judge)
        for line in block.column("unit").to_pylist():
            try:
                for shard, rows in read_shards(ReadUnit.from_json(line), self.config):
                    yield pack(shard, tokenize(rows, judge))
            except OSError as error:
                self.tally.failed.remote(str(error))
                raise


def read_shards(unit: ReadUnit, config: InputConfig) -> Iterator[tuple[Shard, pa.Table]]:
    """Each shard of the unit with its chosen rows: `_row`, `_text` and the carried columns."""
    sample = RowSample(config.sample_fraction, config.sample_seed)
    shards = iter(unit.shards)
    shard = next(shards, None)
    pieces: list[pa.Table] = []
    for first, batch in _decoded(unit, config):
        while shard is not None and shard.start < first + len(batch):
            start, stop = max(shard.start, first), min(shard.stop, first + len(batch))
            rows = sample.chosen(unit.file, start, stop)
            taken = batch.slice(start - first, stop - start)
            if len(rows) < len(taken):
                taken = taken.take(pa.array(rows - start))
            pieces.append(_rename(taken, rows, unit, config))
            if shard.stop > first + len(batch):
                break
            yield shard, pa.concat_tables(pieces)
            pieces = []
            shard = next(shards, None)
    if shard is not None:
        raise OSError(f"{unit.file} ended before row {shard.stop}; has it changed?")


def tokenize(rows: pa.Table, judge: PreferenceJudge) -> pa.Table:
    """The rows with `_ids` (token ids), `_status` and `_error` in place of `_text`.

    Text that is null, empty or not valid UTF-8 gets no ids and a status that says so.
    """
    texts, statuses, errors = [], [], []
    for value in rows.column("_text").to_pylist():
        text, status, error = _decode(value)
        texts.append(text)
        statuses.append(status)
        errors.append(error)
    ids = judge.tokenize(texts)
    lengths = np.fromiter((len(row) for row in ids), np.int64, len(ids))
    flat = np.fromiter((i for row in ids for i in row), np.int32, int(lengths.sum()))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = rows.drop_columns(["_text"])
    rows = rows.append_column("_ids", pa.LargeListArray.from_arrays(offsets, flat))
    rows = rows.append_column("_status", pa.array(statuses, pa.string()))
    return rows.append_column("_error", pa.array(errors, pa.string()))


def _decode(value: bytes | None) -> tuple[str, str, str | None]:
    """A document's text, and the status it has before it is judged."""
    if value is None:
        return "", "empty", "the text is null"
    if not value:
        return "", "empty", "the text is empty"
    try:
        return value.decode(), "ok", None
    except UnicodeDecodeError as error:
        return "", "invalid", f"not valid UTF-8: {error.reason} at byte {error.start}"


def _decoded(unit: ReadUnit, config: InputConfig) -> Iterator[tuple[int, pa.Table]]:
    """The unit's rows in order, with the number of each batch's first row."""
    groups = list(range(unit.first_group, unit.stop_group))
    wanted = dict.fromkeys([config.text, *carried_columns(config).values()])
    first = unit.first_row
    try:
        with open_parquet(unit.file, config.storage) as parquet:
            names = parquet.schema_arrow.names  # those wanted and not here are partition columns
            stored = [name for name in wanted if name in names]
            for batch in parquet.iter_batches(DECODE_ROWS, row_groups=groups, columns=stored):
                yield first, pa.Table.from_batches([batch])
                first += len(batch)
    except (OSError, pa.ArrowException) as error:
        place = f"{unit.file}, row groups {unit.first_group} to {unit.stop_group - 1}"
        raise OSError(f"cannot read {place}: {error}") from error


def carried_columns(config: InputConfig) -> dict[str, str]:
    """Input columns that are copied to the output, as output name -> input name."""
    named = {"id": config.id} if config.id else {}
    return named | {name: name for name in config.keep}


def _rename(
    batch: pa.Table, rows: npt.NDArray[np.int64], unit: ReadUnit, config: InputConfig
) -> pa.Table:
    # as bytes: Parquet's strings need not be valid UTF-8, and a bad one must cost only itself
    text = batch.column(config.text)
    if pa.types.is_dictionary(text.type):
        text = text.cast(text.type.value_type)
    columns = {"_row": pa.array(rows, pa.int64()), "_text": text.cast(pa.large_binary())}
    for name, source in carried_columns(config).items():
        if source in batch.column_names:
            columns[name] = batch.column(source)
        else:
            columns[name] = pa.array([unit.partition[source]] * len(rows), pa.string())
    return pa.table(columns)
