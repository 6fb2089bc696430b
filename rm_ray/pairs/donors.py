"""Texts of other documents, which some kinds mix in: drawn once, and kept with the plan.

They are of documents in the split train, at rows spread evenly over the corpus as it was planned
first, so that neither the cuts nor the machines decide which they are.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus.plan import PlannedFile, ReadUnit
from rm_ray.corpus.reading import JUDGED, read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.judges.text import decoded
from rm_ray.pairs.config import PairsConfig
from rm_ray.pairs.drawing import hashed, split_of
from rm_ray.pairs.table import TRAIN

DONORS = 48
# Characters of a donor's text, from a place that is drawn.
CHARACTERS = 1500


def draw_donors(
    files: Sequence[PlannedFile], inputs: InputConfig, config: PairsConfig
) -> list[str]:
    """Texts of some planned documents; what cannot be read is left out."""
    rows = sum(file.rows for file in files)
    wanted = sorted({(2 * i + 1) * rows // (2 * DONORS) for i in range(DONORS)} if rows else ())
    tasks, before = [], 0
    for file in files:
        for row in wanted:
            here = before <= row < before + file.rows
            if here and split_of(config, file.path, row - before) == TRAIN:
                tasks.append(_text.remote(_unit(file, row - before), inputs, config.seed))
        before += file.rows
    texts: list[str] = ray.get(tasks)
    return [text for text in texts if text.strip()]


def _unit(file: PlannedFile, row: int) -> ReadUnit:
    """The unit that a row is in, with that row alone."""
    unit = next(one for one in file.to_do() if row < one.shards[-1].stop)
    return replace(unit, shards=(Shard(file.path, row, row + 1),))


@ray.remote(num_cpus=0.5, max_retries=3)
def _text(unit: ReadUnit, inputs: InputConfig, seed: int) -> str:
    everything = inputs.model_copy(update={"sample_fraction": 1.0, "id": None, "keep": []})
    column = str(inputs.text)
    try:
        ((shard, rows),) = read_patiently(unit, everything, [column])
    except (OSError, pa.ArrowException):
        return ""  # the run will say what is wrong with it
    ((text, *_), _, _) = decoded(rows.column(f"{JUDGED}{column}"), "text")
    rng = random.Random(hashed("donor", seed, shard.file, shard.start))
    start = rng.randrange(max(1, len(text) - CHARACTERS))
    return str(text[start : start + CHARACTERS])


def stored(notes: Sequence[Any]) -> list[str] | None:
    """The texts that the first segment of a plan has kept; None of a plan without segments."""
    return list(notes[0].get("donors", [])) if notes else None
