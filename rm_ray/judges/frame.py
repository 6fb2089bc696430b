"""Makes prompts of token ids: adds the special tokens around them, and cuts long documents.

Pure: it works on arrays alone. The halves of a pair stand in one array, with the frame's tokens
between them. No text tokenises to the first of these tokens, so its first occurrence ends the first
half.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from rm_ray.errors import JudgeError
from rm_ray.judges.encoding import encode

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Frame:
    """A Frame holds the tokens that a tokenizer adds to the contents of a prompt.

    They are special tokens, and any others that the tokenizer's template adds.
    """

    before: tuple[int, ...] = ()
    """Token ids before the contents."""
    between: tuple[int, ...] = ()
    """Token ids between the halves of a pair; empty if the contents are not a pair."""
    after: tuple[int, ...] = ()
    """Token ids after the contents."""

    @property
    def tokens(self) -> int:
        """Count the tokens before and after the contents; those between halves do not count."""
        return len(self.before) + len(self.after)

    @classmethod
    def of_text(cls, tokenizer: Tokenizer, plain: Tokenizer) -> "Frame":
        """Find the tokens that a tokenizer puts around a text.

        Args:
            tokenizer: the model's own tokenizer.
            plain: the same tokenizer without special tokens and templates.
        """
        whole = tokenizer.encode("a").ids
        (before, after) = _around(whole, encode(plain, "a"))
        return cls(before, (), after)

    @classmethod
    def of_pair(cls, tokenizer: Tokenizer, plain: Tokenizer) -> "Frame":
        """Find the tokens that a tokenizer puts around a pair, and between its halves.

        Args:
            tokenizer: the model's own tokenizer.
            plain: the same tokenizer without special tokens and templates.
        """
        whole = tokenizer.encode("a", "b").ids
        before, rest = _around(whole, encode(plain, "a"))
        between, after = _around(list(rest), encode(plain, "b"))
        return cls(before, between, after)


def _around(whole: Sequence[int], part: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the tokens before and after the first occurrence of `part` in `whole`."""
    for start in range(len(whole) - len(part) + 1):
        if list(whole[start : start + len(part)]) == list(part):
            return tuple(whole[:start]), tuple(whole[start + len(part) :])
    raise JudgeError(
        "the tokenizer encodes a text differently when it adds special tokens around the text"
    )


