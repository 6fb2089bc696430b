"""Hashes of the texts of a night, for runs without ids: one pass over the corpus."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.corpus.decoding import check_unchanged, columns_of, decode
from rm_ray.corpus.groups import grouped
from rm_ray.corpus.plan import ReadUnit
from rm_ray.report.measure.measured import NightPart, PartReader
from rm_ray.report.measure.seen import Seen, hashes_of
from rm_ray.scored.passes import Pass, in_batches

log = logging.getLogger(__name__)

# Rows that are decoded at once.
ROWS = 1 << 14


@dataclass(frozen=True)
class UnitTexts:
    """A read unit, with the parts that hold the groups of its documents."""

    unit: ReadUnit
    """The row groups."""
    parts: Sequence[NightPart]
    """The parts of its rows, in order."""

    def __str__(self) -> str:
        return str(self.unit.file)


def count_texts(
    units: Mapping[str, Sequence[ReadUnit]],
    parts: Sequence[NightPart],
    reader: PartReader,
    corpus: CorpusConfig,
    columns: Sequence[str],
    cpus: float,
    progress_s: float,
) -> Seen:
    """Sketch the texts of the documents in some parts.

    Args:
        units: the read units of each file.
        parts: the parts.
        reader: reads the parts.
        corpus: the corpus as it is read now.
        columns: the columns of the judged text.
        cpus: CPUs of one task.
        progress_s: seconds between progress lines.

    Raises:
        InputError: the corpus cannot be read.
    """
    of_part = {part.shard.part: part for part in parts}
    items = [
        UnitTexts(unit, [of_part[s.part] for s in unit.shards if s.part in of_part])
        for of_file in units.values()
        for unit in of_file
    ]
    items = [item for item in items if item.parts]
    log.info("reading the texts of %d files, to count those that came before", len(units))
    batches = list(in_batches(items, lambda item: sum(s.stop - s.start for s in item.unit.shards)))
    one_pass = Pass(batches, cpus, progress_s)
    seen: Seen = one_pass.merged(_count, Seen.merge, reader, corpus, list(columns))
    return seen


def _count(
    items: Sequence[UnitTexts], reader: PartReader, corpus: CorpusConfig, columns: Sequence[str]
) -> Seen:
    return Seen.merge([_of_unit(item, reader, corpus, columns) for item in items])


def _of_unit(
    item: UnitTexts, reader: PartReader, corpus: CorpusConfig, columns: Sequence[str]
) -> Seen:
    """Sketch one unit. Rows that no part has are not counted."""
    tables = [reader.read(part)[1] for part in item.parts]
    rows = np.concatenate([table.column("row").to_numpy() for table in tables])
    labelled = [grouped([path.of(table) for path in reader.by], len(table)) for table in tables]
    groups = sorted({label for labels, _ in labelled for label in labels})
    numbers = {label: number for number, label in enumerate(groups)}
    codes = np.concatenate(
        [np.array([numbers[n] for n in labels], np.int64)[codes] for labels, codes in labelled]
    )
    found = []
    check_unchanged(item.unit, corpus)
    for first, batch in decode(item.unit, corpus, columns, lambda _: ROWS):
        low, high = np.searchsorted(rows, [first, first + len(batch)]).tolist()
        if low == high:
            continue
        own = batch.take(pa.array(rows[low:high] - first))
        hashes, has = hashes_of(columns_of(own, columns, item.unit.file))
        found.append(Seen.of(groups, codes[low:high][has], hashes[has]))
    return Seen.merge(found)
