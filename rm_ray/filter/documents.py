"""What is known of the documents of a stretch of rows: reward, tokens, group, whether they count.

Read from the parts of the scoring runs, and where rules speak of other columns from the corpus;
never its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import CorpusConfig
from rm_ray.corpus.decoding import decode
from rm_ray.counts.cuts import Places
from rm_ray.counts.order import Floats, Ints, best_first, gumbel, hash_rows
from rm_ray.counts.ranks import BEST, Ranks
from rm_ray.errors import InputError
from rm_ray.filter.columns import Formula
from rm_ray.filter.config import group_label
from rm_ray.run.scored import ScoredPart, read_rewards
from rm_ray.store.folder import Folder
from rm_ray.store.retry import A_MINUTE, Patience

# In place of the status of a document that no part has: a sample or a limit has left it out.
NOT_SCORED = "not scored"
DECODE_ROWS = 1 << 16

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stretch:
    """Rows [start, stop) of one corpus file.

    `number`: of the file among all. `parts`: of each run those with rows of it. `first_unit`: the
    number of the first unit that has rows of it, `starts`: the first rows of those after that. The
    others say which row groups of the file hold it (corpus.decoding), where its columns are read.
    """

    file: str
    number: int
    start: int
    stop: int
    parts: tuple[tuple[ScoredPart, ...], ...]
    first_unit: int
    starts: tuple[int, ...] = ()
    partition: Mapping[str, str | None] | None = None
    first_group: int = 0
    stop_group: int = 0
    first_row: int = 0
    size: int | None = None
    version: str | None = None

    def units_of(self, rows: Ints) -> Ints:
        """The unit of each row."""
        return self.first_unit + np.searchsorted(np.array(self.starts), rows, side="right")


@dataclass(frozen=True)
class Documents:
    """Columns of equal length, in the file's order.

    `has`: a reward. `counts`: the condition holds. `statuses`: the scoring run's, NOT_SCORED where
    it has none. `groups`: labels; `codes`: the number of each document's. `rewards`: the first
    run's rows, of the columns that were asked for.
    """

    rows: Ints
    reward: Floats
    has: Flags
    tokens: Ints
    statuses: pa.Array
    counts: Flags
    groups: list[str]
    codes: Ints
    rewards: pa.Table

    @property
    def eligible(self) -> Flags:
        """The documents among which cuts are made."""
        found: Flags = self.has & self.counts
        return found


@dataclass(frozen=True)
class Order:
    """How documents are ordered. `temperature`: None for none."""

    seed: int
    temperature: float | None

    def places(self, documents: Documents, stretch: Stretch, which: Flags) -> Places:
        """Where some of the documents are in the order."""
        rows, rewards = documents.rows[which], documents.reward[which]
        hashes = hash_rows(f"cut {self.seed}", stretch.file, rows)
        if self.temperature is not None:
            rewards = gumbel(rewards, self.temperature, hashes)
        files = np.full(len(rows), stretch.number, np.int64)
        return Places(
            documents.codes[which], best_first(rewards), hashes, files, rows,
            documents.tokens[which],
        )  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """What is read of documents, and where. Travels to tasks.

    `runs`: the folders of the runs' parts, which have these `schemas`. `where_from`: of each
    column that rules speak of, beside the rewards. `ranks`: of each run, where several are
    combined. `scored_only`: rows without a part are no documents.
    """

    runs: Sequence[Folder]
    schemas: Sequence[pa.Schema]
    column: Formula
    combine: Literal["mean", "minimum", "maximum"]
    by: Sequence[Formula]
    where: Formula | None
    where_from: Mapping[str, Literal["rewards", "corpus", "folder"]]
    corpus: CorpusConfig | None
    scored_only: bool
    ranks: Sequence[Ranks] = ()

    def read(
        self, stretch: Stretch, add: Sequence[str] = (), patience: Patience = A_MINUTE
    ) -> Documents:
        """The documents of a stretch.

        Args:
            add: further columns of the first run to read.

        Raises:
            InputError: a reward is infinite, or a column does not fit its use.
            Unreadable: a file cannot be read, or has changed.
        """
        wanted = [name for name, place in self.where_from.items() if place == "rewards"]
        own = [*self.column.columns, "reward", "n_tokens", "status", *wanted, *add]
        first = self._scored(stretch, 0, own, patience)
        rows = np.arange(stretch.start, stretch.stop)
        if self.scored_only:
            rows = first.column("row").to_numpy()
        first = _aligned(first, rows)
        reward, has = self._reward(stretch, first, rows, patience)
        if self.ranks:  # what is written of the reward is what it was chosen by
            both = pa.array(reward, mask=~has)
            first = first.set_column(first.schema.get_field_index("reward"), "reward", both)
        columns = self._columns(stretch, first, rows)
        groups, codes = _groups([formula.of(columns) for formula in self.by], len(rows))
        counts = np.ones(len(rows), bool)
        if self.where:
            counts = self.where.holds(columns).to_numpy(zero_copy_only=False)
        return Documents(
            rows=rows,
            reward=reward,
            has=has,
            tokens=pc.fill_null(first.column("n_tokens"), 0).to_numpy(),
            statuses=pc.fill_null(first.column("status"), NOT_SCORED).combine_chunks(),
            counts=counts,
            groups=groups,
            codes=codes,
            rewards=first,
        )

    def reward_of_run(
        self, stretch: Stretch, run: int, rewards: pa.Table, rows: Ints
    ) -> tuple[Floats, Flags]:
        """One run's rewards, 0 where there is none, and where there is one."""
        found = self.column.of(rewards).cast(pa.float32(), safe=False)
        has = found.is_valid().to_numpy()
        values: Floats = pc.fill_null(found, 0).to_numpy()
        if not np.isfinite(values).all():
            row = int(rows[int(np.flatnonzero(~np.isfinite(values))[0])])
            raise InputError(
                f"rewards.column: {self.column.text} of {stretch.file}, row {row}, is not a finite "
                f"number in {self.runs[run].uri}; give a column of numbers"
            )
        return values, has

    def _reward(
        self, stretch: Stretch, first: pa.Table, rows: Ints, patience: Patience
    ) -> tuple[Floats, Flags]:
        reward, has = self.reward_of_run(stretch, 0, first, rows)
        if not self.ranks:
            return reward, has
        ranks = [self.ranks[0].of(best_first(reward[has]))]
        every, found = has, [_spread(ranks[0], has)]
        for run in range(1, len(self.runs)):
            theirs = _aligned(self._scored(stretch, run, self.column.columns, patience), rows)
            reward, has = self.reward_of_run(stretch, run, theirs, rows)
            found.append(_spread(self.ranks[run].of(best_first(reward[has])), has))
            every = every & has
        return _combined(np.stack(found), self.combine), every

    def rewards_of_run(self, stretch: Stretch, run: int) -> Floats:
        """The rewards that one run has of a stretch, those that are there."""
        rewards = self._scored(stretch, run, self.column.columns, A_MINUTE)
        values, has = self.reward_of_run(stretch, run, rewards, rewards.column("row").to_numpy())
        return values[has]

    def _scored(
        self, stretch: Stretch, run: int, columns: Sequence[str], patience: Patience
    ) -> pa.Table:
        """A run's rows of a stretch, in order."""
        parts = stretch.parts[run]
        tables = [read_rewards(self.runs[run], part, columns, patience) for part in parts]
        if not tables:
            return self.schemas[run].empty_table()
        rows = pa.concat_tables(tables).combine_chunks()
        numbers = rows.column("row").to_numpy()
        first, last = np.searchsorted(numbers, [stretch.start, stretch.stop]).tolist()
        return rows.slice(first, last - first)

    def _columns(self, stretch: Stretch, first: pa.Table, rows: Ints) -> pa.Table:
        """The columns that rules speak of."""
        found: dict[str, Any] = {}
        corpus = [name for name, place in self.where_from.items() if place == "corpus"]
        read = _corpus_columns(stretch, self.corpus, corpus, rows) if corpus and self.corpus else {}
        for name, place in self.where_from.items():
            if place == "rewards":
                found[name] = first.column(name)
            elif place == "corpus":
                found[name] = read[name]
            else:
                value = (stretch.partition or {}).get(name)
                found[name] = pa.array([value] * len(rows), pa.string())
        return pa.table(found) if found else pa.table({"row": pa.array(rows)})


