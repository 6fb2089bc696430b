"""What is known of some documents: reward, tokens, group, whether they count; and their order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.counts.cuts import Places
from rm_ray.counts.order import Ints, Numbers, gumbel, hash_after, hash_rows, keys_of
from rm_ray.filter.count.stretches import Stretch
from rm_ray.scored.groups import check_number

Flags = npt.NDArray[np.bool_]
# More values than this name documents, not groups: every task is given all of their cuts.
MOST_GROUPS = 100_000


@dataclass(frozen=True)
class Documents:
    """Columns of equal length, in the file's order.

    `weights`: what budgets are counted in where that is not documents, tokens if nothing is said.
    `has`: a reward. `counts`: the condition holds. `scored`: the first run has a row of it.
    `statuses`: the scoring run's, or why there is no number. `groups`: labels; `codes`: the number
    of each document's. `rewards`: the first run's rows, of the columns that were asked for.
    """

    rows: Ints
    reward: Numbers
    has: Flags
    tokens: Ints
    weights: Ints
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
    """Raises InputError where there are more groups than groups there can be."""
    check_number("rule.by", labels, MOST_GROUPS)


def renumbered(documents: Documents, groups: Sequence[str]) -> Documents:
    """The same documents, with the numbers of these groups in place of their own; 0 for a group
    that is none of them, of which no document counts.
    """
    numbers = {label: number for number, label in enumerate(groups)}
    theirs = np.array([numbers.get(label, 0) for label in documents.groups], np.int64)
    codes = theirs[documents.codes] if len(theirs) else documents.codes
    return replace(documents, groups=list(groups), codes=codes)
