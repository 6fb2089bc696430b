"""Reads the documents that were judged whole: the calibration's, and the audit's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.groups import grouped
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.counts.order import Ints
from rm_ray.scored.passes import in_batches
from rm_ray.select.config import SelectConfig
from rm_ray.select.gather import Counted
from rm_ray.select.stage_rows import CHUNKS, StageRows, files_of
from rm_ray.select.statistics.sampled import Sampled
from rm_ray.tasks.run import results_of


@dataclass(frozen=True)
class WholeDocuments:
    """WholeDocuments are the documents of the sample that have a reward."""

    sampled: Sampled
    """Their rewards, groups and cheap rewards."""
    labels: list[str]
    """Labels of the groups, by the numbers in `sampled`."""
    tokens: Ints
    """Their lengths in tokens, [documents]."""
    calibrates: npt.NDArray[np.bool_]
    """True for documents that calibrate, False for documents that audit, [documents]."""
    documents: int
    """Documents of the sample, with or without a reward."""

    def part(self, calibrates: bool) -> Sampled:
        """Return the documents that calibrate, or the ones that audit."""
        return self.sampled.take(np.flatnonzero(self.calibrates == calibrates))


def read_sample(
    stage: StageRows,
    cheap: StageRows | None,
    counted: Sequence[Counted],
    calibrating: RowSample,
    config: SelectConfig,
) -> WholeDocuments | None:
    """Read the sample; None if no document of it has a reward.

    Args:
        stage: the rows of the sample's stage.
        cheap: the rows of the cheap judge's stage; None without one.
        counted: the shards of the corpus, with the documents of each.
        calibrating: the documents that calibrate; the others of the sample audit.
        config: the selection's configuration.

    Raises:
        InputError: a stage's part cannot be read.
    """
    batches = [[shard for shard, _ in batch] for batch in in_batches(counted, lambda item: item[1])]
    sent = []
    for batch in batches:
        files = files_of(batch)
        sent.append((batch, stage.only(files), cheap.only(files) if cheap else None))
    read = results_of(
        _read,
        sent,
        calibrating,
        config.groups_by,
        cpus=config.tasks.cpus,
        doing="read the sample",
        every_s=config.run.progress_s,
        of=stage.parts.uri,
    )
    rows = pa.concat_tables(read).combine_chunks()
    ok = rows.filter(pc.equal(rows.column("status"), "ok"))
    if not len(ok):
        return None
    labels, codes = grouped([ok.column(name) for name in config.groups_by], len(ok))
    groups = codes.astype(np.int32) if config.groups_by else None
    cheap_rewards = ok.column("cheap").to_numpy() if cheap else None
    if CHUNKS in ok.column_names:
        lists = ok.column(CHUNKS).combine_chunks()
        rewards = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float64)
        offsets = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy())])
        sampled = Sampled(rewards, offsets.astype(np.int64), cheap_rewards, groups)
    else:
        rewards = ok.column("reward").to_numpy().astype(np.float64)
        sampled = Sampled.whole(rewards, cheap_rewards, groups)
    return WholeDocuments(
        sampled=sampled,
        labels=labels,
        tokens=ok.column("n_tokens").to_numpy(),
        calibrates=ok.column("calibrates").to_numpy(zero_copy_only=False),
        documents=len(rows),
    )


def _read(
    sent: tuple[Sequence[Shard], StageRows, StageRows | None],
    calibrating: RowSample,
    by: Sequence[str],
) -> pa.Table:
    """Read the sample's rows of some shards, beside their cheap rewards."""
    shards, stage, cheap = sent
    chunks = [CHUNKS] if CHUNKS in stage.schema.names else []
    names = ["status", "reward", "n_tokens", *chunks, *by]
    tables = []
    for shard in shards:
        rows = stage.read(shard, names)
        numbers = rows.column("row").to_numpy()
        chosen = calibrating.chosen(shard.file, shard.start, shard.stop)
        rows = rows.append_column("calibrates", pa.array(np.isin(numbers, chosen)))
        found = np.full(len(rows), np.nan)
        if cheap:
            # the cheap stage may have skipped a file that the sample's stage could read
            looked = cheap.read(shard, ["reward"])
            rewards = pc.fill_null(looked.column("reward").cast(pa.float64()), np.nan).to_numpy()
            _, here, there = np.intersect1d(
                numbers, looked.column("row").to_numpy(), return_indices=True
            )
            found[here] = rewards[there]
        tables.append(rows.append_column("cheap", pa.array(found, pa.float64())))
    return pa.concat_tables(tables)
