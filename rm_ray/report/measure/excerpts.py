"""The chosen documents as people read them: how they begin, chunk by chunk with its reward.

Text is read for these documents alone, by Ray tasks.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice, pairwise
from typing import Any

import pyarrow.compute as pc

from rm_ray.config import CorpusConfig, StorageConfig, as_list
from rm_ray.corpus.excerpts import document
from rm_ray.corpus.listing import literal_part
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import PlannedFile
from rm_ray.corpus.shards import Shard
from rm_ray.errors import ConfigError, JudgeError, short
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.tokens import tokenizer_digest, tokenizer_of_run
from rm_ray.report.config import ReportConfig
from rm_ray.report.figures import Chunk, Shown
from rm_ray.report.measure.chosen import Chosen
from rm_ray.run.output.folder import TOKENIZER
from rm_ray.scored.groups import texts
from rm_ray.scored.run import ScoredRun, read_counted, schema_of
from rm_ray.store.folder import Folder, absolute
from rm_ray.tasks.ended import refuse_ended
from rm_ray.tasks.run import run_tasks

log = logging.getLogger(__name__)

# Chunks shown of a document, and characters of one; characters where chunks are not known.
CHUNKS, CHUNK_CHARACTERS, CHARACTERS = 6, 600, 1500
# Characters that the first chunks are looked for in: a token has seldom more than four.
_LOOKED_AT = 20_000
_CHUNKED = ("chunk_rewards", "judged_chunks")


@dataclass(frozen=True)
class Chunker:
    """How the judge cut documents. `tokenizer`: JSON of a plain one. `first`: the first chunk that
    is judged.
    """

    tokenizer: str
    tokens: int
    first: int

    def cut(self, text: str) -> list[str]:
        """The first chunks of a document."""
        tokenizer = load_tokenizer(self.tokenizer)
        offsets = tokenizer.encode(text[:_LOOKED_AT], add_special_tokens=False).offsets
        starts = [offsets[at][0] for at in range(0, len(offsets), self.tokens)]
        starts.append(offsets[-1][1] if offsets else 0)
        return [text[start:stop] for start, stop in islice(pairwise(starts), CHUNKS)]


@dataclass(frozen=True)
class Library:
    """Where documents and their rows are; travels to tasks. `moved`: what corpus paths began with
    when they were scored, and what with now.
    """

    parts: Folder
    fingerprint: str
    columns: tuple[str, ...]
    text: str
    corpus: CorpusConfig
    moved: tuple[str, str] | None
    chunker: Chunker | None
    remark: str | None

    @classmethod
    def of(cls, run: ScoredRun, config: ReportConfig) -> "Library":
        """Of a run's documents."""
        told = run.stored["config"]["input"]
        storage = config.corpus.storage
        if storage == StorageConfig():
            storage = StorageConfig.model_validate(told["storage"])
        chunker, remark = _chunker(run)
        names = schema_of(run).names
        path = config.corpus.path or told["path"]
        return cls(
            parts=run.parts,
            fingerprint=run.fingerprint,
            columns=tuple(name for name in ("id", *_CHUNKED) if name in names),
            text=told["text"] or told["completion"] or told["messages"],
            corpus=CorpusConfig(path=path, storage=storage),
            moved=_moved(told["path"], config.corpus.path),
            chunker=chunker,
            remark=remark,
        )

    def show(self, one: Chosen, part: Shard, file: PlannedFile) -> Shown:
        """One document. What cannot be read is said in its place."""
        key = None
        try:
            _, rows = read_counted(self.parts, part, self.fingerprint, ["row", *self.columns])
            rows = rows.filter(pc.equal(rows.column("row"), one.row))
            key = texts(rows.column("id"))[0] if "id" in self.columns else None
            row = rows.select([name for name in rows.column_names if name != "id"]).to_pylist()[0]
            chunks = self._chunks(document(self._now(file), one.row, self.text, self.corpus), row)
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
        """Chunks of a document that are not shown."""
        return max(0, -(-tokens // self.chunker.tokens) - shown) if self.chunker and shown else 0

    def _chunks(self, text: str, row: Mapping[str, Any]) -> list[Chunk]:
        if self.chunker is None or row.get("chunk_rewards") is None:
            return [Chunk(text=text[:CHARACTERS], reward=None)]
        judged = row["judged_chunks"] or count(self.chunker.first)  # null: all of them
        rewards = dict(zip(judged, row["chunk_rewards"], strict=False))
        return [
            Chunk(text=piece[:CHUNK_CHARACTERS], reward=rewards.get(number))
            for number, piece in enumerate(self.chunker.cut(text))
        ]

    def _now(self, file: PlannedFile) -> PlannedFile:
        """The file where it lies now, whatever its version there is."""
        if self.moved is None:
            return file
        before, now = self.moved
        path = now + file.path.removeprefix(before)
        units = tuple(replace(unit, file=path, version=None) for unit in file.units)
        return replace(file, path=path, units=units)


def show(chosen: Sequence[Chosen], run: ScoredRun, config: ReportConfig) -> list[Shown]:
    """The documents, in the order given."""
    if not chosen or not config.corpus.excerpts:
        return []
    log.info("reading %d documents to show", len(chosen))
    library = Library.of(run, config)
    files = {file.path: file for file in run.files}
    wanted: dict[str, list[int]] = {}
    for number, one in enumerate(chosen):
        wanted.setdefault(one.file, []).append(number)
    shards = {path: [s for s in run.shards if s.file == path] for path in wanted}
    asked = []
    for path, numbers in wanted.items():
        theirs = [chosen[number] for number in numbers]
        parts = [next(s for s in shards[path] if s.start <= one.row < s.stop) for one in theirs]
        asked.append(
            [_Asked(one, part, files[path]) for one, part in zip(theirs, parts, strict=True)]
        )
    shown_of: list[Any] = run_tasks(
        _show, asked, library, cpus=config.tasks.cpus, doing="read", every_s=config.run.progress_s
    )
    refuse_ended(asked, shown_of)
    found: dict[int, Shown] = {}
    for numbers, shown in zip(wanted.values(), shown_of, strict=True):
        found.update(zip(numbers, shown, strict=True))
    return [found[number] for number in range(len(chosen))]


@dataclass(frozen=True)
class _Asked:
    """A document to show, with the shard and the file that it is of."""

    chosen: Chosen
    part: Shard
    file: PlannedFile

    def __str__(self) -> str:
        return self.file.path


def _show(asked: Sequence[_Asked], library: Library) -> list[Shown]:
    return [library.show(one.chosen, one.part, one.file) for one in asked]


def _chunker(run: ScoredRun) -> tuple[Chunker | None, str | None]:
    """How documents were cut, or why that is not known; neither where nothing was cut."""
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
    """The tokenizer that cut the texts: the run has kept it, but for runs of an older rm_ray.

    Raises:
        JudgeError: it is not there, nor is the judge's.
    """
    kept = (run.state.read(TOKENIZER) or b"").decode()
    if tokenizer_digest(kept) == run.stored["fingerprint"]["tokenizer"]:
        return kept
    return plain_tokenizer(tokenizer_of_run(run.stored["config"]["judge"]).json)


def _moved(before: Any, now: str | None) -> tuple[str, str] | None:
    """What corpus paths began with when they were scored, and what they begin with now."""
    if now is None:
        return None
    if len(as_list(before)) > 1:
        raise ConfigError(
            "corpus.path: the scoring run was given several paths, and one cannot say where they "
            "lie now; leave it out, or give --corpus.excerpts false"
        )
    first = literal_part(as_list(before)[0])
    return absolute(first), absolute(literal_part(now))
