"""Cuts the documents of a shard into bunches, as they are begun.

The tally is told of each bunch before the engine gets it, so that it can name the suspects if the
engine's process ends. All engines of a run tell one tally. So a bunch is what the engine does in
about BUNCH_SECONDS: however fast an engine is, it makes about one call a second. But each suspect
is judged again, alone, so a bunch has few documents: more calls are cheaper than more suspects.
"""

import time
from dataclasses import dataclass

import numpy as np

# Seconds of the engine's work in a bunch, by its speed at this shard.
BUNCH_SECONDS = 2.0
# Most tokens and documents of a bunch of an engine that is slower than that, or not known yet.
BUNCH_TOKENS = 16_384
BUNCH_DOCUMENTS = 256
# Most documents of any bunch.
MOST_DOCUMENTS = 1_024


@dataclass
class Bunch:
    """A Bunch is a span of documents that are begun together."""

    start: int
    """Position of the first document."""
    stop: int
    """Position after the last document."""
    left: int
    """Documents that have no verdict yet."""


class Bunches:
    """The bunches of one shard's documents."""

    def __init__(self, lengths: np.ndarray) -> None:
        """Begin to measure the speed.

        Args:
            lengths: tokens of each document, [documents].
        """
        self._ends = np.cumsum(lengths, dtype=np.int64)
        self._began = time.monotonic()
        self._bunch = Bunch(0, 0, 0)
        self._tokens = self._documents = 0

    def begin(self, position: int) -> tuple[Bunch, bool]:
        """Begin the next document.

        Args:
            position: its position, one more than that of the document before.

        Returns:
            Its bunch, and whether it is the first document of the bunch.
        """
        is_first = position == self._bunch.stop
        if is_first:
            stop = self._stop(position)
            self._bunch = Bunch(position, stop, stop - position)
        return self._bunch, is_first

    def ended(self, n_tokens: int) -> None:
        """Note that a document of so many tokens has its verdict."""
        self._tokens += n_tokens
        self._documents += 1

    def _stop(self, start: int) -> int:
        """Return the position after the last document of a bunch."""
        share = BUNCH_SECONDS / max(time.monotonic() - self._began, 1e-6)
        tokens = max(BUNCH_TOKENS, int(self._tokens * share))
        documents = min(max(BUNCH_DOCUMENTS, int(self._documents * share)), MOST_DOCUMENTS)
        before = self._ends[start - 1] if start else 0
        fitting = int(np.searchsorted(self._ends, before + tokens, side="right"))
        # a document that is longer than a bunch is a bunch by itself
        return min(max(fitting, start + 1), start + documents, len(self._ends))
