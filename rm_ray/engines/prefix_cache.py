"""vLLM's prefix cache, asked about a block once instead of once a window.

vLLM hashes every block of every prompt and looks each of them up. A document's windows share all
but their ends, so over a document that is quadratic work; here what a prompt shares with the one
before it is taken from there, and a window costs comparisons and the work of its last few blocks.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Found = tuple[tuple[list[Any], ...], int, int]


class PrefixHashes:
    """A block hasher for vLLM that remembers the prompt before.

    `hasher`: vLLM's own; it hashes the blocks of a request that have no hash yet.
    """

    def __init__(self, block_size: int, hasher: Callable[[Any], list[bytes]]) -> None:
        self._block = block_size
        self._hasher = hasher
        self._prompt: npt.ArrayLike = ()
        self._hashes: list[bytes] = []

    def __call__(self, request: Any) -> list[bytes]:
        """Hashes of the request's blocks that have none yet; called by vLLM."""
        if request.block_hashes or request.mm_features or request.lora_request:
            return self._hasher(request)  # not new, or not text alone
        prompt = request.prompt_token_ids
        shared = shared_tokens(self._prompt, prompt) // self._block
        request.block_hashes.extend(self._hashes[:shared])
        # vLLM appends what is returned
        self._prompt, self._hashes = prompt, request.block_hashes
        return self._hasher(request)


def shared_tokens(one: npt.ArrayLike, other: npt.ArrayLike) -> int:
    """How many tokens at their start are the same; an even number, and one less than it may be."""
    a, b = np.asarray(one, np.int32), np.asarray(other, np.int32)
    length = min(len(a), len(b)) // 2 * 2
    if not length:
        return 0
    differ = a[:length].view(np.int64) != b[:length].view(np.int64)  # two at once
    first = int(differ.argmax())
    return 2 * first if differ[first] else length


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
        self._contents: list[bytes | None] = []

    def __call__(self, block_hashes: list[bytes], max_cache_hit_length: int) -> Found:
        """The longest run of cached blocks from the start; called by vLLM."""
        if not self._still_holds(block_hashes, max_cache_hit_length):
            self._hashes, self._blocks, self._contents = [], [], []
        count = len(self._blocks)
        (more,), length, other = self._find(
            block_hashes[count:], max_cache_hit_length - count * self._block
        )
        self._blocks += more
        self._contents += contents(more)
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
    """The blocks' hashes, None where a block holds nothing that can be found."""
    # the property `block_hash` takes three times as long to read
    return [block._block_hash for block in blocks]


# As vLLM's own block pool does, but for what no engine here has: null blocks, which are never
# among those of full attention, other pools and statistics.


def count_unused(blocks: Sequence[Any]) -> int:
    """How many blocks no request holds."""
    return [block.ref_cnt for block in blocks].count(0)


def touch(pool: Any, blocks: Iterable[Any]) -> None:
    """One more request holds the blocks."""
    for block in blocks:
        if not block.ref_cnt:
            pool.free_block_queue.remove(block)
        block.ref_cnt += 1


def free(pool: Any, blocks: Iterable[Any]) -> None:
    """One request less holds the blocks, given in the order in which they may be evicted."""
    unused = []
    for block in blocks:
        block.ref_cnt -= 1
        if not block.ref_cnt:
            unused.append(block)
    pool.free_block_queue.prepend_n([block for block in unused if block.block_hash is None])
    pool.free_block_queue.append_n([block for block in unused if block.block_hash is not None])
