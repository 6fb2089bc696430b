"""Put the stages of the pairs job together, from units of the corpus to packed rows of pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, TaskPoolStrategy

from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Deleted
from rm_ray.engines.engine import EngineSettings
from rm_ray.judges.judge import DocumentTokenizer
from rm_ray.pairs.config import PairsJobConfig
from rm_ray.pairs.counts import PairCounts
from rm_ray.pairs.making import Maker, Making, Silent
from rm_ray.pairs.write_actor import WriteActor
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.shard_row import pack
from rm_ray.run.shard_job import Round
from rm_ray.score.pipeline import read, share_blocks, with_engines
from rm_ray.score.read_stage import ReadStage

# CPUs of a task that makes pairs only by rules.
MAKING_CPUS = 1.0


@dataclass(frozen=True)
class MakePairs:
    """Makes the pairs of a shard that has just been read."""

    maker_ref: Any
    """Ray reference to the Maker."""
    tally: TallyHandle
    """Handle of the tally, which is told of work done."""

    def __call__(self, shard: Shard, documents: pa.Table) -> pa.Table:
        """Return the pairs, packed."""
        maker: Maker = ray.get(self.maker_ref)
        rows, counts = Making(shard, documents, maker, Silent()).through(None)
        done = PairCounts(documents=counts.documents, rows=counts.rows, tokens=counts.tokens)
        self.tally.tell(Tally.add, done)
        return pack(shard, rows, counts.to_json())


def stages(
    units: Dataset,
    this: Round[ReadUnit],
    config: PairsJobConfig,
    tokenizer: DocumentTokenizer,
    maker: Maker,
    engine: EngineSettings | None,
    types: Mapping[str, pa.DataType],
    deleted: Deleted = NOTHING,
) -> Dataset:
    """Read the units of a round and make their pairs.

    Args:
        units: the units of the round.
        this: the round.
        config: the configuration of the job.
        tokenizer: tokenises the documents.
        maker: makes the pairs.
        engine: the engine of the generator; None if no kind needs one.
        types: the types of the copied columns.
        deleted: rows that the table of the corpus has deleted.
    """
    tokenizer_ref, maker_ref = ray.put(tokenizer), ray.put(maker)
    share_blocks(units, this, config.pool)
    if engine is None:
        make = MakePairs(maker_ref, this.tally)
        pairs = units.map_batches(
            ReadStage(config.input, tokenizer_ref, this.tally, types, deleted, then=make),
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=MAKING_CPUS,
            compute=TaskPoolStrategy(config.read.max_tasks),
        )
        return this.commit(pairs)
    stage = ReadStage(config.input, tokenizer_ref, this.tally, types, deleted)
    documents = read(units, stage, config.read, this)
    arguments = (engine, maker_ref, this.tally)
    return this.commit(with_engines(documents, WriteActor, arguments, engine, config.pool, this))
