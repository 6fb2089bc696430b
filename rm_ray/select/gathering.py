"""Makes the decided rows of a shard from the rows of all stages: one row for each document.

Pure but for reading: it is called in tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import OUTPUT_COLUMNS
from rm_ray.corpus.shards import Shard
from rm_ray.errors import Incomplete
from rm_ray.judges.preference.judge import mean_reward
from rm_ray.select.config import CHEAP, CHEAP_REWARD, KEY, SAMPLE, SIDE, STAGE
from rm_ray.select.sides import Decider
from rm_ray.select.stage_rows import CHUNKS, StageRows, last_of_each

# The key of a document that was put above, or below, the cut without judging it whole.
SURE = float(np.finfo(np.float32).max)
# The type of chunk rewards, as Parquet gives it back.
CHUNKS_TYPE = pa.list_(pa.field("element", pa.float32()))


@dataclass(frozen=True)
class Gathering:
    """A Gathering makes decided rows; it can be sent to tasks."""

    stages: Sequence[StageRows]
    """The stages, in order: of a document that is in several, the last one counts."""
    before: StageRows | None
    """The rows that were decided before the last stage; None if that is the first gathering."""
    decider: Decider
    """Decides on documents that were judged in part, or only by the cheap judge."""
    carried: Mapping[str, pa.DataType]
    """Types of the copied columns, by name."""
    counts_cheap_tokens: bool
    """True if the cheap judge's tokens are those of the judge."""

    def only(self, files: Sequence[str]) -> "Gathering":
        """Return the gathering of these files alone, which is less to send."""
        return Gathering(
            [stage.only(files) for stage in self.stages],
            self.before.only(files) if self.before else None,
            self.decider,
            self.carried,
            self.counts_cheap_tokens,
        )

    def rows(self, shard: Shard, documents: int) -> pa.Table:
        """Return the decided rows of a shard, by row number.

        Args:
            shard: the rows of the corpus file.
            documents: documents of the shard.

        Raises:
            Incomplete: a document is in no stage, or was left in doubt.
        """
        if self.before:
            rows = self._with_wider(self.before.read(shard, self.before.schema.names), shard)
        else:
            rows = self._of_stages(shard)
        if len(rows) != documents:
            raise Incomplete(
                f"{shard}: {len(rows):,} of {documents:,} documents are in the stages' rewards; "
                f"remove {self.stages[-1].parts.uri} and run the same command again"
            )
        return rows

    def _of_stages(self, shard: Shard) -> pa.Table:
        """Gather a shard from the first stages."""
        read = [self._stage(stage, shard) for stage in self.stages]
        rows = last_of_each(pa.concat_tables(read))
        cheap = self._cheap_rewards(shard, rows)
        stage = rows.column(STAGE)
        only_cheap = pc.equal(stage, CHEAP).to_numpy()
        judged = pa.array(~only_cheap)
        for name in ("reward", CHUNKS):
            # the cheap judge's numbers are not the judge's
            rows = _replaced(rows, name, _where(judged, rows.column(name)))
        sides = self.decider.early(rows)
        sides[pc.equal(stage, SAMPLE).to_numpy()] = 0
        sides[only_cheap] = self.decider.by_cheap(rows, cheap)[only_cheap]
        undecided = (only_cheap | self.decider.in_part(rows)) & (sides == 0)
        if undecided.any():
            row = rows.column("row")[int(np.flatnonzero(undecided)[0])]
            raise Incomplete(
                f"{shard.file}, row {row}: judged only in part, and in doubt all the same; this is "
                "a fault of rm_ray: please report it"
            )
        if not self.counts_cheap_tokens:
            rows = _replaced(rows, "n_tokens", _where(judged, rows.column("n_tokens")))
        rows = rows.append_column(CHEAP_REWARD, pa.array(cheap, pa.float32(), mask=np.isnan(cheap)))
        return with_key(rows, sides)

    def _with_wider(self, rows: pa.Table, shard: Shard) -> pa.Table:
        """Put the rows of the last stage in the place of those that were decided before."""
        stage = self.stages[-1]
        wider = self._stage(stage, shard)
        if not len(wider):
            return rows
        at = np.searchsorted(rows.column("row").to_numpy(), wider.column("row").to_numpy())
        before = rows.take(pa.array(at))
        new = _joined(before.column(CHUNKS).to_pylist(), wider)
        new = new.append_column(CHEAP_REWARD, before.column(CHEAP_REWARD))
        new = with_key(new, np.zeros(len(at), np.int8))
        return last_of_each(pa.concat_tables([rows, new.select(rows.column_names)]))

    def _stage(self, stage: StageRows, shard: Shard) -> pa.Table:
        """Read a stage's rows, with the columns of all stages."""
        names = [*self.carried, *OUTPUT_COLUMNS[1:], CHUNKS]
        rows = stage.read(shard, [name for name in names if name in stage.schema.names])
        if CHUNKS not in rows.column_names:
            rows = rows.append_column(CHUNKS, pa.nulls(len(rows), CHUNKS_TYPE))
        rows = rows.select([name for name in names if name in rows.column_names])
        return rows.append_column(STAGE, pa.array([stage.name] * len(rows), pa.string()))

    def _cheap_rewards(self, shard: Shard, rows: pa.Table) -> np.ndarray:
        """Return the cheap reward of each row; nan without one, [rows]."""
        found = np.full(len(rows), np.nan)
        if self.stages[0].name != CHEAP:
            return found
        cheap = self.stages[0].read(shard, ["reward"])
        at = np.searchsorted(rows.column("row").to_numpy(), cheap.column("row").to_numpy())
        found[at] = pc.fill_null(cheap.column("reward").cast(pa.float64()), np.nan).to_numpy()
        return found


def with_key(rows: pa.Table, sides: np.ndarray) -> pa.Table:
    """Add the columns `side`, and `key`, by which the exact cut is made.

    The key of a document that was judged whole is its reward. A document that was put above the
    cut comes before all of these, and one that was put below it after all.

    Args:
        rows: the decided rows.
        sides: the side on which each was put early; 0 for one that was judged whole, [rows].
    """
    reward = rows.column("reward").cast(pa.float32())
    sure = pa.array(np.sign(sides).astype(np.float32) * np.float32(SURE))
    key = pc.if_else(pa.array(sides != 0), sure, reward)
    return rows.append_column(SIDE, pa.array(sides, pa.int8())).append_column(KEY, key)


def _joined(before: Sequence[list[float] | None], wider: pa.Table) -> pa.Table:
    """Join the rewards of each document's first chunks and of its later chunks, if it has both.

    Args:
        before: the rewards of the first chunks, as the stages before have judged them, [rows].
        wider: the rows of the last stage, which judged the later chunks.
    """
    rewards = wider.column("reward").to_pylist()
    chunks = wider.column(CHUNKS).to_pylist()
    for i, first in enumerate(before):
        if first and chunks[i]:
            chunks[i] = [*first, *chunks[i]]
            rewards[i] = mean_reward(chunks[i])
    wider = _replaced(wider, "reward", pa.array(rewards, pa.float32()))
    return _replaced(wider, CHUNKS, pa.array(chunks, wider.schema.field(CHUNKS).type))


def _where(chosen: pa.Array, values: pa.ChunkedArray) -> pa.Array:
    """Return the chosen values, and null in the place of the others."""
    rows = pc.if_else(chosen, pa.array(range(len(chosen)), pa.int64()), None)
    return values.combine_chunks().take(rows)


def _replaced(rows: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(
        place, rows.schema.field(name), values.cast(rows.schema.field(name).type)
    )
