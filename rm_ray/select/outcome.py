"""Counts the decided documents: by group, by stage, and by how each was decided."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pyarrow.compute as pc

from rm_ray.corpus.groups import grouped
from rm_ray.corpus.shards import Shard
from rm_ray.scored.passes import in_batches
from rm_ray.select.config import KEY, SIDE, STAGE, SelectConfig
from rm_ray.select.stage_rows import StageRows, files_of
from rm_ray.tasks.run import results_of


class Outcome(NamedTuple):
    """An Outcome is how a document was decided."""

    group: str
    """Label of its group."""
    stage: str
    """The stage whose judgement counted."""
    side: int
    """1: kept early; -1: dropped early; 0: judged whole."""
    has_reward: bool
    """False for a document that could not be judged."""


def count_outcomes(decided: StageRows, config: SelectConfig) -> Counter[Outcome]:
    """Count the decided documents by their outcome.

    Raises:
        InputError: a part cannot be read.
    """
    parts = [part for of_file in decided.by_file.values() for part in of_file]
    batches = [
        [part.shard for part in batch] for batch in in_batches(parts, lambda part: part.rows)
    ]
    sent = [(batch, decided.only(files_of(batch))) for batch in batches]
    counted = results_of(
        _count,
        sent,
        config.groups_by,
        cpus=config.tasks.cpus,
        doing="counted outcomes",
        of=decided.parts.uri,
    )
    return sum(counted, Counter[Outcome]())


def _count(sent: tuple[Sequence[Shard], StageRows], by: Sequence[str]) -> Counter[Outcome]:
    shards, decided = sent
    counts: Counter[Outcome] = Counter()
    for shard in shards:
        rows = decided.read(shard, [STAGE, SIDE, KEY, *by])
        labels, codes = grouped([rows.column(name) for name in by], len(rows))
        columns = zip(
            codes.tolist(),
            rows.column(STAGE).to_pylist(),
            rows.column(SIDE).to_pylist(),
            pc.is_valid(rows.column(KEY)).to_pylist(),
            strict=True,
        )
        for (code, stage, side, valid), count in Counter(columns).items():
            counts[Outcome(labels[code], stage, side, valid)] += count
    return counts
