"""Block hashes for vLLM's prefix cache, computed once a block instead of once a window.

vLLM hashes every block of every prompt. A document's windows share all but their ends, so over a
document that is quadratic work; here the hashes of what a prompt shares with the one before it are
taken from there, and a window costs a comparison and the hashing of its last few blocks.
"""

from collections.abc import Callable
from typing import Any


class PrefixHashes:
    """A block hasher for vLLM that remembers the prompt before.

    `hasher`: vLLM's own; it hashes the blocks of a request that have no hash yet.
    """

    def __init__(self, block_size: int, hasher: Callable[[Any], list[bytes]]) -> None:
        self._block = block_size
        self._hasher = hasher
        self._tokens: list[int] = []
        self._hashes: list[bytes] = []

    def __call__(self, request: Any) -> list[bytes]:
        """Hashes of the request's blocks that have none yet; called by vLLM."""
        if request.block_hashes or request.mm_features or request.lora_request:
            return self._hasher(request)  # not new, or not text alone
        tokens = request.prompt_token_ids
        request.block_hashes.extend(self._hashes[: self._shared_blocks(tokens)])
        new = self._hasher(request)
        self._tokens, self._hashes = tokens, [*request.block_hashes, *new]
        return new

    def _shared_blocks(self, tokens: list[int]) -> int:
        """How many whole blocks at the start are those of the prompt before."""
        block = self._block
        count = min(len(self._hashes), len(tokens) // block)
        # from the end, where they differ; a look at one block saves comparing all of them
        while count and not self._same(tokens, (count - 1) * block, count * block):
            count -= 1
        return count if self._same(tokens, 0, count * block) else 0

    def _same(self, tokens: list[int], start: int, stop: int) -> bool:
        return self._tokens[start:stop] == tokens[start:stop]
