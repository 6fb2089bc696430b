"""Judges whole documents: a document is one prompt, or is cut into windows of one prompt each.

A question is the number of a prompt. The engine shares no tokens between prompts.
"""

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

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
    """Harmless makes documents of any length that no engine can fail on."""

    ids: tuple[int, ...]
    """Token ids of the shortest such document."""
    place: int
    """Index in `ids` before which the filler is inserted, as often as it takes."""
    filler: int
    """The token id that makes the document longer."""

    @classmethod
    def of(cls, tokenizer: DocumentTokenizer, inputs: InputConfig) -> "Harmless":
        """Make a document of one word; the token that a second word adds is the filler."""
        one_word, two_words = (
            tokenizer.tokenize(as_columns(inputs, text)).ids[0].tolist()
            for text in ("the", "the the")
        )
        place = next(
            i for i, token in enumerate(two_words) if i == len(one_word) or token != one_word[i]
        )
        return cls(tuple(one_word), place, two_words[place])

    def of_length(self, n_tokens: int) -> TokenIds:
        """Make a document of at least `n_tokens`."""
        fillers = [self.filler] * max(0, n_tokens - len(self.ids))
        return np.asarray([*self.ids[: self.place], *fillers, *self.ids[self.place :]], np.int32)


@dataclass(frozen=True)
class WholeJudge:
    """WholeJudge is the base of the families that judge a document as a whole.

    Each family says how the numbers of its prompts become a reward.
    """

    fitting: Fitting
    """Makes the prompts of a document."""
    harmless_document: Harmless
    """Makes documents that no engine can fail on."""

    @property
    @abstractmethod
    def read_out(self) -> ReadOut:
        """Say which numbers an engine gives for a prompt."""

    @property
    def max_prompt_tokens(self) -> int:
        """Return the length of the longest prompt, in tokens."""
        return self.fitting.max_tokens

    @property
    def shared_step(self) -> int:
        """Return 1: prompts share nothing, since an engine for classifiers has no prefix cache."""
        return 1

    @property
    def stops_early(self) -> bool:
        """Return False: every document is asked about in full."""
        return False

    @property
    def groups_by(self) -> tuple[str, ...]:
        """Return no columns: all documents are asked about alike."""
        return ()

    def for_document(self, first_chunk: int, group: str) -> Self:
        """Return this judge: every document is asked about in full."""
        del first_chunk, group
        return self

    @property
    def columns(self) -> pa.Schema:
        """Return the column `truncated_tokens`, and the columns that the family adds."""
        return pa.schema([pa.field("truncated_tokens", pa.int64()), *self.own_columns])

    @property
    @abstractmethod
    def own_columns(self) -> pa.Schema:
        """Return the columns that the family adds."""

    @abstractmethod
    def read(self, rows: Sequence[Numbers], sizes: Sequence[int]) -> tuple[float, dict[str, Any]]:
        """Make the reward and the values of the family's columns from an engine's numbers.

        Args:
            rows: the numbers of each prompt, all finite.
            sizes: how many of the document's tokens each prompt holds.
        """

    def looks(self, ids: TokenIds) -> list[Questions]:
        """List all prompts as one look; none for a chat that leaves its last turn no room."""
        return [range(len(self.fitting.sizes(len(ids))))] if self.fitting.fits(ids) else []

    def prompts(self, ids: TokenIds, questions: Questions) -> Iterator[Prompt]:
        """Yield the prompts with these numbers."""
        return self.fitting.prompts(ids, questions)

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """Return True: there is only one look."""
        del answers, n_tokens
        return True

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """Make a verdict of the prompts' numbers; `failed` if one of the numbers is not finite."""
        rows = [answers[number] for number in sorted(answers)]
        if not rows and n_tokens:
            error = (
                f"a prompt has room for {self.fitting.room} tokens, and the turns before the "
                "chat's last one leave none for the last one"
            )
            return self.unscored(n_tokens, "invalid", error)
        if not rows:
            return self.unscored(n_tokens, "too_short", "the text has no tokens")
        truncated = {"truncated_tokens": self.fitting.truncated(n_tokens)}
        wrong = [row for row in rows if not np.isfinite(row).all()]
        if wrong:
            numbers = ", ".join(f"{number:g}" for number in wrong[0][:4])
            return Verdict("failed", f"the engine returned {numbers}", more=truncated)
        reward, values = self.read(rows, self.fitting.sizes(n_tokens))
        if not math.isfinite(reward):
            return Verdict("failed", f"the reward came out as {reward:g}", more=truncated)
        return Verdict("ok", reward=reward, more=values | truncated)

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """Make the verdict of a document without numbers."""
        truncated = self.fitting.truncated(n_tokens) if status == "failed" else 0
        return Verdict(status, error, more={"truncated_tokens": truncated})

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Count the prompts and their tokens from the lengths of the documents."""
        counts = JudgedCounts()
        for length, times in _value_counts(rows.column("n_tokens")).items():
            counts += self._asked(length).scaled(times)
        return counts

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Count the prompts of one document, and their tokens."""
        return self._asked(len(ids))

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Describe the prompts to a prefix cache: they share nothing."""
        for number, size in enumerate(self.fitting.sizes(len(ids))):
            yield Asked(number, 0, size + self.fitting.frame_tokens)

    def _asked(self, n_tokens: int) -> JudgedCounts:
        """Count the prompts of a document of `n_tokens`."""
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
        """Make a document that repeats one word.

        The number does not matter: an engine for classifiers remembers no answers.
        """
        del number
        if not self.fitting.windows:
            n_tokens = min(n_tokens, self.fitting.room)
        return self.harmless_document.of_length(n_tokens)

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that the rewards of all these families depend on, by name."""
        return {
            "special tokens": [list(self.fitting.frame.before), list(self.fitting.frame.after)],
            "judge.max_tokens": self.fitting.max_tokens,
            "judge.truncate": self.fitting.side,
            "judge.long": "windows" if self.fitting.windows else "truncate",
            "head dtype": "float32",
        }


