"""Asking a judge about many documents at once: prompts out, answers in, verdicts at the end.

Prompts are made while the engine has room, document after document, and answers may come in any
order. Where judging may stop early, a document is asked about look by look, and the engine is kept
busy with others while the answers of a look are out.

Documents are begun in bunches; whoever listens knows at any moment which ones are in the engine.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from rm_ray.engines.engine import Engine, Numbers, Prompt
from rm_ray.judges.judge import Judge, Questions, TokenIds, Verdict

# A bunch is documents of about so many tokens: few enough to be suspects together.
BUNCH_TOKENS = 16_384
BUNCH_DOCUMENTS = 256


@dataclass
class Bunch:
    """Documents [start, stop) that are begun together; `left`: those without a verdict."""

    start: int
    stop: int
    left: int


class Listener(Protocol):
    """Told how asking gets on. Documents by their position."""

    def asking(self, start: int, stop: int) -> None:
        """Documents [start, stop) are about to be asked about."""

    def stepped(self) -> None:
        """The engine has answered something."""

    def ended(self, n_tokens: int, questions: int) -> None:
        """One more document has its verdict."""

    def answered(self, start: int, scored: int) -> None:
        """All that `asking` told of from `start` on have verdicts, `scored` of them a reward."""


@dataclass
class _Document:
    ids: TokenIds
    position: int
    bunch: Bunch
    looks: deque[Questions]
    answers: dict[int, Numbers] = field(default_factory=dict)
    out: int = 0


class Asking:
    """The documents of `ids` ([documents] lists of tokens), in order."""

    def __init__(self, ids: pa.LargeListArray, judge: Judge, listener: Listener) -> None:
        self._ids = ids
        self._judge = judge
        self._listener = listener
        self._verdicts: list[Verdict | None] = [None] * len(ids)
        self._bunches = deque(bunches(ids.value_lengths().to_numpy(zero_copy_only=False)))
        self._begun = 0
        self._prompts: Iterator[tuple[int, Prompt]] = iter(())
        self._due: deque[_Document] = deque()
        self._in_engine: dict[int, tuple[_Document, int]] = {}
        self._next_key = 0

    def through(self, engine: Engine) -> list[Verdict]:
        """Every document's verdict, in order.

        Raises:
            Exception: whatever the engine does; it is broken then.
        """
        while True:
            while engine.has_room and (asked := self._next_prompt()):
                engine.add(*asked)
            if not self._in_engine:
                return [verdict for verdict in self._verdicts if verdict]
            answers = engine.step()
            for key, numbers in answers:
                self._answer(key, numbers)
            if answers:
                self._listener.stepped()

    def _next_prompt(self) -> tuple[int, Prompt] | None:
        """The next prompt with its key; None while nothing can be asked before answers come."""
        while (asked := next(self._prompts, None)) is None:
            document = self._due.popleft() if self._due else self._begin()
            if document is None:
                return None
            self._prompts = self._look_at(document)
        return asked

    def _begin(self) -> _Document | None:
        """The next document that there is something to ask about."""
        while self._begun < len(self._ids):
            position, self._begun = self._begun, self._begun + 1
            if position == self._bunches[0].start:
                self._listener.asking(self._bunches[0].start, self._bunches[0].stop)
            bunch = self._bunches[0]
            if position == bunch.stop - 1:
                self._bunches.popleft()
            ids = self._ids[position].values.to_numpy()
            document = _Document(ids, position, bunch, deque(filter(None, self._judge.looks(ids))))
            if document.looks:
                return document
            self._end(document)
        return None

    def _look_at(self, document: _Document) -> Iterator[tuple[int, Prompt]]:
        questions = document.looks.popleft()
        document.out = len(questions)
        prompts = self._judge.prompts(document.ids, questions)
        for question, prompt in zip(questions, prompts, strict=True):
            self._in_engine[self._next_key] = document, question
            self._next_key += 1
            yield self._next_key - 1, prompt

    def _answer(self, key: int, numbers: Numbers) -> None:
        document, question = self._in_engine.pop(key)
        document.answers[question] = numbers
        document.out -= 1
        if document.out:
            return
        if document.looks and not self._judge.enough(document.answers, len(document.ids)):
            self._due.append(document)
        else:
            self._end(document)

    def _end(self, document: _Document) -> None:
        verdict = self._judge.verdict(document.answers, len(document.ids))
        self._verdicts[document.position] = verdict
        self._listener.ended(len(document.ids), len(document.answers))
        bunch = document.bunch
        bunch.left -= 1
        if not bunch.left:
            verdicts = self._verdicts[bunch.start : bunch.stop]
            scored = sum(one is not None and one.status == "ok" for one in verdicts)
            self._listener.answered(bunch.start, scored)


def bunches(lengths: np.ndarray) -> Iterator[Bunch]:
    """Documents of these lengths in bunches of BUNCH_TOKENS, where one alone has not more."""
    start, tokens = 0, 0
    for position, length in enumerate(lengths.tolist()):
        full = tokens + length > BUNCH_TOKENS or position - start == BUNCH_DOCUMENTS
        if full and position > start:
            yield Bunch(start, position, position - start)
            start, tokens = position, 0
        tokens += length
    if start < len(lengths):
        yield Bunch(start, len(lengths), len(lengths) - start)
