"""Simple scores of texts without a judge: length, compression ratio, and a unigram model.

The unigram model is fitted on good texts that it never scores. These are the chosen chunks of the
split `train` if the table of pairs has them, else the good texts of the other half of the
documents.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rm_ray.config import InputConfig
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import PlannedFile
from rm_ray.corpus.reading import JUDGED, read_patiently
from rm_ray.errors import RmRayError, short
from rm_ray.evaluate.labelled import Key, Labelled
from rm_ray.evaluate.pair_tokens import SPLIT
from rm_ray.evaluate.statistics import Flags, Floats

# Words are hashed into this many buckets.
BUCKETS = 1 << 18
# Only this many first characters of a text are compressed and counted.
MOST_CHARACTERS = 20_000
WORD = re.compile(r"\w+|[^\w\s]")

Words = npt.NDArray[np.int32]


@dataclass
class TextScores:
    """TextScores are three scores of each text."""

    length: Floats
    """Number of characters."""
    zlib: Floats
    """Compressed bytes over bytes."""
    unigram: Floats
    """Mean log probability of the words."""


@dataclass
class _Read:
    """_Read collects the scores and words while the files are read."""

    length: Floats
    """Number of characters of each text; nan for unread texts."""
    zlib: Floats
    """Compressed bytes over bytes of each text; nan for unread texts."""
    words: list[Words]
    """Hashes of each text's words."""
    train: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(BUCKETS, np.int64))
    """Counts of words in the chosen chunks of the split train, by hash."""


def score_texts(
    sample: Labelled,
    files: Sequence[PlannedFile],
    inputs: InputConfig,
    columns: Sequence[str],
    *,
    trained: bool,
    seed: int,
) -> tuple[TextScores | None, str]:
    """Score the texts of a sample.

    Args:
        columns: columns of the chosen and the rejected chunk, or of the document.
        trained: True if the table has a column that names the training split.
        seed: seed of the halves of the documents.

    Returns:
        The scores, and a sentence on the unigram model. The scores are None if the texts cannot be
            read.
    """
    try:
        read = _read(sample, files, inputs, columns, trained=trained)
    except (OSError, pa.ArrowException, Unreadable, NotFound, RmRayError) as error:
        return None, f"The texts could not be read: {short(error)}."
    if read.train.any():
        unigram = _mean_log(read.words, read.train)
        note = "The unigram model is fitted on the chosen chunks of the split train."
    else:
        unigram = _cross_fitted(read.words, sample, sample.half(seed))
        note = (
            "The unigram model of each half of the documents is fitted on good texts of the other "
            "half."
        )
    return TextScores(read.length, read.zlib, unigram), note


def _read(
    sample: Labelled,
    files: Sequence[PlannedFile],
    inputs: InputConfig,
    columns: Sequence[str],
    *,
    trained: bool,
) -> _Read:
    texts = len(sample.rewards)
    collected = _Read(np.full(texts, np.nan), np.full(texts, np.nan), [_NO_WORDS] * texts)
    places = {key: at for at, key in enumerate(sample.keys)}
    each = len(columns)
    for key, values, split in _rows(files, inputs, columns, trained=trained):
        at = places.get(key)
        if at is not None:
            for side, value in enumerate(values):
                _put(collected, at * each + side, value)
        elif split == "train":
            np.add.at(collected.train, words_of(values[0]), 1)
    return collected


def _rows(
    files: Sequence[PlannedFile], inputs: InputConfig, columns: Sequence[str], *, trained: bool
) -> Iterator[tuple[Key, list[str], str | None]]:
    names = [*columns, SPLIT] if trained else list(columns)
    bare = inputs.model_copy(update={"id": None, "keep": [], "renamed": {}})
    for unit in (unit for file in files for unit in file.to_do()):
        for _, rows in read_patiently(unit, bare, names):
            numbers = rows.column("_row").to_pylist()
            texts = [_texts(rows.column(f"{JUDGED}{name}")) for name in columns]
            splits = (
                rows.column(f"{JUDGED}{SPLIT}").to_pylist() if trained else [None] * len(numbers)
            )
            for number, split, *values in zip(numbers, splits, *texts, strict=True):
                yield (unit.file, number), list(values), split


def _texts(column: pa.ChunkedArray) -> list[str]:
    values = column.cast(pa.large_binary()).to_pylist()
    return [(value or b"").decode(errors="replace") for value in values]


def _put(collected: _Read, at: int, text: str) -> None:
    data = text[:MOST_CHARACTERS].encode(errors="replace")
    collected.length[at] = len(text)
    collected.zlib[at] = len(zlib.compress(data)) / max(1, len(data))
    collected.words[at] = words_of(text)


def words_of(text: str) -> Words:
    """Return the words and punctuation marks of a text, as hashes."""
    words = WORD.findall(text[:MOST_CHARACTERS].lower())
    return np.array(
        [zlib.crc32(word.encode(errors="replace")) % BUCKETS for word in words], np.int32
    )


_NO_WORDS = np.empty(0, np.int32)


def _mean_log(words: Sequence[Words], counts: npt.NDArray[np.int64]) -> Floats:
    """Return the mean log probability of each text's words, with 0.5 added to each count."""
    logs = np.log((counts + 0.5) / (counts.sum() + 0.5 * BUCKETS))
    least = float(logs.min())
    return np.array([logs[text].mean() if len(text) else least for text in words], np.float64)


def _cross_fitted(words: Sequence[Words], sample: Labelled, first: Flags) -> Floats:
    scores = np.empty(len(words))
    for half in (first, ~first):
        counts = np.zeros(BUCKETS, np.int64)
        for at in np.flatnonzero(~half & sample.good):
            np.add.at(counts, words[at], 1)
        members = np.flatnonzero(half)
        scores[members] = _mean_log([words[at] for at in members], counts)
    return scores
