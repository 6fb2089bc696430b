"""Draw texts of other documents, for kinds that mix these in: once per run, kept with the plan.

The texts come from documents in the split train, at rows spread evenly over the corpus as it was
planned first. So the choice depends neither on the cuts nor on the machines.
"""

import logging
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import PlannedFile, ReadUnit
from rm_ray.corpus.reading import JUDGED, read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Deleted
from rm_ray.errors import one_line
from rm_ray.judges.text import decoded
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import hashed, split_of
from rm_ray.pairs.table import TRAIN
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import run_tasks

log = logging.getLogger(__name__)

# Number of documents that are looked at.
DONORS = 48
# Characters of a donor's text, from a random place on.
CHARACTERS = 1500


def draw_donors(
    files: Sequence[PlannedFile],
    inputs: InputConfig,
    config: PairsConfig,
    deleted: Deleted = NOTHING,
) -> list[str]:
    """Draw texts of some planned documents; a file that cannot be read is logged and left out."""
    units = [unit for file in files for unit in file.to_do()]
    counts = [unit.shards[-1].stop - unit.shards[0].start for unit in units]
    rows, before, batches = sum(counts), 0, []
    chosen = [(2 * i + 1) * rows // (2 * DONORS) for i in range(min(DONORS, rows))]
    for unit, count in zip(units, counts, strict=True):
        first = unit.shards[0].start
        in_unit = [first + row - before for row in chosen if before <= row < before + count]
        in_unit = [row for row in in_unit if split_of(config, unit.file, row) == TRAIN]
        in_unit = [row for row in in_unit if deleted.left(unit.file, row, row + 1)]
        spans = tuple(Shard(unit.file, row, row + 1) for row in dict.fromkeys(in_unit))
        if spans:
            batches.append([unit.with_shards(spans)])
        before += count
    results = [
        ([], result.reason) if isinstance(result, Ended) else result
        for result in run_tasks(_texts, batches, inputs, config.seed, doing="read")
    ]
    for _, error in results:
        if error:
            log.warning("the whole run has fewer texts to mix in, since reading failed: %s", error)
    texts = [text for of_unit, _ in results for text in of_unit if text.strip()]
    if not texts:
        log.warning("there is no text to mix in: kinds that need one use the document's own text")
    return texts


def _texts(
    units: Sequence[ReadUnit], inputs: InputConfig, seed: int
) -> tuple[list[str], str | None]:
    """Read the texts; return these, and the error that cut the reading short, None without one."""
    all_rows = inputs.whole()
    column, texts = str(inputs.text), []
    try:
        (unit,) = units
        for shard, rows in read_patiently(unit, all_rows, [column]):
            ((text, *_), _, _) = decoded(rows.column(f"{JUDGED}{column}"), "text")
            rng = random.Random(hashed("donor", seed, shard.file, shard.start))
            start = rng.randrange(max(1, len(text) - CHARACTERS))
            texts.append(text[start : start + CHARACTERS])
    except (OSError, pa.ArrowException) as error:
        return texts, one_line(error)
    return texts, None


def stored(notes: Sequence[Any]) -> list[str] | None:
    """Return the texts kept in the first segment of a plan; None if it has no segments."""
    return list(notes[0].get("donors", [])) if notes else None
