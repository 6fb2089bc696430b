"""Runs whose corpus and output lie in a store, and the rows that they leave there."""

import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.filter.__main__ import main as filter_job
from rm_ray.store.filesystem import open_filesystem
from tests import fault_engine
from tests.filter.runs import options as filter_options

FILES, ROWS = 3, 8
# so small that a run has several parts
SHARDS = {"shard_rows": 4, "engine_name": fault_engine.NAME}


def rows_of(place):
    """The rows of all Parquet files below a place, in order, without the place."""
    fs = open_filesystem(place, StorageConfig())
    found = []
    for name in sorted(fs.find(fs._strip_protocol(place))):
        if name.endswith(".parquet"):
            with fs.open(name, "rb", cache_type="none") as file:
                found += pq.read_table(file).to_pylist()
    for row in found:
        if "source_file" in row:
            row["source_file"] = row["source_file"].rpartition("/")[2]
    return sorted(found, key=lambda row: row["id"])


def select(top):
    words = filter_options(
        rewards_path=f"{top}/out", output_path=f"{top}/kept", rule_keep_fraction=0.5
    )
    assert filter_job(words) == 0
    return rows_of(f"{top}/kept/corpus")


def upload(corpus, top):
    fs = open_filesystem(top, StorageConfig())
    for file in corpus.iterdir():
        fs.pipe_file(f"{top}/corpus/{file.name}", file.read_bytes())
