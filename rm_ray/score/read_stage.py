"""The read stage: turns read units into shards of tokenised documents, in CPU tasks."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import JUDGED, read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Deleted
from rm_ray.judges.judge import DocumentTokenizer
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.reading_tasks import tell_faults, units_to_do
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.shard_row import pack
from rm_ray.score.counts import ScoreCounts
from rm_ray.store.retry import Patience


@dataclass(frozen=True)
class ReadStage:
    """Reads and tokenises; Ray Data calls it with blocks of read units."""

    config: InputConfig
    """The corpus's configuration."""
    tokenizer_ref: Any
    """A Ray reference to the tokenizing half of the judge, because its JSON takes megabytes."""
    tally: TallyHandle
    """Told of faults and of work."""
    types: Mapping[str, pa.DataType]
    """Types of the copied columns by name, as the run writes them."""
    deleted: Deleted = NOTHING
    """Rows that the table of the corpus has deleted."""
    then: Callable[[Shard, pa.Table], pa.Table] = pack
    """Makes one packed row of a shard and its tokenised documents."""

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Yield a block of one row for each shard of the units in `block` that can be read."""
        import ray  # imported here, because `tokenize` alone needs no Ray

        tokenizer: DocumentTokenizer = ray.get(self.tokenizer_ref)
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        for unit in units_to_do(block.column("unit").to_pylist(), ReadUnit, self.tally):
            # a fault in one unit costs the block's other units nothing; finish() finds missing rows
            with tell_faults(self.tally, unit.file, f"{unit.file} row {unit.first_row} and after"):
                began = time.perf_counter()
                shards = read_patiently(
                    unit, self.config, tokenizer.columns, self.types, patience, self.deleted
                )
                for shard, rows in shards:
                    read = time.perf_counter()
                    documents = tokenize(rows, tokenizer)
                    done = time.perf_counter()
                    tokens = len(documents.column("_ids").combine_chunks().values)
                    work = ScoreCounts(
                        read_tokens=tokens,
                        read_seconds=read - began,
                        tokenize_seconds=done - read,
                    )
                    self.tally.tell(Tally.add, work)
                    yield self.then(shard, documents)
                    began = time.perf_counter()


def tokenize(rows: pa.Table, tokenizer: DocumentTokenizer) -> pa.Table:
    """Replace the columns that the judge reads by `_ids` (token ids), `_status` and `_error`."""
    judged = {name: f"{JUDGED}{name}" for name in tokenizer.columns}
    tokenized = tokenizer.tokenize({name: rows.column(column) for name, column in judged.items()})
    lengths = np.fromiter(map(len, tokenized.ids), np.int64, len(tokenized.ids))
    flat = np.concatenate(tokenized.ids) if tokenized.ids else np.empty(0, np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = rows.drop_columns(list(judged.values()))
    rows = rows.append_column("_ids", pa.LargeListArray.from_arrays(offsets, flat))
    rows = rows.append_column("_status", pa.array(tokenized.statuses, pa.string()))
    return rows.append_column("_error", pa.array(tokenized.errors, pa.string()))
