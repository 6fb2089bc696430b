"""The sample: documents that were judged whole, as arrays."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rm_ray.judges.preference.stopping import LOOKS, Clips, Floats, Ints, clipped, running_means


@dataclass(frozen=True)
class Sampled:
    """A Sampled holds documents that were judged whole.

    A judge without chunks, such as a classifier, gives each document one chunk. Then judging cannot
    stop early, and only a cheap judge saves.

    Raises:
        ValueError: the arrays do not fit each other, or a reward is not finite.
    """

    chunk_rewards: Floats
    """Rewards of all chunks, document after document: float32 values, [chunks]."""
    offsets: Ints
    """The first chunk of each document, and the end; at least one chunk each, [documents + 1]."""
    cheap: Floats | None = None
    """The cheap judge's reward; nan if it has none. None without a cheap judge. [documents]"""
    groups: npt.NDArray[np.int32] | None = None
    """Number of the document's group; None if all documents are one group. [documents]"""

    _means: dict[Clips, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.offsets) < 2:
            raise ValueError("the sample has no documents")
        if (np.diff(self.offsets) < 1).any() or self.offsets[0] != 0:
            raise ValueError("a document of the sample has no chunks")
        if self.offsets[-1] != len(self.chunk_rewards):
            raise ValueError("the sample's offsets do not end where its chunk rewards end")
        if not np.isfinite(self.chunk_rewards).all():
            raise ValueError("a chunk reward of the sample is not finite")
        for name, values in (("cheap", self.cheap), ("groups", self.groups)):
            if values is not None and len(values) != len(self):
                raise ValueError(f"the sample has {len(self)} documents, but {len(values)} {name}")

    @classmethod
    def whole(
        cls,
        rewards: Floats,
        cheap: Floats | None = None,
        groups: npt.NDArray[np.int32] | None = None,
    ) -> "Sampled":
        """Make a sample of a judge without chunks, from the rewards of documents, [documents]."""
        return cls(rewards, np.arange(len(rewards) + 1), cheap, groups)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def chunks(self) -> Ints:
        """Return how many chunks each document has, [documents]."""
        return np.diff(self.offsets)

    @cached_property
    def rewards(self) -> Floats:
        """Return the documents' rewards as a scoring run stores them, rounded to float32."""
        means = np.add.reduceat(self.chunk_rewards, self.offsets[:-1]) / self.chunks
        return means.astype(np.float32).astype(np.float64)

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """Return the looks after which at least one document has chunks left."""
        return tuple(look for look in LOOKS if look < self.chunks.max())

    def means(self, clips: Clips) -> Floats:
        """Return the means of the first chunks at each look, plain and clipped.

        They are nan if no chunk is left after the look. [1 + clips, looks, documents]
        """
        if clips not in self._means:
            each = clipped(self.chunk_rewards, clips)
            self._means[clips] = np.stack(
                [running_means(rewards, self.offsets, self.looks) for rewards in each]
            )
        return self._means[clips]

    def take(self, documents: Ints) -> "Sampled":
        """Return some of the documents, in the order of their numbers in `documents`."""
        counts = self.chunks[documents]
        ends = np.cumsum(counts)
        starts = np.repeat(self.offsets[documents] - (ends - counts), counts)
        chunks = starts + np.arange(ends[-1] if len(ends) else 0)
        return Sampled(
            self.chunk_rewards[chunks],
            np.concatenate([[0], ends]),
            None if self.cheap is None else self.cheap[documents],
            None if self.groups is None else self.groups[documents],
        )

    def codes(self, groups: int) -> Ints:
        """Return the number of each document's group, below `groups`; zeros for one group.

        Raises:
            ValueError: a document's group is not among them.
        """
        if self.groups is None or groups == 1:
            return np.zeros(len(self), np.int64)
        if len(self.groups) and not (self.groups.min() >= 0 and self.groups.max() < groups):
            raise ValueError(f"a document's group is none of the {groups} groups")
        return self.groups.astype(np.int64)