@dataclass(frozen=True)
class Fitting:
    """A Fitting turns a document into prompts, and cuts a document that is longer than a prompt."""

    frame: Frame
    """The tokens around each prompt."""
    max_tokens: int
    """Most tokens of a prompt, the frame included."""
    side: Literal["left", "right"] = "right"
    """The end from which tokens are cut off."""
    windows: bool = False
    """Cut the document into prompts of `max_tokens` instead of dropping tokens; not for pairs."""
    headers: tuple[tuple[int, ...], ...] = ()
    """Token sequences that may begin a chat's last turn. Only the text of that turn is cut. They
    are tried in order."""
    tail: tuple[int, ...] = ()
    """The tokens after a chat's last turn."""
    needs_header: bool = False
    """Do not judge a chat that lacks the first of `headers`."""
    turn_tokens: frozenset[int] = frozenset()
    """The special tokens between two turns of a chat and after the last turn."""
    unread: int | None = None
    """The padding token, if the model is read at its last token that is not padding: each prompt
    then ends at that token."""

    @property
    def room(self) -> int:
        """Return the most tokens of a document in one prompt, tokens between halves included."""
        return self.max_tokens - self.frame.tokens

    def sizes(self, n_tokens: int) -> list[int]:
        """Return how many of the document's tokens each prompt holds."""
        if not n_tokens:
            return []
        if not self.windows:
            return [min(n_tokens, self.room)]
        return [min(self.room, n_tokens - i) for i in range(0, n_tokens, self.room)]

    def truncated(self, n_tokens: int) -> int:
        """Return how many of a document's tokens are in no prompt."""
        return n_tokens - sum(self.sizes(n_tokens))

    def fits(self, ids: Ids) -> bool:
        """Return True if the document can be judged: a chat's last turn must have room."""
        long = len(ids) > self.room and bool(self.headers)
        return not (self.needs_header or long) or self._last_turn(ids) is not None

    def prompts(self, ids: Ids, numbers: Sequence[int]) -> Iterator[Ids]:
        """Yield the prompts with these numbers, as token ids."""
        before = np.asarray(self.frame.before, np.int32)
        after = np.asarray(self.frame.after, np.int32)
        for number in numbers:
            if self.windows:
                contents = ids[number * self.room : (number + 1) * self.room]
            else:
                contents = self._fit(ids)
            yield self._read_part(np.concatenate([before, contents, after]))

    @property
    def frame_tokens(self) -> int:
        """Return how many tokens of the frame a prompt keeps: padding at its end is dropped."""
        with_content = (*self.frame.before, -1, *self.frame.after)
        return len(self._read_part(np.asarray(with_content, np.int32))) - 1

    def _read_part(self, prompt: Ids) -> Ids:
        """Return the prompt up to the token at which it is read; no later token changes that."""
        if self.unread is None:
            return prompt
        read = np.flatnonzero(prompt != self.unread)
        return prompt[: int(read[-1]) + 1 if len(read) else 1]

    def _last_turn(self, ids: Ids) -> tuple[int, int] | None:
        """Find a chat's last turn.

        Returns:
            The index of the first token of its content, and the tokens of the content for which a
            prompt has room; None if no header is found or no room is left.
        """
        headers = self.headers[:1] if self.needs_header else self.headers
        for header in headers:
            start = last_start(ids, header)
            if start is None:
                continue
            begin = start + len(header)
            if self._turns_end(ids[begin : len(ids) - len(self.tail)]):
                continue  # this header begins an earlier turn: the last turn has another header
            room = min(len(ids), self.room) - begin - len(self.tail)
            return (begin, room) if room > 0 else None
        return None

    def _turns_end(self, ids: Ids) -> bool:
        """Return True if the tokens hold one that ends or begins a turn; no document has these."""
        return bool(self.turn_tokens) and bool(np.isin(ids, list(self.turn_tokens)).any())

    def _fit(self, ids: Ids) -> Ids:
        """Cut the document's tokens to `room`."""
        if len(ids) <= self.room:
            return ids
        if self.headers and (last_turn := self._last_turn(ids)):
            begin, room = last_turn
            end = len(ids) - len(self.tail)
            return np.concatenate([ids[:begin], _keep(ids[begin:end], room, self.side), ids[end:]])
        between = self.frame.between
        if not between:
            return _keep(ids, self.room, self.side)
        middle = int(np.flatnonzero(ids == between[0])[0])
        halves = ids[:middle], ids[middle + len(between) :]
        lengths = longest_first(len(halves[0]), len(halves[1]), self.room - len(between))
        first, second = (
            _keep(half, length, self.side) for half, length in zip(halves, lengths, strict=True)
        )
        return np.concatenate([first, ids[middle : middle + len(between)], second])


def last_start(ids: Ids, part: Sequence[int]) -> int | None:
    """Return the index at which the last occurrence of `part` begins; None if there is none."""
    for start in np.flatnonzero(ids[: len(ids) - len(part) + 1] == part[0])[::-1].tolist():
        if ids[start : start + len(part)].tolist() == list(part):
            return int(start)
    return None


def _keep(ids: Ids, number: int, side: str) -> Ids:
    """Keep `number` tokens, and cut the others off at `side`."""
    return ids[:number] if side == "right" else ids[len(ids) - number :]


def longest_first(first: int, second: int, most: int) -> tuple[int, int]:
    """Return how many tokens of each half of a pair are kept; the longer half loses tokens first.

    The rule is `truncation="longest_first"` of the tokenizers library: two halves that are both too
    long come out equally long, and the longer half keeps the odd token.

    Args:
        first: tokens of the first half.
        second: tokens of the second half.
        most: tokens that both may have together.
    """
    if first + second <= most:
        return first, second
    short, long = sorted((first, second))
    long = max(short, most - short)
    if short + long > most:
        short, long = most // 2, most // 2 + most % 2
    return (short, long) if first <= second else (long, short)
