"""Texts of other documents, which some kinds mix in: drawn once, and kept with the plan.

They are of documents in the split train, at rows spread evenly over the corpus as it was planned
first, so that neither the cuts nor the machines decide which they are.
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
from rm_ray.errors import one_line
from rm_ray.judges.text import decoded
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import hashed, split_of
from rm_ray.pairs.table import TRAIN
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import run_tasks

log = logging.getLogger(__name__)

DONORS = 48
# Characters of a donor's text, from a place that is drawn.
CHARACTERS = 1500


def draw_donors(
    files: Sequence[PlannedFile], inputs: InputConfig, config: PairsConfig
) -> list[str]:
    """Draw texts of some planned documents; a file that cannot be read is left out, and named."""
    units = [unit for file in files for unit in file.to_do()]
    counts = [unit.shards[-1].stop - unit.shards[0].start for unit in units]
    rows, before, batches = sum(counts), 0, []
    wanted = [(2 * i + 1) * rows // (2 * DONORS) for i in range(min(DONORS, rows))]
    for unit, count in zip(units, counts, strict=True):
        first = unit.shards[0].start
        here = [first + row - before for row in wanted if before <= row < before + count]
        here = [row for row in here if split_of(config, unit.file, row) == TRAIN]
        spans = tuple(Shard(unit.file, row, row + 1) for row in dict.fromkeys(here))
        if spans:
            batches.append([unit.with_shards(spans)])
        before += count
    found = [
        ([], one.reason) if isinstance(one, Ended) else one
        for one in run_tasks(_texts, batches, inputs, config.seed, doing="read")
    ]
    for _, error in found:
        if error:
            log.warning("the texts to mix in are fewer for it, in the whole run: %s", error)
    texts = [text for some, _ in found for text in some if text.strip()]
    if not texts:
        log.warning("there is no text to mix in: kinds that need one take the document's own")
    return texts


def _texts(
    units: Sequence[ReadUnit], inputs: InputConfig, seed: int
) -> tuple[list[str], str | None]:
    """The texts, and why there are no more of them."""
    everything = inputs.model_copy(update={"sample_fraction": 1.0, "id": None, "keep": []})
    column, found = str(inputs.text), []
    try:
        (unit,) = units
        for shard, rows in read_patiently(unit, everything, [column]):
            ((text, *_), _, _) = decoded(rows.column(f"{JUDGED}{column}"), "text")
            rng = random.Random(hashed("donor", seed, shard.file, shard.start))
            start = rng.randrange(max(1, len(text) - CHARACTERS))
            found.append(text[start : start + CHARACTERS])
    except (OSError, pa.ArrowException) as error:
        return found, one_line(error)
    return found, None


def stored(notes: Sequence[Any]) -> list[str] | None:
    """The texts that the first segment of a plan has kept; None of a plan without segments."""
    return list(notes[0].get("donors", [])) if notes else None
