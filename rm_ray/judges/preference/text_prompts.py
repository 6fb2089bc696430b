"""Makes prompts that are exactly the tokens of the assembled string.

A string can be tokenised differently from its parts at the seams between them: a full stop at the
end of the context merges with the newlines of the marker. Tokenising the whole string of every
window would take time in the square of the document's length. So only the text near the seams is
tokenised again; text between two places at which the pre-tokeniser always splits keeps its ids.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from rm_ray.judges.encoding import (
    cut_characters,
    encode,
    encode_after,
    load_after_special,
    load_plain,
)
from rm_ray.judges.plain import join_texts, special_tokens, strip_beside
from rm_ray.judges.preference.markers import Marker
from rm_ray.judges.preference.windows import Window


class TextPrompts:
    """TextPrompts makes the prompts of one document from assembled strings.

    The assembled string is decode(context) + before + decode(chunk) + after. If a chunk's edge cuts
    a character, it decodes to U+FFFD on both sides, as it does for anyone who decodes chunks.
    """

    def __init__(
        self, tokenizer_json: str, ids: Sequence[int], before: Marker, after: Marker
    ) -> None:
        """Prepare a document.

        Args:
            tokenizer_json: the tokenizer with its special tokens.
            ids: the document's token ids, [tokens].
            before: the marker before the chunk, cut at special tokens.
            after: the marker after the chunk, cut at special tokens.
        """
        self._tokenizer = tokenizer = load_plain(tokenizer_json)
        self._special = special_tokens(tokenizer_json)
        holds_special = any(isinstance(part, int) for part in (*before, *after))
        self._after_special = load_after_special(tokenizer_json) if holds_special else tokenizer
        self._ids = list(ids)
        self._before = before
        self._after = after
        self._cuts = safe_cuts(tokenizer, np.asarray(self._ids, dtype=np.int64))

    def prompt(self, window: Window) -> list[int]:
        """Return the token ids of the window's assembled string."""
        head, tail = self._kept(window)
        first = self._encode_span(window.start, head)
        chunk = self._decode(window.middle, window.stop)
        context = self._decode(tail, window.middle)
        rest = self._encode_parts([context, *self._before, chunk, *self._after])
        return first + self._ids[head:tail] + rest

    def _encode_parts(self, parts: Sequence[int | str]) -> list[int]:
        """Encode texts and special tokens; all text between two special tokens is one string."""
        ids: list[int] = []
        tokenizer = self._tokenizer
        for part in strip_beside(join_texts(parts), self._special):
            ids += [part] if isinstance(part, int) else encode(tokenizer, part)
            tokenizer = self._after_special
        return ids

    def _kept(self, window: Window) -> tuple[int, int]:
        """Return the span of the context whose tokens keep their ids in the string.

        The span, start and stop in the document, may be empty.
        """
        first, last = np.searchsorted(self._cuts, (window.start, window.middle))
        # a cut at the very end of the context does not count: a marker follows it, and no space
        if first == last:
            return window.start, window.start
        # the document's first token also begins the string, so it has nothing to merge with
        head = window.start if window.start == 0 else int(self._cuts[first])
        return head, int(self._cuts[last - 1])

    def _encode_span(self, start: int, stop: int) -> list[int]:
        """Tokenise a span of the document anew."""
        return encode(self._tokenizer, self._decode(start, stop)) if stop > start else []

    def _decode(self, start: int, stop: int) -> str:
        """Return the text of a span of the document."""
        text: str = self._tokenizer.decode(self._ids[start:stop], skip_special_tokens=False)
        return text


def safe_cuts(tokenizer: Tokenizer, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the positions at which a document can be cut without changing its token ids.

    At such a position i, the text before token i and the text from it on tokenise independently.
    Token i begins with a space, and the token before it ends in another character: byte-level
    pre-tokenisers (GPT-2, Llama 3, Qwen) let a space begin a piece, but never stand inside one.

    Returns:
        [cuts], ascending. Empty if the tokenizer fails a probe of this rule; its prompts are then
        tokenised as whole strings.
    """
    if len(ids) < 2:
        return np.empty(0, dtype=np.int64)
    begins_with_space, ends_in_space = _space_tables(tokenizer)
    cut = begins_with_space[ids[1:]] & ~ends_in_space[ids[:-1]]
    return np.flatnonzero(cut) + 1


@lru_cache(maxsize=4)
def _space_tables(tokenizer: Tokenizer) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return two tables by token id: begins with a space; could end in white space."""
    size = max(tokenizer.get_vocab().values()) + 1
    begins, ends = np.zeros(size, dtype=bool), np.ones(size, dtype=bool)
    byte_level = encode(tokenizer, " ") == [tokenizer.token_to_id("Ġ")]
    # some tokenizers put a space before every piece: that space is in no text
    byte_level = byte_level and encode(tokenizer, "\na") == encode_after(tokenizer, "\na")
    if byte_level and " " in cut_characters(tokenizer):
        for token, i in tokenizer.get_vocab().items():
            begins[i] = token.startswith("Ġ")
            ends[i] = token[-1:] not in _VISIBLE
    return begins, ends


# Byte-level BPE writes bytes as characters, and printable ASCII as itself. Only a token that ends
# in printable ASCII is sure not to end in white space (U+00A0 and the like end in other bytes).
_VISIBLE = frozenset(chr(code) for code in range(0x21, 0x7F))
