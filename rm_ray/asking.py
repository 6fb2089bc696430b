"""Asking a judge about many documents at once: prompts out, chunk rewards in.

Prompts are made while the engine asks for them, document after document; answers come back in the
same order. Where judging may stop early, a document is asked about look by look, and the engine is
kept busy with others while the answers of a look are out.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.judges.preference import PreferenceJudge
from rm_ray.rewards import Verdict, judged


class Document:
    """A document while it is judged. `rewards`: by chunk number."""

    def __init__(self, ids: npt.NDArray[np.int32], judge: PreferenceJudge) -> None:
        self.ids = ids
        self.rewards: dict[int, float] = {}
        self._looks = deque(judge.looks(ids))
        self._judge = judge
        self._asked: deque[int] = deque()

    def next_look(self) -> Iterator[npt.NDArray[np.int32]]:
        """Prompts of the next look."""
        look = self._looks.popleft()
        self._asked.extend(look)
        return self._judge.prompts(self.ids, look)

    def answer(self, reward: float) -> None:
        """The reward of the next chunk that was asked about."""
        self.rewards[self._asked.popleft()] = reward

    @property
    def may_go_on(self) -> bool:
        """There are chunks that have not been asked about."""
        return bool(self._looks)

    @property
    def is_looked_at(self) -> bool:
        """Everything asked so far is answered."""
        return not self._asked

    @property
    def is_decided(self) -> bool:
        """No further look is needed."""
        return not self._looks or self._judge.decides([*self.rewards.values()], len(self.ids))

    def verdict(self) -> Verdict:
        """What is said of it."""
        return judged(len(self.ids), self.rewards, len(self._judge.judgeable(len(self.ids))))


class Asking:
    """The documents of `ids` ([documents] lists of tokens), in order."""

    def __init__(self, ids: pa.LargeListArray, judge: PreferenceJudge) -> None:
        self._ids = ids
        self._judge = judge
        self._documents: list[Document] = []
        self._due: deque[Document] = deque()
        self._answering: deque[Document] = deque()
        self._open = 0

    def prompts(self) -> Iterator[npt.NDArray[np.int32] | None]:
        """Prompts as long as there is something to ask; None while that depends on answers."""
        while True:
            if self._due:
                document = self._due.popleft()
            elif len(self._documents) < len(self._ids):
                row = self._ids[len(self._documents)].values.to_numpy()
                document = Document(row, self._judge)
                self._documents.append(document)
            elif self._open:
                yield None
                continue
            else:
                return
            yield from self._ask(document)

    def _ask(self, document: Document) -> Iterator[npt.NDArray[np.int32]]:
        prompts = document.next_look()
        self._open += document.may_go_on
        for prompt in prompts:
            self._answering.append(document)
            yield prompt

    def answer(self, reward: float) -> Document | None:
        """Take the next answer; the document, if this was its last one."""
        document = self._answering.popleft()
        document.answer(reward)
        if not document.is_looked_at:
            return None
        self._open -= document.may_go_on
        if document.is_decided:
            return document
        self._due.append(document)
        return None

    def documents(self) -> list[Document]:
        """All of them, once all answers are in."""
        return self._documents
