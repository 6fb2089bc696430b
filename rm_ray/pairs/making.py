"""Make the pairs of a shard's documents: by rules at once, by a generator many pairs at a time."""

from collections import Counter, deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.corpus.shards import Shard
from rm_ray.engines.generate.generator import Drawn
from rm_ray.engines.generate.generator import Generator as Engine
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.judge import TokenIds
from rm_ray.judges.preference.windows import Window, WindowRule, window_at
from rm_ray.pairs.config import CONTINUED, GENERATED, REWRITTEN, PairsConfig
from rm_ray.pairs.counts import PairCounts
from rm_ray.pairs.drawing import Draw, draws, split_of
from rm_ray.pairs.table import Pair, pair_table
from rm_ray.pairs.worsening import shows_in_time, worsened
from rm_ray.pairs.writing import Ask, Steps, Writer, continued, rewritten
from rm_ray.score.asking import Listener
from rm_ray.score.bunches import Bunch, Bunches

# Tries to make a chunk worse, each with a seed of its own; tries that ask a generator cost more.
TRIES, GENERATED_TRIES = 6, 3


@dataclass(frozen=True)
class Maker:
    """Makes pairs of documents. It is sent to every task and actor."""

    config: PairsConfig
    """Section `pairs` of the configuration."""
    rule: WindowRule
    """Rule by which the judge cuts documents into windows."""
    tokenizer_json: str
    """Content of tokenizer.json of the judge's plain tokenizer."""
    others: tuple[str, ...]
    """Texts of other documents of the corpus."""
    writer: Writer | None
    """Facts about the generator; None without one."""

    def draws(self, file: str, row: int, n_tokens: int) -> list[Draw]:
        """Draw the pairs of a document."""
        return draws(self.config, self.rule, file, row, n_tokens)

    def pair(self, ids: TokenIds, draw: Draw, split: str) -> Generator[Ask, Drawn, Pair | None]:
        """Make one pair; return None if every try fails."""
        window = window_at(draw.chunk, len(ids), self.rule)
        chosen = ids[window.middle : window.stop]
        for attempt in range(GENERATED_TRIES if draw.kind in GENERATED else TRIES):
            worse = yield from self._worse(ids, window, draw, draw.try_seed(attempt))
            if worse is not None and shows_in_time(worse.chunk, chosen):
                whole = ids[window.start : window.middle]
                return Pair(
                    prompt_ids=worse.context,
                    chosen_ids=chosen,
                    rejected_ids=worse.chunk,
                    kind=draw.kind,
                    extent="part" if worse.kept else "all",
                    context="clean" if np.array_equal(worse.context, whole) else "broken",
                    temperature=draw.temperature,
                    seed=draw.seed,
                    chunk=draw.chunk,
                    split=split,
                )
        return None

    def _worse(self, ids: TokenIds, window: Window, draw: Draw, seed: int) -> Steps:
        if draw.kind == CONTINUED:
            assert self.writer is not None
            return (yield from continued(ids, window, draw, seed, self.writer, self.tokenizer_json))
        if draw.kind == REWRITTEN:
            assert self.writer is not None
            return (yield from rewritten(ids, window, draw, seed, self.writer, self.tokenizer_json))
        return worsened(ids, window, draw, seed, self.tokenizer_json, self.others)


@dataclass
class _Document:
    """A document whose pairs are being made."""

    position: int
    """Position of the document in the shard's table."""
    bunch: Bunch
    """Bunch of documents that this one was begun with."""
    draws: list[Draw]
    """Random choices of its pairs."""
    pairs: list[Pair | None]
    """Pairs by number; None for a pair that is given up or not yet made."""
    left: int = 0
    """Number of pairs that are not yet ended."""


@dataclass
class _UnderWay:
    """A pair that waits for an answer of the generator."""

    document: _Document
    """Document of the pair."""
    number: int
    """Number of the pair in the document."""
    steps: Generator[Ask, Drawn, Pair | None]
    """Python generator that makes the pair; it is sent the answer."""
    ask: Ask
    """Prompt that the pair asks next."""


