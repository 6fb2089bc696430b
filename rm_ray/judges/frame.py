"""How token ids become one prompt: the special tokens around them, and what does not fit.

Pure. A pair's halves stand in one array, with the frame's tokens between them: no text tokenises to
those, so the first of them is where the first half ends.
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
    """What stands before and after the contents of a prompt, and between the halves of a pair.

    These are special tokens, and what a template writes.
    """

    before: tuple[int, ...] = ()
    between: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many there are around the contents of a prompt."""
        return len(self.before) + len(self.after)

    @classmethod
    def of_text(cls, tokenizer: Tokenizer, plain: Tokenizer) -> "Frame":
        """What the tokenizer puts around a text."""
        whole = tokenizer.encode("a").ids
        (before, after) = _around(whole, encode(plain, "a"))
        return cls(before, (), after)

    @classmethod
    def of_pair(cls, tokenizer: Tokenizer, plain: Tokenizer) -> "Frame":
        """What it puts around, and between, the halves of a pair."""
        whole = tokenizer.encode("a", "b").ids
        before, rest = _around(whole, encode(plain, "a"))
        between, after = _around(list(rest), encode(plain, "b"))
        return cls(before, between, after)


def _around(whole: Sequence[int], part: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    for start in range(len(whole) - len(part) + 1):
        if list(whole[start : start + len(part)]) == list(part):
            return tuple(whole[:start]), tuple(whole[start + len(part) :])
    raise JudgeError("the tokenizer changes a text that it puts special tokens around")


@dataclass(frozen=True)
class Fitting:
    """How a document that is longer than a prompt becomes one, or several.

    `max_tokens`: of a prompt with its frame. `side`: where tokens are cut off. `windows`: it is cut
    into prompts of that length instead; not for pairs. `needs_header`: a chat without the first of
    `headers` is not asked about.
    """

    frame: Frame
    max_tokens: int
    side: Literal["left", "right"] = "right"
    windows: bool = False
    headers: tuple[tuple[int, ...], ...] = ()
    """What may stand before a chat's last turn, within which it is cut; the first found counts."""
    tail: tuple[int, ...] = ()
    """The tokens after a chat's last turn."""
    needs_header: bool = False
    turn_tokens: frozenset[int] = frozenset()
    """The special tokens between two turns of a chat and after the last one."""
    unread: int | None = None
    """The padding token of a model that is read at its last other token: a prompt ends there."""

    @property
    def room(self) -> int:
        """Most tokens of a document in one prompt; of a pair, with what stands between."""
        return self.max_tokens - self.frame.tokens

    def sizes(self, n_tokens: int) -> list[int]:
        """The document's tokens in each prompt."""
        if not n_tokens:
            return []
        if not self.windows:
            return [min(n_tokens, self.room)]
        return [min(self.room, n_tokens - i) for i in range(0, n_tokens, self.room)]

    def truncated(self, n_tokens: int) -> int:
        """How many of a document's tokens are in no prompt."""
        return n_tokens - sum(self.sizes(n_tokens))

    def fits(self, ids: Ids) -> bool:
        """Whether it can be asked about: of a chat, whether there is room for its last turn."""
        long = len(ids) > self.room and bool(self.headers)
        return not (self.needs_header or long) or self._last_turn(ids) is not None

    def prompts(self, ids: Ids, numbers: Sequence[int]) -> Iterator[Ids]:
        """The prompts of these numbers."""
        before = np.asarray(self.frame.before, np.int32)
        after = np.asarray(self.frame.after, np.int32)
        for number in numbers:
            if self.windows:
                fits = ids[number * self.room : (number + 1) * self.room]
            else:
                fits = self._fit(ids)
            yield self._read_part(np.concatenate([before, fits, after]))

    @property
    def frame_tokens(self) -> int:
        """Tokens of the frame that are asked about."""
        around = (*self.frame.before, -1, *self.frame.after)
        return len(self._read_part(np.asarray(around, np.int32))) - 1

    def _read_part(self, prompt: Ids) -> Ids:
        """The prompt up to the last token that is read, which no later one changes."""
        if self.unread is None:
            return prompt
        read = np.flatnonzero(prompt != self.unread)
        return prompt[: int(read[-1]) + 1 if len(read) else 1]

    def _last_turn(self, ids: Ids) -> tuple[int, int] | None:
        """Where the content of a chat's last turn begins, and how much of it there is room for."""
        headers = self.headers[:1] if self.needs_header else self.headers
        for header in headers:
            start = last_start(ids, header)
            if start is None:
                continue
            begin = start + len(header)
            if self._turns_end(ids[begin : len(ids) - len(self.tail)]):
                continue  # an earlier turn's: the last one has another header
            room = min(len(ids), self.room) - begin - len(self.tail)
            return (begin, room) if room > 0 else None
        return None

    def _turns_end(self, ids: Ids) -> bool:
        """Whether tokens hold one that ends or begins a turn, as no document does."""
        return bool(self.turn_tokens) and bool(np.isin(ids, list(self.turn_tokens)).any())

    def _fit(self, ids: Ids) -> Ids:
        if len(ids) <= self.room:
            return ids
        if self.headers and (found := self._last_turn(ids)):
            begin, room = found
            end = len(ids) - len(self.tail)
            return np.concatenate([ids[:begin], _keep(ids[begin:end], room, self.side), ids[end:]])
        between = self.frame.between
        if not between:
            return _keep(ids, self.room, self.side)
        middle = int(np.flatnonzero(ids == between[0])[0])
        halves = ids[:middle], ids[middle + len(between) :]
        lengths = longest_first(len(halves[0]), len(halves[1]), self.room - len(between))
        first, second = (_keep(h, n, self.side) for h, n in zip(halves, lengths, strict=True))
        return np.concatenate([first, ids[middle : middle + len(between)], second])


def last_start(ids: Ids, part: Sequence[int]) -> int | None:
    """Where the last occurrence of some tokens begins."""
    for start in np.flatnonzero(ids[: len(ids) - len(part) + 1] == part[0])[::-1].tolist():
        if ids[start : start + len(part)].tolist() == list(part):
            return int(start)
    return None


def _keep(ids: Ids, number: int, side: str) -> Ids:
    return ids[:number] if side == "right" else ids[len(ids) - number :]


def longest_first(first: int, second: int, most: int) -> tuple[int, int]:
    """How many tokens of a pair's halves are kept, the longer one losing first.

    As `truncation="longest_first"` of the tokenizers library: halves that are both too long come
    out alike, the longer one with the odd token.
    """
    if first + second <= most:
        return first, second
    short, long = sorted((first, second))
    long = max(short, most - short)
    if short + long > most:
        short, long = most // 2, most // 2 + most % 2
    return (short, long) if first <= second else (long, short)
