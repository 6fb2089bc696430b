"""Judges that are asked about a document as a whole: one prompt, or windows of the model's length.

A question is the number of a prompt; nothing of one is shared with another.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import InputConfig
from rm_ray.engines.engine import Numbers, Prompt
from rm_ray.engines.heads import CAUSAL, is_bidirectional
from rm_ray.engines.read_outs import ReadOut
from rm_ray.engines.sharing import Asked
from rm_ray.engines.weights import Model
from rm_ray.errors import JudgeError
from rm_ray.judges.documents import as_columns
from rm_ray.judges.frame import Fitting
from rm_ray.judges.judge import (
    Answers,
    DocumentTokenizer,
    JudgedCounts,
    Questions,
    TokenIds,
    Verdict,
)
from rm_ray.judges.keys import WholeSection
from rm_ray.judges.plain import special_tokens


@dataclass(frozen=True)
class Harmless:
    """A document that can be made as long as any: `filler` again and again before `ids[place]`."""

    ids: tuple[int, ...]
    place: int
    filler: int

    @classmethod
    def of(cls, tokenizer: DocumentTokenizer, inputs: InputConfig) -> "Harmless":
        """One word, as this tokenizer has it; what a second one adds is the filler."""
        one, two = (
            tokenizer.tokenize(as_columns(inputs, said)).ids[0].tolist()
            for said in ("the", "the the")
        )
        place = next(i for i, token in enumerate(two) if i == len(one) or token != one[i])
        return cls(tuple(one), place, two[place])

    def of_length(self, n_tokens: int) -> TokenIds:
        """At least that long."""
        fillers = [self.filler] * max(0, n_tokens - len(self.ids))
        return np.asarray([*self.ids[: self.place], *fillers, *self.ids[self.place :]], np.int32)


@dataclass(frozen=True)
class WholeJudge:
    """What families of one prompt a document share; each says how numbers become a verdict."""

    fitting: Fitting
    harmless_document: Harmless

    @property
    @abstractmethod
    def read_out(self) -> ReadOut:
        """Which numbers an engine gives for a prompt."""

    @property
    def max_prompt_tokens(self) -> int:
        """The longest prompt, tokens."""
        return self.fitting.max_tokens

    @property
    def shared_step(self) -> int:
        """Prompts share nothing: an engine for classifiers has no prefix cache."""
        return 1

    @property
    def stops_early(self) -> bool:
        """Every document is asked about in full."""
        return False

    @property
    def columns(self) -> pa.Schema:
        """How much of a document was in no prompt, and what the family adds."""
        return pa.schema([pa.field("truncated_tokens", pa.int64()), *self.own_columns])

    @property
    @abstractmethod
    def own_columns(self) -> pa.Schema:
        """The family's columns."""

    @abstractmethod
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        """The reward, and the values of the family's columns.

        Args:
            rows: the numbers of each prompt, finite.
            sizes: how many of the document's tokens were in it.
        """

    def looks(self, ids: TokenIds) -> list[Questions]:
        """All prompts at once; none, of a chat that leaves its last turn no room."""
        return [range(len(self.fitting.sizes(len(ids))))] if self.fitting.fits(ids) else []

    def prompts(self, ids: TokenIds, questions: Questions) -> Iterator[Prompt]:
        """The prompts of these numbers."""
        return self.fitting.prompts(ids, questions)

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """There is one look."""
        del answers, n_tokens
        return True

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """What the numbers say; failed where one is not a number."""
        rows = [answers[number] for number in sorted(answers)]
        if not rows and n_tokens:
            error = f"of {self.fitting.room} tokens, what comes before its last turn leaves it none"
            return self.unscored(n_tokens, "invalid", error)
        if not rows:
            return self.unscored(n_tokens, "too_short", "the text has no tokens")
        truncated = {"truncated_tokens": self.fitting.truncated(n_tokens)}
        wrong = [row for row in rows if not np.isfinite(row).all()]
        if wrong:
            said = ", ".join(f"{number:g}" for number in wrong[0][:4])
            return Verdict("failed", f"the engine returned {said}", more=truncated)
        reward, more = self.read(rows, self.fitting.sizes(n_tokens))
        if not math.isfinite(reward):
            return Verdict("failed", f"the reward came out as {reward:g}", more=truncated)
        return Verdict("ok", reward=reward, more=more | truncated)

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """A document without numbers."""
        truncated = self.fitting.truncated(n_tokens) if status == "failed" else 0
        return Verdict(status, error, more={"truncated_tokens": truncated})

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Prompts and their tokens, by the documents' lengths."""
        counts = JudgedCounts()
        for length, times in _value_counts(rows.column("n_tokens")).items():
            counts += self._asked(length).scaled(times)
        return counts

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Prompts and their tokens."""
        return self._asked(len(ids))

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Describe prompts that share nothing."""
        for number, size in enumerate(self.fitting.sizes(len(ids))):
            yield Asked(number, 0, size + self.fitting.frame_tokens)

    def _asked(self, n_tokens: int) -> JudgedCounts:
        sizes = self.fitting.sizes(n_tokens)
        tokens = sum(sizes) + len(sizes) * self.fitting.frame_tokens
        cut_off = n_tokens - sum(sizes)
        return JudgedCounts(
            windows=len(sizes),
            prompt_tokens=tokens,
            minimum_tokens=tokens,
            whole_minimum_tokens=tokens,
            truncated=int(cut_off > 0),
            truncated_tokens=cut_off,
        )

    def harmless(self, n_tokens: int, number: int) -> TokenIds:
        """A word again and again. An engine for classifiers remembers no answer, so that the
        number does not matter.
        """
        del number
        if not self.fitting.windows:
            n_tokens = min(n_tokens, self.fitting.room)
        return self.harmless_document.of_length(n_tokens)

    def fingerprint(self) -> dict[str, Any]:
        """What the rewards of every such family depend on."""
        return {
            "special tokens": [list(self.fitting.frame.before), list(self.fitting.frame.after)],
            "judge.max_tokens": self.fitting.max_tokens,
            "judge.truncate": self.fitting.side,
            "judge.long": "windows" if self.fitting.windows else "truncate",
            "head dtype": "float32",
        }


