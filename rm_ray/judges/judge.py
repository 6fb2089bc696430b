"""Judges: how a model is asked about documents, and what its answers mean.

A judge has two halves. The tokenizing half turns columns of the corpus into token ids, in CPU
tasks; the asking half turns token ids into prompts and answers into verdicts, beside an engine.
Judges know nothing of what runs the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.counts.summable import Summable
from rm_ray.engines.engine import Numbers, Prompt
from rm_ray.engines.read_outs import ReadOut
from rm_ray.engines.sharing import Asked

# A document's token ids, [tokens].
TokenIds = npt.NDArray[np.int32]
# What a document is asked: for a judge of windows, numbers of chunks. Answers come by question.
Questions = Sequence[int]
Answers = Mapping[int, Numbers]


@dataclass(frozen=True)
class Verdict:
    """What is said of one document. `reward` is None unless `status` is ok.

    `more`: values of the family's own columns, by name; null where one is missing.
    """

    status: str
    error: str | None = None
    reward: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Tokenized:
    """Documents as token ids, each with the status it has before it is judged, and why."""

    ids: list[TokenIds]
    statuses: list[str]
    errors: list[str | None]


@dataclass
class JudgedCounts(Summable):
    """What was asked: `windows`, and `prompt_tokens` of these, whole.

    `minimum_tokens`: the fewest that an engine can forward for them, `whole_minimum_tokens`: with
    every chunk of every document judged; `partly_judged`: documents of which some chunks were not.
    `truncated_tokens`: of `truncated` documents, those that were in no prompt.
    """

    windows: int = 0
    prompt_tokens: int = 0
    minimum_tokens: int = 0
    whole_minimum_tokens: int = 0
    partly_judged: int = 0
    truncated: int = 0
    truncated_tokens: int = 0


class DocumentTokenizer(Protocol):
    """The tokenizing half."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The input columns it reads."""

    @property
    def fast(self) -> bool:
        """True if fastokens may encode: it was found to give the ids of `tokenizers`."""

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """The plain tokenizers that encode its texts, as JSON."""

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """The documents that the columns hold, in order; what is no document gets no ids."""

    def fingerprint(self) -> dict[str, Any]:
        """What rewards depend on, key by key."""


class Judge(Protocol):
    """The asking half; it travels to every engine."""

    @property
    def read_out(self) -> ReadOut:
        """Which numbers an engine gives for a prompt."""

    @property
    def max_prompt_tokens(self) -> int:
        """The longest prompt, tokens."""

    @property
    def shared_step(self) -> int:
        """A document's prompts share their beginnings up to multiples of this; 1: to any token."""

    @property
    def stops_early(self) -> bool:
        """Whether a document may be asked less than `looks` says."""

    @property
    def columns(self) -> pa.Schema:
        """The family's own output columns."""

    def looks(self, ids: TokenIds) -> list[Questions]:
        """What to ask, look by look; between two looks `enough` may end it."""

    def prompts(self, ids: TokenIds, questions: Questions) -> Iterator[Prompt]:
        """A prompt for each question of one look, made as they are asked."""

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """Whether no further look is needed at a document of `n_tokens`."""

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """What the answers say of a document; `failed` where one is no number."""

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """A document without answers: one that cannot be asked about, or was given up."""

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Windows, prompt tokens and the fewest tokens to forward, of output rows."""

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Windows and the fewest tokens to forward for a document; at most, if it may stop."""

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Describe the prompts that `estimate` counts to a prefix cache, in order."""

    def harmless(self, n_tokens: int, number: int) -> TokenIds:
        """A document that no engine can stumble over, at least that long; another by number."""

    def fingerprint(self) -> dict[str, Any]:
        """What rewards depend on, key by key."""