def unread_token(model: Model) -> int | None:
    """Return the padding token of a sequence classifier that is never read there; None for others.

    transformers reads a decoder at its last token that is not padding. It does so even if the
    tokenizer itself appends the padding token, or if a text ends in it. A decoder that looks both
    ways still sees the padding token, so the token stays in its prompts.
    """
    return None if is_bidirectional(model.config) else _padding(model)


def may_end_in_padding(model: Model, tokenizer_json: str, end: Sequence[int]) -> bool:
    """Return True if a prompt of a decoder that looks both ways may end in its padding token.

    Args:
        model: the judge's model.
        tokenizer_json: the tokenizer with its special tokens.
        end: the tokens that end each prompt, after the document's own.
    """
    pad = _padding(model)
    if pad is None or not is_bidirectional(model.config):
        return False
    return pad in end[-1:] or pad not in special_tokens(tokenizer_json).ids.values()


def _padding(model: Model) -> int | None:
    """Return the padding token of a sequence classifier that is a decoder; None for others."""
    pad = model.config.get("pad_token_id") if model.architecture in CAUSAL else None
    return None if pad is None else int(pad)


def longest_prompt(section: WholeSection, model: Model, least: int) -> int:
    """Return the most tokens that a prompt may have.

    Args:
        section: the judge's configuration.
        model: the judge's model.
        least: tokens of a prompt that holds nothing of a document.

    Raises:
        JudgeError: the configuration asks for more than the model takes, or for too few.
    """
    most = section.max_tokens or model.max_tokens
    if most > model.max_tokens:
        raise JudgeError(
            f"judge.max_tokens is {most}, and the model takes {model.max_tokens} tokens; lower it"
        )
    if most <= least:
        raise JudgeError(
            f"judge.max_tokens is {most}, and special tokens and the chat template take {least}, "
            "which leaves no room for a document; raise it"
        )
    return most


def _value_counts(column: pa.ChunkedArray) -> Mapping[int, int]:
    """Count how often each value occurs."""
    counts = pc.value_counts(column)
    return {entry["values"].as_py(): entry["counts"].as_py() for entry in counts}
