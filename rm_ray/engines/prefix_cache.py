"""Looks up each block of a document in vLLM's prefix cache once, instead of once per window.

vLLM hashes every block of every prompt and looks up each block. A document's windows share all but
their ends, so this is quadratic work per document. This module reuses the blocks that a prompt
shares with the prompt before, so a window costs comparisons and the work of its last few blocks.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# The answer of vLLM's `find_longest_cache_hit`: one list of blocks per kind of cache, the tokens
# that the blocks hold, and a number that is passed on.
Found = tuple[tuple[list[Any], ...], int, int]


class PrefixHashes:
    """PrefixHashes is a block hasher for vLLM that remembers the prompt before."""

    def __init__(self, block_size: int, hasher: Callable[[Any], list[bytes]]) -> None:
        """Wrap vLLM's own hasher.

        Args:
            block_size: tokens of one block.
            hasher: vLLM's own; it hashes the blocks of a request that have no hash yet.
        """
        self._block = block_size
        self._hasher = hasher
        self._prompt: npt.ArrayLike = ()
        self._hashes: list[bytes] = []

    def __call__(self, request: Any) -> list[bytes]:
        """Return the hashes of the request's blocks that have none yet; vLLM calls this."""
        if request.block_hashes or request.mm_features or request.lora_request:
            return self._hasher(request)  # not new, or not only text
        prompt = request.prompt_token_ids
        shared = shared_tokens(self._prompt, prompt) // self._block
        request.block_hashes.extend(self._hashes[:shared])
        # vLLM appends the hashes that are returned
        self._prompt, self._hashes = prompt, request.block_hashes
        return self._hasher(request)


def shared_tokens(one: npt.ArrayLike, other: npt.ArrayLike) -> int:
    """Return how many tokens two prompts share at their start, rounded down to an even number."""
    a, b = np.asarray(one, np.int32), np.asarray(other, np.int32)
    length = min(len(a), len(b)) // 2 * 2
    if not length:
        return 0
    differ = a[:length].view(np.int64) != b[:length].view(np.int64)  # two tokens at once
    first = int(differ.argmax())
    return 2 * first if differ[first] else length


class PrefixLookup:
    """Finds a prompt's cached blocks, starting with the blocks of the prompt before.

    A block keeps its hash as long as it keeps its content. So comparing the block's hash tells if
    the block still has the content it had.
    """

    def __init__(self, block_size: int, find: Callable[[list[bytes], int], Found]) -> None:
        """Wrap vLLM's own look-up.

        Args:
            block_size: tokens of one block.
            find: vLLM's own `find_longest_cache_hit`, of a model with one kind of cache. It takes
                the prompt's block hashes and the most tokens to find.
        """
        self._block = block_size
        self._find = find
        self._hashes: list[bytes] = []
        self._blocks: list[Any] = []
        self._contents: list[bytes | None] = []

    def __call__(self, block_hashes: list[bytes], max_cache_hit_length: int) -> Found:
        """Return the longest run of cached blocks from the start; vLLM calls this."""
        if not self._still_holds(block_hashes, max_cache_hit_length):
            self._hashes, self._blocks, self._contents = [], [], []
        count = len(self._blocks)
        (blocks,), length, other = self._find(
            block_hashes[count:], max_cache_hit_length - count * self._block
        )
        self._blocks += blocks
        self._contents += contents(blocks)
        self._hashes += block_hashes[count : len(self._blocks)]
        return (self._blocks.copy(),), length + count * self._block, other

    def _still_holds(self, block_hashes: list[bytes], most_tokens: int) -> bool:
        count = len(self._blocks)
        return (
            count * self._block <= most_tokens
            and block_hashes[:count] == self._hashes
            and contents(self._blocks) == self._contents
        )


def contents(blocks: Iterable[Any]) -> list[bytes | None]:
    """Return the blocks' hashes, None for a block that the cache cannot find by a hash."""
    # reading the property `block_hash` takes three times as long
    return [block._block_hash for block in blocks]


# The next three functions do the same as vLLM's own block pool, without the cases that no engine
# here has: null blocks (full attention has none), other pools and statistics.


def count_unused(blocks: Sequence[Any]) -> int:
    """Count the blocks that no request holds."""
    return [block.ref_cnt for block in blocks].count(0)


def touch(pool: Any, blocks: Iterable[Any]) -> None:
    """Note that one more request holds the blocks."""
    for block in blocks:
        if not block.ref_cnt:
            pool.free_block_queue.remove(block)
        block.ref_cnt += 1


def free(pool: Any, blocks: Iterable[Any]) -> None:
    """Note that one request less holds the blocks; they come in the order of eviction."""
    unused = []
    for block in blocks:
        block.ref_cnt -= 1
        if not block.ref_cnt:
            unused.append(block)
    pool.free_block_queue.prepend_n([block for block in unused if block.block_hash is None])
    pool.free_block_queue.append_n([block for block in unused if block.block_hash is not None])
