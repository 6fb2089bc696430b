"""The read stage: read units to shards of tokenised documents. CPU tasks, no model."""

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
    """Reads and tokenises; called by Ray Data with blocks of read units.

    `tokenizer_ref`: a Ray reference, since a tokenizer's JSON is megabytes. `tally`: who is told
    what went wrong. `types`: of the copied columns, as the run writes them. `then`: packs a
    shard's documents, or what is made of them at once.
    """

    config: InputConfig
    tokenizer_ref: Any
    tally: TallyHandle
    types: Mapping[str, pa.DataType]
    then: Callable[[Shard, pa.Table], pa.Table] = pack

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """One block, of one row, for each shard of the units in `block` that can be read."""
        import ray  # here: who only tokenises needs no Ray

        tokenizer: DocumentTokenizer = ray.get(self.tokenizer_ref)
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        for unit in units_to_do(block.column("unit").to_pylist(), ReadUnit, self.tally):
            # its neighbours in this block lose nothing; finish() finds what is missing
            with tell_faults(self.tally, unit.file, f"{unit.file} row {unit.first_row} and after"):
                began = time.perf_counter()
                found = read_patiently(unit, self.config, tokenizer.columns, self.types, patience)
                for shard, rows in found:
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
    """The rows with `_ids` (token ids), `_status` and `_error` in place of what the judge reads."""
    judged = {name: f"{JUDGED}{name}" for name in tokenizer.columns}
    found = tokenizer.tokenize({name: rows.column(ours) for name, ours in judged.items()})
    lengths = np.fromiter(map(len, found.ids), np.int64, len(found.ids))
    flat = np.concatenate(found.ids) if found.ids else np.empty(0, np.int32)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = rows.drop_columns(list(judged.values()))
    rows = rows.append_column("_ids", pa.LargeListArray.from_arrays(offsets, flat))
    rows = rows.append_column("_status", pa.array(found.statuses, pa.string()))
    return rows.append_column("_error", pa.array(found.errors, pa.string()))