def unread_token(model: Model) -> int | None:
    """The token at which a sequence classifier is never read, its padding token; None for others.

    transformers reads a decoder at its last token that is not padding, also where a tokenizer
    appends that token or a text ends in it. A decoder that looks both ways still sees it there.
    """
    return None if is_bidirectional(model.config) else _padding(model)


def may_end_in_padding(model: Model, tokenizer_json: str, end: Sequence[int]) -> bool:
    """Whether a decoder that looks both ways may be asked a prompt that ends in its padding token.

    Args:
        end: the tokens that end each prompt, after what a document says.
    """
    pad = _padding(model)
    if pad is None or not is_bidirectional(model.config):
        return False
    return pad in end[-1:] or pad not in special_tokens(tokenizer_json).ids.values()


def _padding(model: Model) -> int | None:
    pad = model.config.get("pad_token_id") if model.architecture in CAUSAL else None
    return None if pad is None else int(pad)


def longest_prompt(section: WholeSection, model: Model, least: int) -> int:
    """The most tokens of a prompt.

    Args:
        least: a prompt of so many could hold nothing of a document.

    Raises:
        JudgeError: more than the model takes, or too few.
    """
    most = section.max_tokens or model.max_tokens
    if most > model.max_tokens:
        raise JudgeError(
            f"judge.max_tokens is {most}, and the model takes {model.max_tokens} tokens; lower it"
        )
    if most <= least:
        raise JudgeError(
            f"judge.max_tokens is {most}, and {least} of them are special tokens and the chat's "
            "own; raise it"
        )
    return most


def _value_counts(column: pa.ChunkedArray) -> Mapping[int, int]:
    found = pc.value_counts(column)
    return {one["values"].as_py(): one["counts"].as_py() for one in found}
