"""What is known of some documents: reward, tokens, group, whether they count; and their order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.counts.cuts import Places
from rm_ray.counts.order import Floats, Ints, best_first, gumbel, hash_rows
from rm_ray.filter.quotas import group_label
from rm_ray.filter.stretches import Stretch

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Documents:
    """Columns of equal length, in the file's order.

    `has`: a reward. `counts`: the condition holds. `scored`: the first run has a row of it.
    `statuses`: the scoring run's, or why there is no number. `groups`: labels; `codes`: the number
    of each document's. `rewards`: the first run's rows, of the columns that were asked for.
    """

    rows: Ints
    reward: Floats
    has: Flags
    tokens: Ints
    scored: Flags
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


def grouped(columns: Sequence[Any], documents: int) -> tuple[list[str], Ints]:
    """The groups that documents are in, by label, and the number of each document's."""
    codes = np.zeros(documents, np.int64)
    values: list[list[str | None]] = []
    for column in columns:
        encoded = pc.dictionary_encode(_as_text(column), null_encoding="encode")
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


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As labels have it. Bytes that are no text are shown as such."""
    if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
        return column.cast(pa.string())
    texts = [v and v.decode("utf-8", "backslashreplace") for v in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def renumbered(documents: Documents, groups: Sequence[str]) -> Documents:
    """The same documents, with the numbers of these groups in place of their own; 0 for a group
    that is none of them, of which no document counts.
    """
    numbers = {label: number for number, label in enumerate(groups)}
    theirs = np.array([numbers.get(label, 0) for label in documents.groups], np.int64)
    codes = theirs[documents.codes] if len(theirs) else documents.codes
    return replace(documents, groups=list(groups), codes=codes)
