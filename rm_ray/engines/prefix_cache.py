"""vLLM's prefix cache, asked about a block once instead of once a window.

vLLM hashes every block of every prompt and looks each of them up. A document's windows share all
but their ends, so over a document that is quadratic work; here what a prompt shares with the one
before it is taken from there, and a window costs comparisons and the work of its last few blocks.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np

Found = tuple[tuple[list[Any], ...], int, int]
# what stands behind a block's property `block_hash`, which takes three times as long to read
CONTENT = attrgetter("_block_hash")


class PrefixHashes:
    """A block hasher for vLLM that remembers the prompt before.

    `hasher`: vLLM's own; it hashes the blocks of a request that have no hash yet.
    """

    def __init__(self, block_size: int, hasher: Callable[[Any], list[bytes]]) -> None:
        self._bytes = block_size * np.dtype(np.int32).itemsize
        self._hasher = hasher
        self._tokens = b""
        self._hashes: list[bytes] = []

    def __call__(self, request: Any) -> list[bytes]:
        """Hashes of the request's blocks that have none yet; called by vLLM."""
        if request.block_hashes or request.mm_features or request.lora_request:
            return self._hasher(request)  # not new, or not text alone
        tokens = np.asarray(request.prompt_token_ids, np.int32).tobytes()
        request.block_hashes.extend(self._hashes[: self._shared_blocks(tokens)])
        new = self._hasher(request)
        self._tokens, self._hashes = tokens, [*request.block_hashes, *new]
        return new

    def _shared_blocks(self, tokens: bytes) -> int:
        """How many whole blocks at the start are those of the prompt before."""
        count = min(len(self._hashes), len(tokens) // self._bytes)
        # from the end, where they differ; a look at one block saves comparing all of them
        while count and not self._same(tokens, count - 1, count):
            count -= 1
        return count if self._same(tokens, 0, count) else 0

    def _same(self, tokens: bytes, start: int, stop: int) -> bool:
        where = slice(start * self._bytes, stop * self._bytes)
        return self._tokens[where] == tokens[where]


class PrefixLookup:
    """Finds a prompt's cached blocks, beginning with those that the prompt before had.

    A block keeps its hash as long as it keeps its content, so a look at it tells whether it is
    still what it was.

    `find`: vLLM's own `find_longest_cache_hit`, of a model with one kind of cache; it takes the
    prompt's block hashes and the most tokens to find, and returns lists of blocks, one list, and
    how many tokens they hold.
    """

    def __init__(self, block_size: int, find: Callable[[list[bytes], int], Found]) -> None:
        self._block = block_size
        self._find = find
        self._hashes: list[bytes] = []
        self._blocks: list[Any] = []
        self._contents: list[bytes] = []

    def __call__(self, block_hashes: list[bytes], max_cache_hit_length: int) -> Found:
        """The longest run of cached blocks from the start; called by vLLM."""
        count = len(self._blocks) if self._still_holds(block_hashes, max_cache_hit_length) else 0
        (more,), length, other = self._find(
            block_hashes[count:], max_cache_hit_length - count * self._block
        )
        blocks = [*self._blocks[:count], *more]
        self._hashes = block_hashes[: len(blocks)]
        self._contents = [*self._contents[:count], *map(CONTENT, more)]
        self._blocks = blocks
        return (list(blocks),), length + count * self._block, other

    def _still_holds(self, block_hashes: list[bytes], most_tokens: int) -> bool:
        count = len(self._blocks)
        return (
            count * self._block <= most_tokens
            and block_hashes[:count] == self._hashes
            and list(map(CONTENT, self._blocks)) == self._contents
        )
