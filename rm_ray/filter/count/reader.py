"""Reads the facts about documents: from the parts of scoring runs and, if rules name columns that
the rewards do not have, from the corpus.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import CorpusConfig
from rm_ray.corpus.decoding import check_unchanged, decode, read_again
from rm_ray.corpus.groups import grouped
from rm_ray.corpus.tables.deleted import Deleted
from rm_ray.counts.order import Floats, Ints, Numbers, keys_of
from rm_ray.counts.ranks import BEST, Ranks
from rm_ray.errors import ConfigError, InputError
from rm_ray.filter.condition import REMEDY, Condition
from rm_ray.filter.count.documents import Documents, Flags
from rm_ray.filter.count.left_out import LeftOut
from rm_ray.filter.count.stretches import Stretch
from rm_ray.filter.delivery import DeliverConfig
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import NO_NUMBER, kind_of
from rm_ray.scored.run import read_rewards
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import A_MINUTE, Patience

# Status of a document that is in no part: a sample or a limit left the document out.
NOT_SCORED = "not scored"
# Rows of the corpus that are decoded at once, of the columns that rules name.
NARROW_ROWS = 1 << 16
# The largest weight of one document: the sum over two thousand million of them fits 64 bits.
MOST_WEIGHT = 1 << 32


@dataclass(frozen=True)
class RewardsReader:
    """Reads the documents of a stretch; it is sent to tasks."""

    runs: Sequence[Folder]
    """The folder of each run's parts."""
    schemas: Sequence[pa.Schema]
    """The columns of each run's parts."""
    column: ColumnPath
    """The column of the number that documents are chosen by."""
    combine: Literal["mean", "minimum", "maximum"]
    """How ranks of several runs become one number."""
    by: Sequence[ColumnPath]
    """The columns that make groups."""
    where: Condition | None
    """The condition of the rule; None if there is none."""
    weight: ColumnPath | None
    """The column that budgets are counted in; None for tokens or documents."""
    deliver: DeliverConfig
    """The groups whose documents are written."""
    left_out: LeftOut
    """Documents that are left out, one by one."""
    deleted: Deleted
    """Rows that the table of the corpus has deleted."""
    own: Sequence[str]
    """Columns that rules name and the first run has."""
    others: Sequence[str]
    """Columns that rules name and only the corpus has, in its files or as hive folders."""
    corpus: CorpusConfig
    """The corpus that was scored."""
    scored_only: bool
    """True if rows that are in no part are not documents."""
    ranks: Sequence[Ranks] = ()
    """The ranks of each run's rewards if several runs are combined."""

    def read(
        self, stretch: Stretch, add: Sequence[str] = (), patience: Patience = A_MINUTE
    ) -> Documents:
        """Read the documents of a stretch.

        Args:
            stretch: the rows to read.
            add: further columns of the first run to read.
            patience: how long a failed read is tried again.

        Raises:
            InputError: a reward is infinite, or a column does not fit its use.
            Unreadable: a file cannot be read, or has changed.
        """
        names = [self.column.column, "reward", "n_tokens", "status", *self.own, *add]
        first = self._scored(stretch, 0, names, patience)
        rows = np.arange(stretch.start, stretch.stop)
        if self.scored_only:
            rows = first.column("row").to_numpy()
        first = _aligned(first, rows)
        reward, has = self._reward(stretch, first, rows, patience)
        if self.ranks:  # the column `reward` that is written is the combined rank
            combined = pa.array(reward, mask=~has)
            first = first.set_column(first.schema.get_field_index("reward"), "reward", combined)
        columns, counts = self._columns(stretch, first, rows, patience)
        again = self.left_out.of(stretch.file, rows)
        deleted = np.isin(rows, self.deleted.rows(stretch.file, stretch.start, stretch.stop))
        counts &= ~again & ~deleted
        groups, codes = grouped([path.of(columns) for path in self.by], len(rows))
        statuses = pc.fill_null(first.column("status"), NOT_SCORED)
        numberless = pa.array(~has & pc.equal(statuses, "ok").to_numpy())
        tokens: Ints = pc.fill_null(first.column("n_tokens"), 0).to_numpy()
        weights = tokens
        if self.weight is not None:
            eligible = has & counts
            weights = self._weights(
                self.weight, stretch, columns=columns, rows=rows, eligible=eligible
            )
        return Documents(
            rows=rows,
            reward=reward,
            has=has,
            tokens=tokens,
            weights=weights,
            scored=pc.is_valid(first.column("row")).to_numpy(),
            statuses=pc.if_else(numberless, NO_NUMBER, statuses).combine_chunks(),
            counts=counts,
            again=again,
            deleted=deleted,
            written=self._written(columns, len(rows)),
            groups=groups,
            codes=codes,
            rewards=first,
        )

    def _weights(
        self, weight: ColumnPath, stretch: Stretch, columns: pa.Table, rows: Ints, eligible: Flags
    ) -> Ints:
        """Return the numbers that budgets are counted in; 0 for documents that do not count."""
        values = weight.of(columns)
        numbers = pc.fill_null(values.cast(pa.float64(), safe=False), -1).to_numpy()
        whole = (numbers >= 0) & (numbers <= MOST_WEIGHT) & (np.floor(numbers) == numbers)
        if not whole[eligible].all():
            at = int(np.flatnonzero(eligible & ~whole)[0])
            raise InputError(
                f"rule.weight: {weight.text} of {stretch.file}, row {rows[at]}, is "
                f"{values[at].as_py()}, not a whole number from 0 to {MOST_WEIGHT:,}; leave such "
                "documents out by rule.where, or give another column"
            )
        return np.where(whole, numbers, 0).astype(np.int64)

    @property
    def _apart(self) -> list[ColumnPath]:
        return [ColumnPath(text) for text in self.deliver.by] if self.deliver.is_asked else []

    def _written(self, columns: pa.Table, documents: int) -> Flags:
        """Return True for each document of a group that is written."""
        if not self.deliver.is_asked:
            return np.ones(documents, bool)
        labels, codes = grouped([path.of(columns) for path in self._apart], documents)
        written: Flags = np.array([self.deliver.writes(label) for label in labels], bool)[codes]
        return written

    def _where_holds(self, columns: pa.Table, stretch: Stretch) -> Flags:
        if self.where is None:
            return np.ones(len(columns), bool)
        try:
            held = self.where.holds(columns)
        except ConfigError as error:
            raise InputError(f"rule.where: {error}, in {stretch.file}; {REMEDY}") from None
        flags: Flags = held.to_numpy(zero_copy_only=False)
        return flags

    @property
    def kind(self) -> str:
        """Return the kind of the numbers that documents are ordered by (counts.order.KINDS).

        Combined ranks of several runs are float32, which has more bits than a rank.
        """
        if len(self.runs) > 1:
            return "float32"
        return kind_of(self.column.of(self.schemas[0].empty_table()).type)

    def reward_of_run(
        self, stretch: Stretch, run: int, rewards: pa.Table, rows: Ints
    ) -> tuple[Numbers, Flags]:
        """Return one run's rewards (0 if missing), and flags: True if there is a reward."""
        numbers = self.column.of(rewards).cast(pa.from_numpy_dtype(self.kind), safe=False)
        has = numbers.is_valid().to_numpy()
        values: Numbers = pc.fill_null(numbers, 0).to_numpy()
        if not np.isfinite(values).all():
            row = int(rows[int(np.flatnonzero(~np.isfinite(values))[0])])
            raise InputError(
                f"rewards.column: {self.column.text} of {stretch.file}, row {row}, is not a finite "
                f"number in {self.runs[run].uri}; give a column of numbers"
            )
        return values, has

    def _reward(
        self, stretch: Stretch, first: pa.Table, rows: Ints, patience: Patience
    ) -> tuple[Numbers, Flags]:
        reward, has = self.reward_of_run(stretch, 0, first, rows)
        if not self.ranks:
            return reward, has
        in_all_runs, rewards = has, [reward]
        for run in range(1, len(self.runs)):
            run_rows = _aligned(self._scored(stretch, run, [self.column.column], patience), rows)
            reward, has = self.reward_of_run(stretch, run, run_rows, rows)
            rewards.append(reward)
            in_all_runs = in_all_runs & has
        ranks = np.zeros((len(self.runs), len(rows)), np.int64)
        for run, reward in enumerate(rewards):
            ranks[run, in_all_runs] = self.ranks[run].of_keys(keys_of(reward[in_all_runs])[0])
        return _combined(ranks, self.combine), in_all_runs

    def rewards_of_run(self, stretch: Stretch, run: int) -> Numbers:
        """Return one run's rewards of a stretch; none if the first run has no part of it."""
        if not stretch.parts[0]:
            return np.empty(0, np.float32)
        rewards = self._scored(stretch, run, [self.column.column], A_MINUTE)
        values, has = self.reward_of_run(stretch, run, rewards, rewards.column("row").to_numpy())
        return values[has]

    def _scored(
        self, stretch: Stretch, run: int, columns: Sequence[str], patience: Patience
    ) -> pa.Table:
        """Read a run's rows of a stretch, in order."""
        parts = stretch.parts[run]
        tables = [read_rewards(self.runs[run], part, columns, patience) for part in parts]
        if not tables:
            return self.schemas[run].empty_table()
        rows = pa.concat_tables(tables).combine_chunks()
        numbers = rows.column("row").to_numpy()
        first, last = np.searchsorted(numbers, [stretch.start, stretch.stop]).tolist()
        return rows.slice(first, last - first)

    def _columns(
        self, stretch: Stretch, first: pa.Table, rows: Ints, patience: Patience
    ) -> tuple[pa.Table, Flags]:
        """Return the columns of groups and weights, and flags: True if the condition holds.

        The condition is worked out batch by batch: it may name a column of texts, and at most one
        batch of texts is held in memory.
        """
        paths = [*self.by, *([self.weight] if self.weight else []), *self._apart]
        kept = list(dict.fromkeys(path.column for path in paths))

        def look() -> tuple[list[pa.Table], list[Flags]]:
            batches = [
                (table.select(kept), self._where_holds(table, stretch))
                for table in self._batches(stretch, first, rows)
            ]
            return [table for table, _ in batches], [flags for _, flags in batches]

        request = Request("reading", stretch.file, self.corpus.storage, self.corpus.key)
        tables, flags = read_again(look, request, patience) if self.others else look()
        return pa.concat_tables(tables), np.concatenate(flags)

    def _batches(self, stretch: Stretch, first: pa.Table, rows: Ints) -> Iterator[pa.Table]:
        """Yield the columns that rules name, some rows at a time. If a file has a column with the
        name of a hive folder, the file's column is taken.
        """
        own = pa.table({"row": pa.array(rows)} | {name: first.column(name) for name in self.own})
        if not self.others:
            yield own
            return
        check_unchanged(stretch, self.corpus)
        empty = True
        for start, batch in decode(stretch, self.corpus, self.others, lambda _: NARROW_ROWS):
            low, high = np.searchsorted(rows, [start, start + len(batch)]).tolist()
            if low < high:
                empty = False
                columns = batch.take(pa.array(rows[low:high] - start))
                yield self._beside(own.slice(low, high - low), columns, stretch)
            if start + len(batch) >= stretch.stop:
                break
        if empty:
            yield self._beside(own.slice(0, 0), pa.table({}), stretch)

    def _beside(self, own: pa.Table, columns: pa.Table, stretch: Stretch) -> pa.Table:
        """Return the columns of the rewards, of the file, and of the file's hive folders."""
        for name in self.others:
            if name in columns.column_names:
                values = columns.column(name)
            else:
                folder = (stretch.partition or {}).get(name)
                values = pa.array([folder] * len(own), pa.string())
            own = own.append_column(name, values)
        return own


def _aligned(rewards: pa.Table, rows: Ints) -> pa.Table:
    """Return a run's rows for these row numbers, null for a row that the run does not have."""
    numbers = rewards.column("row").to_numpy()
    if len(numbers) == len(rows) and np.array_equal(numbers, rows):
        return rewards
    at = np.searchsorted(numbers, rows)
    present = at < len(numbers)
    present[present] = numbers[at[present]] == rows[present]
    return rewards.take(pa.array(np.where(present, at, 0), mask=~present))


def _combined(ranks: Ints, how: str) -> Floats:
    """Combine ranks of several runs (one row per run) into one number in [0, 1] per document.

    The sum is taken in whole numbers, so the order of the runs does not matter.
    """
    if how == "mean":
        rank = ranks.sum(axis=0) / len(ranks)
    else:
        rank = ranks.min(axis=0) if how == "minimum" else ranks.max(axis=0)
    combined: Floats = (rank / BEST).astype(np.float32)
    return combined
