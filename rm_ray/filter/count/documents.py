"""The facts about some documents (reward, tokens, group, if they count), and their order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.corpus.groups import check_number
from rm_ray.counts.cuts import Places
from rm_ray.counts.order import Ints, Numbers, gumbel, hash_after, hash_rows, keys_of
from rm_ray.filter.count.stretches import Stretch

Flags = npt.NDArray[np.bool_]
# Most groups. A column with more values names documents rather than groups; and every task is sent
# the cuts of all groups.
MOST_GROUPS = 100_000


@dataclass(frozen=True)
class Documents:
    """Holds the facts about some documents, as columns of equal length in the file's order."""

    rows: Ints
    """Row numbers in the file."""
    reward: Numbers
    """Rewards; 0 for a document without a reward."""
    has: Flags
    """True if the document has a reward."""
    tokens: Ints
    """Tokens that the judge counted; 0 if unknown."""
    weights: Ints
    """Numbers that budgets are counted in, unless budgets are counted in documents: values of
    rule.weight's column, or tokens.
    """
    scored: Flags
    """True if the first run has a row for the document."""
    statuses: pa.Array
    """The scoring run's statuses, or the reason for a missing reward."""
    counts: Flags
    """True if the condition rule.where holds, and the document is neither left out nor deleted."""
    again: Flags
    """True if the document is left out by itself (leave_out)."""
    deleted: Flags
    """True if the table of the corpus has deleted the row."""
    written: Flags
    """True if the document's group is written."""
    groups: list[str]
    """Labels of the groups, by number. This is the only field that is no column."""
    codes: Ints
    """The number of each document's group."""
    rewards: pa.Table
    """The first run's rows, with the requested columns."""

    @property
    def eligible(self) -> Flags:
        """Return True for each document that the cuts divide: it has a reward and counts."""
        eligible: Flags = self.has & self.counts
        return eligible


@dataclass(frozen=True)
class DocumentOrder:
    """Orders documents by reward, by reward with noise, and by a seeded hash."""

    seed: int
    """Seed of the hash and of the noise."""
    temperature: float | None
    """Temperature of the noise; None for no noise."""

    def places(self, documents: Documents, stretch: Stretch, which: Flags) -> Places:
        """Return the places in the order of the documents that `which` selects."""
        rows, rewards = documents.rows[which], documents.reward[which]
        hashes = hash_rows(f"cut {self.seed}", stretch.file, rows)
        if self.temperature is not None:
            rewards = gumbel(rewards, self.temperature, hashes)
        keys, finer = keys_of(rewards)
        files = np.full(len(rows), stretch.number, np.int64)
        return Places(
            groups=documents.codes[which],
            keys=keys,
            hashes=hash_after(finer, hashes),
            files=files,
            rows=rows,
            tokens=documents.weights[which],
        )


def check_groups(labels: Collection[str]) -> None:
    """Raise InputError if there are more than MOST_GROUPS groups."""
    check_number("rule.by", labels, MOST_GROUPS)


def renumbered(documents: Documents, groups: Sequence[str]) -> Documents:
    """Return the same documents with groups numbered as in `groups`. A group that is not in
    `groups` gets number 0; none of its documents counts.
    """
    numbers = {label: number for number, label in enumerate(groups)}
    new_numbers = np.array([numbers.get(label, 0) for label in documents.groups], np.int64)
    codes = new_numbers[documents.codes] if len(new_numbers) else documents.codes
    return replace(documents, groups=list(groups), codes=codes)
