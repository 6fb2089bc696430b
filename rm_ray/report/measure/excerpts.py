"""Excerpts: the beginnings of the chosen documents, chunk by chunk, each chunk with its reward.

Tasks read the text of the chosen documents, and of no others.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice, pairwise
from typing import Any

import pyarrow.compute as pc

from rm_ray.config import CorpusConfig
from rm_ray.corpus.excerpts import document
from rm_ray.corpus.groups import texts
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import PlannedFile
from rm_ray.corpus.shards import Shard
from rm_ray.errors import JudgeError, short
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.tokens import tokenizer_digest, tokenizer_of_run
from rm_ray.report.config import ReportConfig
from rm_ray.report.figures import Shown, ShownChunk
from rm_ray.report.measure.chosen import Chosen
from rm_ray.report.measure.present import Moved, present_corpus
from rm_ray.run.output.folder import TOKENIZER
from rm_ray.scored.run import ScoredRun, read_counted, schema_of
from rm_ray.store.folder import Folder
from rm_ray.tasks.run import results_of

log = logging.getLogger(__name__)

# At most so many chunks of a document, and characters of a chunk, are shown; and characters of a
# document whose chunks are not known.
CHUNKS, CHUNK_CHARACTERS, CHARACTERS = 6, 600, 1500
# The first chunks are cut from so many characters: a token seldom has more than four.
_LOOKED_AT = 20_000
_CHUNKED = ("chunk_rewards", "judged_chunks")


@dataclass(frozen=True)
class Chunker:
    """Cuts documents into chunks as the judge did."""

    tokenizer: str
    """JSON of a plain tokenizer."""
    tokens: int
    """Tokens of a chunk."""
    first: int
    """Number of the first chunk that is judged, from 0."""

    def cut(self, text: str) -> list[str]:
        """Return the first chunks of a document."""
        tokenizer = load_tokenizer(self.tokenizer)
        offsets = tokenizer.encode(text[:_LOOKED_AT], add_special_tokens=False).offsets
        starts = [offsets[at][0] for at in range(0, len(offsets), self.tokens)]
        starts.append(offsets[-1][1] if offsets else 0)
        return [text[start:stop] for start, stop in islice(pairwise(starts), CHUNKS)]


@dataclass(frozen=True)
class ExcerptReader:
    """Reads documents and the rows of their rewards. Ray sends a copy to each task."""

    parts: Folder
    """Folder of the run's parts."""
    fingerprint: str
    """Fingerprint of the run."""
    columns: tuple[str, ...]
    """Columns of the parts to read: id and chunk columns, as far as the run has them."""
    text: str
    """Column of the corpus with the text."""
    corpus: CorpusConfig
    """The corpus as it is read now."""
    now: Moved
    """Finds a file at its present path."""
    chunker: Chunker | None
    """Cuts the documents; None if the chunks are not known."""
    remark: str | None
    """Why the chunks are not known; None if they are, or if the judge cut no chunks."""

    @classmethod
    def of(cls, run: ScoredRun, config: ReportConfig) -> "ExcerptReader":
        """Make the reader of a run's documents."""
        input_config = run.stored["config"]["input"]
        chunker, remark = _chunker(run)
        names = schema_of(run).names
        corpus, now = present_corpus(run, config)
        return cls(
            parts=run.parts,
            fingerprint=run.fingerprint,
            columns=tuple(name for name in ("id", *_CHUNKED) if name in names),
            text=input_config["text"] or input_config["completion"] or input_config["messages"],
            corpus=corpus,
            now=now,
            chunker=chunker,
            remark=remark,
        )

    def show(self, one: Chosen, part: Shard, file: PlannedFile) -> Shown:
        """Read one document. If its text cannot be read, a remark says so instead.

        Args:
            one: the document.
            part: its shard.
            file: its file of the corpus.
        """
        key = None
        try:
            _, rows = read_counted(self.parts, part, self.fingerprint, ["row", *self.columns])
            rows = rows.filter(pc.equal(rows.column("row"), one.row))
            key = texts(rows.column("id"))[0] if "id" in self.columns else None
            row = rows.select([name for name in rows.column_names if name != "id"]).to_pylist()[0]
            chunks = self._chunks(document(self.now(file), one.row, self.text, self.corpus), row)
            remark = self.remark
        except (Unreadable, OSError) as error:
            chunks, remark = [], f"its text cannot be read: {short(error)}"
        return Shown(
            why=one.why,
            at=one.at,
            group=one.group,
            file=one.file,
            row=one.row,
            reward=one.reward,
            tokens=one.tokens,
            chunks=chunks,
            remark=remark,
            id=key,
            chunks_left=self._left(one.tokens, len(chunks)),
        )

    def _left(self, tokens: int, shown: int) -> int:
        """Return how many chunks of a document are not shown."""
        return max(0, -(-tokens // self.chunker.tokens) - shown) if self.chunker and shown else 0

    def _chunks(self, text: str, row: Mapping[str, Any]) -> list[ShownChunk]:
        if self.chunker is None or row.get("chunk_rewards") is None:
            return [ShownChunk(text=text[:CHARACTERS], reward=None)]
        judged = row["judged_chunks"] or count(self.chunker.first)  # null: every chunk was judged
        rewards = dict(zip(judged, row["chunk_rewards"], strict=False))
        return [
            ShownChunk(text=piece[:CHUNK_CHARACTERS], reward=rewards.get(number))
            for number, piece in enumerate(self.chunker.cut(text))
        ]


def show(chosen: Sequence[Chosen], run: ScoredRun, config: ReportConfig) -> list[Shown]:
    """Read the chosen documents, in the given order."""
    if not chosen or not config.corpus.excerpts:
        return []
    log.info("reading %d documents to show", len(chosen))
    reader = ExcerptReader.of(run, config)
    files = {file.path: file for file in run.files}
    numbers_of: dict[str, list[int]] = {}
    for number, choice in enumerate(chosen):
        numbers_of.setdefault(choice.file, []).append(number)
    shards = {path: [s for s in run.shards if s.file == path] for path in numbers_of}
    asked = []
    for path, numbers in numbers_of.items():
        choices = [chosen[number] for number in numbers]
        parts = [
            next(s for s in shards[path] if s.start <= choice.row < s.stop) for choice in choices
        ]
        asked.append(
            [_Asked(choice, part, files[path]) for choice, part in zip(choices, parts, strict=True)]
        )
    shown_of = results_of(
        _show, asked, reader, cpus=config.tasks.cpus, doing="read", every_s=config.run.progress_s
    )
    shown_by_number: dict[int, Shown] = {}
    for numbers, shown in zip(numbers_of.values(), shown_of, strict=True):
        shown_by_number.update(zip(numbers, shown, strict=True))
    return [shown_by_number[number] for number in range(len(chosen))]


@dataclass(frozen=True)
class _Asked:
    """A document to show, with its shard and its file."""

    chosen: Chosen
    """The document."""
    part: Shard
    """The shard that the document is in."""
    file: PlannedFile
    """The file of the corpus that the document is in."""

    def __str__(self) -> str:
        return self.file.path


def _show(asked: Sequence[_Asked], reader: ExcerptReader) -> list[Shown]:
    return [reader.show(item.chosen, item.part, item.file) for item in asked]


def _chunker(run: ScoredRun) -> tuple[Chunker | None, str | None]:
    """Return the chunker, or why it is not known; None and None if the judge cut no chunks."""
    judge = run.stored["config"]["judge"]
    if not set(_CHUNKED) <= set(schema_of(run).names) or "chunk_tokens" not in judge:
        return None, None
    try:
        plain_json = _tokenizer_json(run)
    except JudgeError as error:
        log.warning("excerpts are shown without their chunks: %s", error)
        return None, f"its chunks are not known here: {short(error)}"
    first = 0 if judge["judge_first_chunk"] else 1
    return Chunker(plain_json, judge["chunk_tokens"], first), None


def _tokenizer_json(run: ScoredRun) -> str:
    """Return the JSON of the tokenizer that cut the texts.

    The run keeps it. Runs of an older rm_ray do not: then the judge's tokenizer is loaded.

    Raises:
        JudgeError: neither tokenizer can be had.
    """
    kept = (run.state.read(TOKENIZER) or b"").decode()
    if tokenizer_digest(kept) == run.stored["fingerprint"]["tokenizer"]:
        return kept
    return plain_tokenizer(tokenizer_of_run(run.stored["config"]["judge"]).json)
