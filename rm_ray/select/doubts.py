"""Writes the table of documents that a stage is to judge (input.rows): the ones in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.corpus.rows import SOURCE_ROWS
from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.counts.order import Ints
from rm_ray.scored.passes import in_batches
from rm_ray.select.config import CHEAP_REWARD, SIDE, SelectConfig
from rm_ray.select.gather import Counted
from rm_ray.select.sides import Decider
from rm_ray.select.stage_rows import CHUNKS, StageRows, chunk_counts, files_of
from rm_ray.store.folder import Folder
from rm_ray.tasks.run import results_of

# A table has a file for each batch of shards; the empty ones are left out.
NAME = "rows-{:06d}.parquet"


@dataclass(frozen=True)
class CheapDoubts:
    """CheapDoubts finds the documents that the cheap judge leaves in doubt."""

    cheap: StageRows
    """The rows of the cheap judge's stage."""
    decider: Decider
    """Decides by the cheap rewards."""
    sample: RowSample
    """The documents of the sample, which are judged already."""

    def only(self, files: Sequence[str]) -> "CheapDoubts":
        """Return the same for these files alone."""
        return CheapDoubts(self.cheap.only(files), self.decider, self.sample)

    def of(self, shard: Shard) -> tuple[Ints, Ints]:
        """Return the rows in doubt, and the first chunk to judge of each, [rows] each."""
        rows = self.cheap.read(shard, ["reward", *self.decider.by])
        rewards = pc.fill_null(rows.column("reward").cast(pa.float64()), np.nan).to_numpy()
        numbers = rows.column("row").to_numpy()
        doubt = self.decider.by_cheap(rows, rewards) == 0
        sampled = self.sample.chosen(shard.file, shard.start, shard.stop)
        numbers = numbers[doubt & ~np.isin(numbers, sampled)]
        return numbers, np.zeros(len(numbers), np.int64)


@dataclass(frozen=True)
class WiderDoubts:
    """WiderDoubts finds the decided documents that a wider band puts in doubt again."""

    decided: StageRows
    """The decided rows."""
    decider: Decider
    """Decides by the wider bands."""

    def only(self, files: Sequence[str]) -> "WiderDoubts":
        """Return the same for these files alone."""
        return WiderDoubts(self.decided.only(files), self.decider)

    def of(self, shard: Shard) -> tuple[Ints, Ints]:
        """Return the rows in doubt, and the first chunk to judge of each, [rows] each."""
        names = [SIDE, "n_tokens", CHUNKS, CHEAP_REWARD, *self.decider.by]
        rows = self.decided.read(shard, names)
        cheap = pc.fill_null(rows.column(CHEAP_REWARD).cast(pa.float64()), np.nan).to_numpy()
        judged = chunk_counts(rows) > 0
        sides = np.where(judged, self.decider.early(rows), self.decider.by_cheap(rows, cheap))
        doubt = (rows.column(SIDE).to_numpy() != 0) & (sides == 0)
        return rows.column("row").to_numpy()[doubt], self.decider.next_chunk(rows)[doubt]


Doubts = CheapDoubts | WiderDoubts


def write_doubts(
    name: str, doubts: Doubts, counted: Sequence[Counted], config: SelectConfig
) -> tuple[str, int]:
    """Write the table of the documents in doubt; return its address and the number of documents.

    The same doubts give the same files, so files that exist stay.

    Args:
        name: name of the table's folder.
        doubts: finds the documents.
        counted: the shards of the corpus, with the documents of each.
        config: the selection's configuration.

    Raises:
        InputError: a stage's part cannot be read.
    """
    place = config.folder(name)
    folder = Folder(place.path, place.storage)
    batches = [[shard for shard, _ in batch] for batch in in_batches(counted, lambda item: item[1])]
    sent = [(number, batch, doubts.only(files_of(batch))) for number, batch in enumerate(batches)]
    found = results_of(
        _write,
        sent,
        folder,
        cpus=config.tasks.cpus,
        doing="looked for doubts",
        every_s=config.run.progress_s,
        of=folder.uri,
    )
    return folder.uri, sum(found)


def _write(sent: tuple[int, Sequence[Shard], Doubts], folder: Folder) -> int:
    """Write one file of the table; return how many documents it names."""
    number, shards, doubts = sent
    tables = []
    for shard in shards:
        rows, firsts = doubts.of(shard)
        names = pa.array([shard.file] * len(rows), pa.string())
        tables.append(
            pa.table(
                {
                    SOURCE_ROWS.file: names,
                    SOURCE_ROWS.row: rows,
                    SOURCE_ROWS.first_chunk: firsts,
                }
            )
        )
    table = pa.concat_tables(tables)
    if len(table):
        buffer = BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        folder.create(NAME.format(number), buffer.getvalue())
    return len(table)
