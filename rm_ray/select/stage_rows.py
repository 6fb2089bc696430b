"""Reads the rows of stages: of one stage, or of several, where a later stage's row counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.shards import Shard
from rm_ray.counts.order import Ints
from rm_ray.errors import InputError, short
from rm_ray.filter.checks import by_file
from rm_ray.scored.run import (
    ScoredPart,
    ScoredRun,
    describe_parts,
    overlapping,
    read_rewards,
    schema_of,
)
from rm_ray.store.folder import Folder

# The column of the rewards of single chunks, of judges that have them.
CHUNKS = "chunk_rewards"


@dataclass(frozen=True)
class StageRows:
    """StageRows reads the rows of one stage; it can be sent to tasks."""

    name: str
    """Name of the stage."""
    parts: Folder
    """Folder of its parts."""
    by_file: Mapping[str, Sequence[ScoredPart]]
    """Its parts by corpus file."""
    schema: pa.Schema
    """Columns of its parts."""

    @classmethod
    def of(cls, name: str, run: ScoredRun) -> "StageRows":
        """Open the rows of a finished stage.

        Raises:
            InputError: a part is damaged or missing.
        """
        return cls(name, run.parts, by_file(describe_parts(run, [])), schema_of(run))

    def only(self, files: Sequence[str]) -> "StageRows":
        """Return the rows of these files alone, which are less to send."""
        chosen = {file: self.by_file[file] for file in files if file in self.by_file}
        return StageRows(self.name, self.parts, chosen, self.schema)

    def read(self, shard: Shard, columns: Sequence[str]) -> pa.Table:
        """Return the stage's rows of a shard, by row number.

        Args:
            shard: the rows of the corpus file.
            columns: names of the columns; `row` always comes too.

        Raises:
            InputError: a part is damaged, has changed, or is gone.
        """
        parts = overlapping(self.by_file.get(shard.file, ()), shard.start, shard.stop)
        names = list(dict.fromkeys(["row", *columns]))
        try:
            read = [read_rewards(self.parts, part, names) for part in parts]
        except (Unreadable, FileNotFoundError) as error:
            raise InputError(f"the rows of {self.name} cannot be read: {short(error)}") from None
        if not read:
            return pa.schema([self.schema.field(name) for name in names]).empty_table()
        rows = pa.concat_tables(read).combine_chunks()
        number = rows.column("row")
        within = pc.and_(pc.greater_equal(number, shard.start), pc.less(number, shard.stop))
        return rows.filter(within).sort_by("row")


def files_of(shards: Iterable[Shard]) -> list[str]:
    """Return the files of some shards, each once, in order."""
    return list(dict.fromkeys(shard.file for shard in shards))


def last_of_each(rows: pa.Table) -> pa.Table:
    """Return one row for each row number, ascending: the last one of that number."""
    numbers = rows.column("row").to_numpy()
    _, from_the_end = np.unique(numbers[::-1], return_index=True)
    return rows.take(pa.array(len(numbers) - 1 - from_the_end))


def chunk_counts(rows: pa.Table) -> Ints:
    """Return how many chunks of each row were judged, [rows]; 0 for a row without chunk rewards."""
    if CHUNKS not in rows.column_names:
        return np.zeros(len(rows), np.int64)
    counts: Ints = pc.fill_null(pc.list_value_length(rows.column(CHUNKS)), 0).to_numpy()
    return counts.astype(np.int64)