def _corpus_columns(
    stretch: Stretch, corpus: CorpusConfig, columns: Sequence[str], rows: Ints
) -> dict[str, pa.ChunkedArray]:
    batches = [
        batch.slice(max(0, stretch.start - first), stretch.stop - max(first, stretch.start))
        for first, batch in decode(stretch, corpus, columns, lambda _: DECODE_ROWS)
        if first < stretch.stop and stretch.start < first + len(batch)
    ]
    table = pa.concat_tables(batches)
    if len(rows) < len(table):
        table = table.take(pa.array(rows - stretch.start))
    return {name: table.column(name) for name in columns}


def _aligned(rewards: pa.Table, rows: Ints) -> pa.Table:
    """A run's rows for these row numbers, null where it has none."""
    numbers = rewards.column("row").to_numpy()
    if len(numbers) == len(rows) and np.array_equal(numbers, rows):
        return rewards
    at = np.searchsorted(numbers, rows)
    there = at < len(numbers)
    there[there] = numbers[at[there]] == rows[there]
    return rewards.take(pa.array(np.where(there, at, 0), mask=~there))


def _spread(values: Ints, has: Flags) -> Ints:
    found = np.zeros(len(has), np.int64)
    found[has] = values
    return found


def _combined(ranks: Ints, how: str) -> Floats:
    """Ranks of several runs, a run a row, as one number in [0, 1]; whole numbers until the end."""
    if how == "mean":
        found = ranks.sum(axis=0) / len(ranks)
    else:
        found = ranks.min(axis=0) if how == "minimum" else ranks.max(axis=0)
    combined: Floats = (found / BEST).astype(np.float32)
    return combined


def _groups(columns: Sequence[Any], documents: int) -> tuple[list[str], Ints]:
    """The groups that documents are in, by label, and the number of each document's."""
    codes = np.zeros(documents, np.int64)
    values: list[list[str | None]] = []
    for column in columns:
        encoded = pc.dictionary_encode(column.cast(pa.string()), null_encoding="encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        values.append(encoded.dictionary.to_pylist())
        codes = codes * len(values[-1]) + encoded.indices.to_numpy()
    found, codes = np.unique(codes, return_inverse=True)
    labels = []
    for code in found.tolist():
        label: list[str | None] = []
        for known in reversed(values):
            code, at = divmod(code, len(known))
            label.insert(0, known[at])
        labels.append(group_label(label))
    return labels, codes.astype(np.int64)


def renumbered(documents: Documents, groups: Sequence[str]) -> Documents:
    """The same documents, with the numbers of these groups in place of their own; 0 for a group
    that is none of them, of which no document counts.
    """
    numbers = {label: number for number, label in enumerate(groups)}
    theirs = np.array([numbers.get(label, 0) for label in documents.groups], np.int64)
    codes = theirs[documents.codes] if len(theirs) else documents.codes
    return replace(documents, groups=list(groups), codes=codes)
