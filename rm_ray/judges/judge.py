"""Defines judges: a judge asks a model about documents, and makes rewards of its answers.

A judge has two halves. The tokenizing half turns columns of the corpus into token ids, in CPU
tasks. The asking half runs beside an engine: it turns token ids into prompts, and answers into
verdicts. Judges do not know the engine that runs the model.
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
# The questions of one look at a document, as numbers: a chunk's number for the preference judge, a
# prompt's number for the other families. The engine's answers are keyed by these numbers.
Questions = Sequence[int]
Answers = Mapping[int, Numbers]


@dataclass(frozen=True)
class Verdict:
    """A Verdict is the result for one document."""

    status: str
    """Status of the document's row: `ok`, or the name of the reason why it has no reward."""
    error: str | None = None
    """Why there is no reward, for people to read."""
    reward: float | None = None
    """The document's reward; None unless `status` is `ok`."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Values of the family's own columns, by name; a column that is missing is null."""


@dataclass(frozen=True)
class Tokenized:
    """Tokenized holds documents as token ids; the three lists have one entry per document."""

    ids: list[TokenIds]
    """Token ids of each document, [tokens]; empty unless its status is `ok`."""
    statuses: list[str]
    """The status of each document before it is judged."""
    errors: list[str | None]
    """Why a status is not `ok`."""


@dataclass
class JudgedCounts(Summable):
    """JudgedCounts counts the prompts of documents, and the tokens that they take."""

    windows: int = 0
    """Prompts: for the preference judge, one per judged chunk."""
    prompt_tokens: int = 0
    """Tokens of all prompts, each counted in full."""
    minimum_tokens: int = 0
    """Fewest tokens that an engine can forward for the prompts, if it reuses shared beginnings."""
    whole_minimum_tokens: int = 0
    """The same, if every chunk of every document were judged."""
    partly_judged: int = 0
    """Documents of which some chunks were not judged."""
    truncated: int = 0
    """Documents of which some tokens were in no prompt."""
    truncated_tokens: int = 0
    """Tokens of the truncated documents that were in no prompt."""


class DocumentTokenizer(Protocol):
    """A DocumentTokenizer is the tokenizing half of a judge."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the input columns that it reads."""

    @property
    def fast(self) -> bool:
        """Return True if fastokens may encode: it was found to give the ids of `tokenizers`."""

    @property
    def plain_tokenizers(self) -> tuple[str, ...]:
        """Return the plain tokenizers that encode its texts, as JSON."""

    def tokenize(self, columns: Mapping[str, pa.Array]) -> Tokenized:
        """Tokenise the documents that the columns hold, in order.

        A row that is not a document gets no ids, and a status that says why.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that rewards depend on, by name."""


class Judge(Protocol):
    """A Judge is the asking half of a judge; a copy of it is sent to every engine."""

    @property
    def read_out(self) -> ReadOut:
        """Say which numbers an engine gives for a prompt."""

    @property
    def max_prompt_tokens(self) -> int:
        """Return the length of the longest prompt, in tokens."""

    @property
    def shared_step(self) -> int:
        """Return the step of shared beginnings, in tokens.

        Prompts of one document share their beginnings up to multiples of it; 1 if they may share
        any number of tokens.
        """

    @property
    def stops_early(self) -> bool:
        """Return True if a document may be asked fewer questions than `looks` lists."""

    @property
    def groups_by(self) -> tuple[str, ...]:
        """Return the columns whose values decide how much of a document is asked about."""

    @property
    def columns(self) -> pa.Schema:
        """Return the family's own output columns."""

    def for_document(self, first_chunk: int, group: str) -> "Judge":
        """Return the judge of one document, which may be asked about in part.

        Args:
            first_chunk: the chunk from which on it is judged; judges without chunks ignore it.
            group: label of its values of `groups_by`.
        """

    def looks(self, ids: TokenIds) -> list[Questions]:
        """List the questions of each look at a document.

        After each look, `enough` decides if the next one is needed.
        """

    def prompts(self, ids: TokenIds, questions: Questions) -> Iterator[Prompt]:
        """Yield a prompt for each question of one look, each made when it is asked for."""

    def enough(self, answers: Answers, n_tokens: int) -> bool:
        """Return True if a document of `n_tokens` needs no further look."""

    def verdict(self, answers: Answers, n_tokens: int) -> Verdict:
        """Make a verdict of a document's answers; its status is `failed` if one is not a number."""

    def unscored(self, n_tokens: int, status: str, error: str | None) -> Verdict:
        """Make the verdict of a document without answers: it could not be asked, or was given up.

        Args:
            n_tokens: the document's length.
            status: the status of the verdict.
            error: why there are no answers.
        """

    def work(self, rows: pa.Table) -> JudgedCounts:
        """Count the windows, the prompt tokens and the fewest tokens to forward of output rows."""

    def estimate(self, ids: TokenIds) -> JudgedCounts:
        """Count the windows and the fewest tokens to forward of one document.

        If the judge may stop early, the counts are upper bounds.
        """

    def asked(self, ids: TokenIds) -> Iterator[Asked]:
        """Describe to a prefix cache the prompts that `estimate` counts, in order."""

    def harmless(self, n_tokens: int, number: int) -> TokenIds:
        """Make a document that no engine can fail on.

        Args:
            n_tokens: the document is at least this long.
            number: another number gives another document.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Return the settings that rewards depend on, by name."""
