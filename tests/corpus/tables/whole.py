"""Reads a whole corpus as a run does, without a run."""

from rm_ray.config import InputConfig
from rm_ray.corpus.footers import read_footers
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_shards
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import Deleted
from rm_ray.corpus.widening import run_types


def read(corpus, config: InputConfig) -> list[dict]:
    """All rows of a corpus, as a run reads them."""
    footers, _ = read_footers(corpus.files, config)
    types = run_types(corpus.files, footers, config, {})
    deleted, rows = Deleted(new=corpus.snapshot.deleted), []
    for file in corpus.files:
        footer = footers[file.path]
        shard = Shard(file.path, 0, sum(footer.rows))
        unit = ReadUnit(
            file.path, file.partition, 0, len(footer.rows), 0, (shard,), names=footer.names
        )
        ((_, table),) = read_shards(unit, config, [config.text], types, deleted)
        rows += table.to_pylist()
    return rows