@dataclass
class Making:
    """Makes the pairs of one shard's documents."""

    shard: Shard
    """Shard of the documents."""
    documents: pa.Table
    """Documents with their token ids (`_ids`), row numbers (`_row`) and statuses (`_status`)."""
    maker: Maker
    """Makes each pair."""
    listener: Listener
    """Is told of the progress."""
    _documents: dict[int, _Document] = field(default_factory=dict)
    _due: deque[_UnderWay] = field(default_factory=deque)
    _in_engine: dict[int, _UnderWay] = field(default_factory=dict)
    _begun: int = 0
    _asked: int = 0

    def __post_init__(self) -> None:
        self._ids = self.documents.column("_ids").combine_chunks()
        self._rows = self.documents.column("_row").to_pylist()
        lengths = self._ids.value_lengths().to_numpy(zero_copy_only=False)
        self._bunches = Bunches(lengths)

    def through(self, engine: Engine | None) -> tuple[pa.Table, PairCounts]:
        """Make all pairs, and return their rows and counts.

        Args:
            engine: the generator's engine; None if no kind needs one.

        Raises:
            Exception: any error of the engine, which is broken after it.
        """
        while True:
            while (engine is None or engine.has_room) and (self._due or self._begin()):
                if engine is not None and self._due:
                    self._ask(engine)
            if engine is None or not self._in_engine:
                return self._rows_and_counts()
            for key, drawn in engine.step():
                self._go_on(self._in_engine.pop(key), drawn)
            self.listener.stepped()

    def _ask(self, engine: Engine) -> None:
        pair = self._due.popleft()
        engine.add(self._asked, pair.ask.prompt, pair.ask.sampling)
        self._in_engine[self._asked] = pair
        self._asked += 1

    def _begin(self) -> bool:
        """Begin the next document; return False if there is none."""
        if self._begun == len(self._ids):
            return False
        position, self._begun = self._begun, self._begun + 1
        bunch, is_first = self._bunches.begin(position)
        if is_first:
            self.listener.asking(bunch.start, bunch.stop)
        ids = self._ids[position].values.to_numpy()
        file, row = self.shard.file, self._rows[position]
        drawn = self.maker.draws(file, row, len(ids))
        split = split_of(self.maker.config, file, row)
        document = _Document(position, bunch, drawn, [None] * len(drawn), left=len(drawn))
        self._documents[position] = document
        for number, draw in enumerate(drawn):
            self._advance(document, number, self.maker.pair(ids, draw, split), None)
        if not drawn:
            self._end(document)
        return True

    def _go_on(self, pair: _UnderWay, drawn: Drawn) -> None:
        self._advance(pair.document, pair.number, pair.steps, drawn)

    def _advance(
        self,
        document: _Document,
        number: int,
        steps: Generator[Ask, Drawn, Pair | None],
        drawn: Any,
    ) -> None:
        """Take a pair to its next prompt, or to its end."""
        try:
            ask = steps.send(drawn)
        except StopIteration as ended:
            document.pairs[number] = ended.value
            document.left -= 1
            if not document.left:
                self._end(document)
        else:
            self._due.append(_UnderWay(document, number, steps, ask))

    def _end(self, document: _Document) -> None:
        generated = sum(draw.kind in GENERATED for draw in document.draws)
        self.listener.ended(len(self._ids[document.position]), generated)
        self._bunches.ended(len(self._ids[document.position]))
        bunch = document.bunch
        bunch.left -= 1
        if not bunch.left:
            ended = (self._documents[position] for position in range(bunch.start, bunch.stop))
            self.listener.answered(bunch.start, sum(any(each.pairs) for each in ended))

    def _rows_and_counts(self) -> tuple[pa.Table, PairCounts]:
        done = [self._documents[position] for position in range(len(self._ids))]
        pairs = [[pair for pair in document.pairs if pair] for document in done]
        flat = [pair for of_document in pairs for pair in of_document]
        texts = _texts(flat, self.maker.tokenizer_json)
        rows = pair_table(self.shard.file, self.documents, pairs, texts)
        counts = PairCounts(
            documents=len(done),
            rows=len(flat),
            statuses=_sorted(map(_status, self.documents.column("_status").to_pylist(), done)),
            tokens=len(self._ids.values),
            windows=sum(pair.kind in GENERATED for pair in flat),
            kinds=_sorted(pair.kind for pair in flat),
            splits=_sorted(pair.split for pair in flat),
            extents=_sorted(pair.extent for pair in flat),
            contexts=_sorted(pair.context for pair in flat),
            given_up=_sorted(
                draw.kind
                for document in done
                for draw, pair in zip(document.draws, document.pairs, strict=True)
                if pair is None
            ),
        )
        return rows, counts


class Silent:
    """A silent listener does nothing, for tasks without an engine."""

    def asking(self, start: int, stop: int) -> None:
        """Do nothing."""

    def stepped(self) -> None:
        """Do nothing."""

    def ended(self, n_tokens: int, questions: int) -> None:
        """Do nothing."""

    def answered(self, start: int, scored: int) -> None:
        """Do nothing."""


def _status(before: str, document: _Document) -> str:
    if before != "ok":
        return before
    if not document.draws:
        return "too_short"
    return "ok" if any(document.pairs) else "given_up"


def _sorted(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _texts(pairs: Sequence[Pair], tokenizer_json: str) -> dict[str, list[str]]:
    """Return the texts of the three columns of token ids."""
    decode = load_tokenizer(tokenizer_json).decode_batch
    return {
        name: decode(
            [getattr(pair, f"{name}_ids").tolist() for pair in pairs], skip_special_tokens=False
        )
        for name in ("prompt", "chosen", "rejected")
    }
