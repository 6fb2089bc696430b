"""Prompts that are exactly the tokens of the assembled string.

A string is tokenised differently from its parts where they meet: a full stop at a context's end
merges with the marker's newlines. Tokenising the whole string for every window would cost the
square of the document; here only the seams are: what lies between two places where the
pre-tokeniser always splits keeps its token ids.
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
    """The prompts of one document, in text form.

    The assembled string is decode(context) + before + decode(chunk) + after; a character cut by a
    chunk's edge decodes to U+FFFD on both sides, as it would for anyone who decodes chunks.

    `before`, `after`: the markers, cut at special tokens, which stand there by their ids.
    """

    def __init__(
        self, tokenizer_json: str, ids: Sequence[int], before: Marker, after: Marker
    ) -> None:
        self._tokenizer = tokenizer = load_plain(tokenizer_json)
        self._special = special_tokens(tokenizer_json)
        holds_special = any(isinstance(part, int) for part in (*before, *after))
        self._after_special = load_after_special(tokenizer_json) if holds_special else tokenizer
        self._ids = list(ids)
        self._before = before
        self._after = after
        self._cuts = safe_cuts(tokenizer, np.asarray(self._ids, dtype=np.int64))

    def prompt(self, window: Window) -> list[int]:
        """Token ids of the window's assembled string."""
        head, tail = self._kept(window)
        first = self._encode_span(window.start, head)
        chunk = self._decode(window.middle, window.stop)
        context = self._decode(tail, window.middle)
        rest = self._encode_parts([context, *self._before, chunk, *self._after])
        return first + self._ids[head:tail] + rest

    def _encode_parts(self, parts: Sequence[int | str]) -> list[int]:
        """Encode what lies between two special tokens as one string."""
        ids: list[int] = []
        tokenizer = self._tokenizer
        for part in strip_beside(join_texts(parts), self._special):
            ids += [part] if isinstance(part, int) else encode(tokenizer, part)
            tokenizer = self._after_special
        return ids

    def _kept(self, window: Window) -> tuple[int, int]:
        """The span of the context whose tokens stand in the string unchanged; may be empty."""
        first, last = np.searchsorted(self._cuts, (window.start, window.middle))
        # a cut at the very end of the context is none: the markers follow, not the space
        if first == last:
            return window.start, window.start
        # the document's first token begins the string too: nothing before it to merge with
        head = window.start if window.start == 0 else int(self._cuts[first])
        return head, int(self._cuts[last - 1])

    def _encode_span(self, start: int, stop: int) -> list[int]:
        return encode(self._tokenizer, self._decode(start, stop)) if stop > start else []

    def _decode(self, start: int, stop: int) -> str:
        text: str = self._tokenizer.decode(self._ids[start:stop], skip_special_tokens=False)
        return text


def safe_cuts(tokenizer: Tokenizer, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Positions i such that the text before token i and the text from it tokenise on their own.

    These are the tokens that begin with a space after one that ends in something else: byte-level
    pre-tokenisers (GPT-2, Llama 3, Qwen) let a space begin a piece, never stand inside one. Empty
    for tokenizers that fail a probe of this, whose prompts are then tokenised whole.
    """
    if len(ids) < 2:
        return np.empty(0, dtype=np.int64)
    begins_with_space, ends_in_space = _space_tables(tokenizer)
    cut = begins_with_space[ids[1:]] & ~ends_in_space[ids[:-1]]
    return np.flatnonzero(cut) + 1


@lru_cache(maxsize=4)
def _space_tables(tokenizer: Tokenizer) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For every token id: does it begin with a space; could it end in white space."""
    size = max(tokenizer.get_vocab().values()) + 1
    begins, ends = np.zeros(size, dtype=bool), np.ones(size, dtype=bool)
    byte_level = encode(tokenizer, " ") == [tokenizer.token_to_id("Ġ")]
    # a space that is put before every piece stands in no text
    byte_level = byte_level and encode(tokenizer, "\na") == encode_after(tokenizer, "\na")
    if byte_level and " " in cut_characters(tokenizer):
        for token, i in tokenizer.get_vocab().items():
            begins[i] = token.startswith("Ġ")
            ends[i] = token[-1:] not in _VISIBLE
    return begins, ends


# Byte-level BPE writes bytes as characters: printable ASCII stands for itself. Only tokens that
# end in it are sure to end in no white space (U+00A0 and its kin end in bytes above ASCII).
_VISIBLE = frozenset(chr(code) for code in range(0x21, 0x7F))
