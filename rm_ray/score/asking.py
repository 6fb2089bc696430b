"""Asks a judge about many documents at once: sends prompts, takes answers, and makes verdicts.

Prompts are made while the engine has room, document after document, and answers may come in any
order. If judging may stop early, a document is asked about look by look. While the engine works on
a look, it is kept busy with other documents.

Documents are begun in bunches. The listener always knows the bunches that are in the engine.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from rm_ray.engines.engine import Engine, Numbers, Prompt
from rm_ray.judges.judge import Judge, Questions, TokenIds, Verdict
from rm_ray.score.bunches import Bunch, Bunches


class Listener(Protocol):
    """A Listener is told of the progress; documents are named by their position."""

    def asking(self, start: int, stop: int) -> None:
        """Take note that documents [start, stop) are about to be asked about."""

    def stepped(self) -> None:
        """Take note that the engine has answered something."""

    def ended(self, n_tokens: int, questions: int) -> None:
        """Take note that one more document has its verdict.

        Args:
            n_tokens: its length.
            questions: the questions it was asked.
        """

    def answered(self, start: int, scored: int) -> None:
        """Take note that a bunch is done: all its documents have verdicts.

        Args:
            start: the bunch's first document.
            scored: its documents that have a reward.
        """


@dataclass
class _Document:
    """A document that is being asked about."""

    ids: TokenIds
    """Its token ids, [tokens]."""
    judge: Judge
    """Asks about it."""
    position: int
    """Its position among the documents."""
    bunch: Bunch
    """The bunch that it belongs to."""
    looks: deque[Questions]
    """Questions of the looks that are still to come."""
    answers: dict[int, Numbers] = field(default_factory=dict)
    """The engine's numbers by question."""
    out: int = 0
    """Questions of the present look that have no answer yet."""


class Asking:
    """Asking takes the documents of a shard through an engine, in order."""

    def __init__(self, ids: pa.LargeListArray, judges: Sequence[Judge], listener: Listener) -> None:
        """Prepare to ask.

        Args:
            ids: token ids of the documents, [documents] lists of tokens.
            judges: the judge of each document, [documents].
            listener: told of the progress.
        """
        self._ids = ids
        self._judges = judges
        self._listener = listener
        self._verdicts: list[Verdict | None] = [None] * len(ids)
        self._bunches = Bunches(ids.value_lengths().to_numpy(zero_copy_only=False))
        self._begun = 0
        self._prompts: Iterator[tuple[int, Prompt]] = iter(())
        self._due: deque[_Document] = deque()
        self._in_engine: dict[int, tuple[_Document, int]] = {}
        self._next_key = 0

    def through(self, engine: Engine) -> list[Verdict]:
        """Ask the engine about all documents; return their verdicts, in order.

        Raises:
            Exception: any exception of the engine; the engine is broken then.
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
        """Return the next prompt with its key; None if answers have to come first."""
        while (asked := next(self._prompts, None)) is None:
            document = self._due.popleft() if self._due else self._begin()
            if document is None:
                return None
            self._prompts = self._look_at(document)
        return asked

    def _begin(self) -> _Document | None:
        """Begin the next document that has questions; None if there is none left."""
        while self._begun < len(self._ids):
            position, self._begun = self._begun, self._begun + 1
            bunch, is_first = self._bunches.begin(position)
            if is_first:
                self._listener.asking(bunch.start, bunch.stop)
            ids = self._ids[position].values.to_numpy()
            judge = self._judges[position]
            looks = deque(filter(None, judge.looks(ids)))
            document = _Document(ids, judge, position, bunch, looks)
            if document.looks:
                return document
            self._end(document)
        return None

    def _look_at(self, document: _Document) -> Iterator[tuple[int, Prompt]]:
        """Yield the prompts of the document's next look, with their keys."""
        questions = document.looks.popleft()
        document.out = len(questions)
        prompts = document.judge.prompts(document.ids, questions)
        for question, prompt in zip(questions, prompts, strict=True):
            self._in_engine[self._next_key] = document, question
            self._next_key += 1
            yield self._next_key - 1, prompt

    def _answer(self, key: int, numbers: Numbers) -> None:
        """Take an answer; after the last answer of a look, queue the next look or end."""
        document, question = self._in_engine.pop(key)
        document.answers[question] = numbers
        document.out -= 1
        if document.out:
            return
        if document.looks and not document.judge.enough(document.answers, len(document.ids)):
            self._due.append(document)
        else:
            self._end(document)

    def _end(self, document: _Document) -> None:
        """Make the document's verdict, and tell the listener."""
        verdict = document.judge.verdict(document.answers, len(document.ids))
        self._verdicts[document.position] = verdict
        self._listener.ended(len(document.ids), len(document.answers))
        self._bunches.ended(len(document.ids))
        bunch = document.bunch
        bunch.left -= 1
        if not bunch.left:
            verdicts = self._verdicts[bunch.start : bunch.stop]
            scored = sum(verdict is not None and verdict.status == "ok" for verdict in verdicts)
            self._listener.answered(bunch.start, scored)
