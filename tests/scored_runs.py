"""Folders of scoring runs with rewards that a test chooses, written as a run writes them."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from rm_ray.config import CorpusConfig, OutputConfig, StorageConfig
from rm_ray.corpus.files import list_files
from rm_ray.corpus.parquet import open_parquet
from rm_ray.corpus.plan import PlannedFile, cut_file
from rm_ray.corpus.shards import Shard
from rm_ray.run.output.commit import part_bytes
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.run_json import fingerprint_id, new_run
from rm_ray.score.counts import ScoreCounts

FINGERPRINT = {"model": "test", "judge.adaptive": None}
# The rows of a span of a file, but for source_file and row.
Rewards = Callable[[Shard], pa.Table]


def fabricate(
    output: Path,
    corpus: Path,
    rewards: Rewards,
    *,
    shard_rows: int = 1000,
    fingerprint: dict | None = None,
    left_out: Sequence[str] = (),
) -> RunFolder:
    """A complete run; called again, a run of what is new in the corpus.

    `left_out`: parts that are missing, so that it is not complete.
    """
    fingerprint = FINGERPRINT | (fingerprint or {})
    run = RunFolder(OutputConfig(path=str(output)), REWARDS)
    if run.open(fingerprint) is None:
        told = {"path": str(corpus), "text": "text", "storage": {}}
        told |= {"completion": None, "messages": None}
        judge = {"model": "test", "family": "test"}
        config = {"judge": judge, "input": told, "pool": {"gpus": 0}}
        run.create(new_run(fingerprint, config, {}))
    known = {file.path for segment in run.segments.read() for file in segment.files}
    planned = [
        plan(file, shard_rows)
        for file in list_files(CorpusConfig(path=str(corpus))).files
        if file.path not in known
    ]
    run.segments.add(planned, {})
    for file in planned:
        for unit in file.units:
            for shard in unit.shards:
                if shard.part not in left_out:
                    write_part(run, shard, rewards(shard), fingerprint)
    if left_out:
        run.mark_incomplete()
    else:
        run.mark_complete({})
    return run


def plan(file, shard_rows: int) -> PlannedFile:
    with open_parquet(file.path, StorageConfig()) as parquet:
        groups = [parquet.metadata.row_group(i) for i in range(parquet.metadata.num_row_groups)]
    rows = [group.num_rows for group in groups]
    units = cut_file(
        file.path, file.partition, rows, [1.0] * len(rows), max_rows=shard_rows, max_tokens=1e12
    )
    return PlannedFile(file.path, file.size, file.version, units)


def write_part(run: RunFolder, shard: Shard, rewards: pa.Table, fingerprint: dict) -> None:
    """One part, over an older one if there is one."""
    rows = rewards
    if "row" not in rows.column_names:
        rows = rows.append_column("row", pa.array(range(shard.start, shard.stop), pa.int64()))
    rows = rows.append_column("source_file", pa.array([shard.file] * len(rows), pa.string()))
    statuses = Counter(rows.column("status").to_pylist())
    counts = ScoreCounts(documents=len(rows), rows=len(rows), statuses=dict(statuses))
    data = part_bytes(rows, counts.to_json(), fingerprint_id(fingerprint))
    run.parts.overwrite(shard.part, data)
