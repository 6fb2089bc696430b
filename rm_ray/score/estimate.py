"""Estimates the corpus from a sample of documents, before anything is scored.

The same figures cut the shards (tokens per byte) and make the page of `--dry-run`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import InputConfig
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.footers import Footer
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import JUDGED, read_shards
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.sizes import table_bytes
from rm_ray.counts.summable import total
from rm_ray.engines.sharing import Sharing
from rm_ray.judges.judge import DocumentTokenizer, Judge, TokenIds
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.library import differing_row, with_fast
from rm_ray.score.read_stage import tokenize
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import run_tasks

SAMPLED_GROUPS = 24
SAMPLED_ROWS = 48

# Bytes of English text per token of a large vocabulary; used if nothing could be sampled.
BYTES_PER_TOKEN = 4.0


@dataclass
class Sample:
    """A Sample holds the counts of sampled documents, scaled to the text of their row groups."""

    holds: ScoreCounts
    """Estimated counts of these row groups."""
    text_bytes: int
    """Bytes of text of these row groups."""
    differs: str | None = None
    """Names a document to which fastokens gives other token ids than `tokenizers`; None if there
    is none."""


class Estimates(Protocol):
    """Estimates counts of documents."""

    def of(self, ids: TokenIds) -> ScoreCounts:
        """Return the counts of one document, given its token ids."""
        ...


@dataclass(frozen=True)
class Estimator:
    """Estimates how many tokens this engine forwards for a document."""

    judge: Judge
    """Makes the prompts."""
    sharing: Sharing
    """Says how much of a prefix the engine keeps."""

    def of(self, ids: TokenIds) -> ScoreCounts:
        """Count windows, the exact minimum, and the tokens that the engine will forward."""
        counts = ScoreCounts() + self.judge.estimate(ids)
        counts.needed_tokens = self.sharing.forwarded(self.judge.asked(ids), counts.minimum_tokens)
        return counts


def tokens_per_byte(sampled: Sample) -> float:
    """Return the tokens of documents per byte of text."""
    tokens = sampled.holds.tokens
    return tokens / sampled.text_bytes if tokens else 1 / BYTES_PER_TOKEN


def at_bytes(sampled: Sample, text_bytes: float) -> ScoreCounts:
    """Estimate the counts of `text_bytes` bytes of text of the same corpus."""
    return sampled.holds.scaled(text_bytes / sampled.text_bytes if sampled.text_bytes else 0.0)


def estimate_corpus(
    files: Sequence[InputFile],
    footers: Mapping[str, Footer],
    config: InputConfig,
    tokenizer: DocumentTokenizer,
    estimator: Estimates,
) -> Sample:
    """Tokenise a few documents of row groups that are spread evenly over the corpus's text.

    Args:
        files: the files to sample.
        footers: their footers, by path.
        config: the corpus's configuration.
        tokenizer: tokenises the documents.
        estimator: estimates counts of each document.

    Returns:
        The sums over these documents, scaled to the text of their row groups.
    """
    groups = [
        (file, group)
        for file in files
        for group, rows in enumerate(footers[file.path].rows)
        if rows
    ]
    batches = [(file, group, footers[file.path]) for file, group in _spread(groups, footers)]
    samples = [
        Sample(ScoreCounts(), 0) if isinstance(sample, Ended) else sample
        for sample in run_tasks(
            _sample_group, batches, config, tokenizer, estimator, doing="sampled"
        )
    ]
    return Sample(
        total((sample.holds for sample in samples), ScoreCounts),
        sum(sample.text_bytes for sample in samples),
        next((sample.differs for sample in samples if sample.differs), None),
    )


def _spread(
    groups: list[tuple[InputFile, int]], footers: Mapping[str, Footer]
) -> list[tuple[InputFile, int]]:
    """Choose at most SAMPLED_GROUPS row groups, spread evenly over the bytes of text."""
    sizes = [footers[file.path].text_bytes[group] for file, group in groups]
    step = sum(sizes) / SAMPLED_GROUPS
    if not step:
        return groups[:SAMPLED_GROUPS]
    chosen, position, target = [], 0.0, step / 2
    for group, size in zip(groups, sizes, strict=True):
        position += size
        if position >= target:
            chosen.append(group)
            while target <= position:
                target += step
    return chosen


def _sample_group(
    sampled: tuple[InputFile, int, Footer],
    config: InputConfig,
    tokenizer: DocumentTokenizer,
    estimator: Estimates,
) -> Sample:
    """Sample one row group of a file; the sample is empty if the group cannot be read."""
    file, group, footer = sampled
    rows = footer.rows[group]
    taken = min(rows, SAMPLED_ROWS)
    first = sum(footer.rows[:group])
    profile = footer.profiles.get(group)
    # each prompt costs something besides its text, so the sample begins at half of the group's
    # text, among rows that hold much of it
    start = first + min(profile.row_at(0.5), rows - taken) if profile else first
    shard = Shard(file.path, start, start + taken)
    unit = ReadUnit(
        file=file.path,
        partition=file.partition,
        first_group=group,
        stop_group=group + 1,
        first_row=first,
        shards=(shard,),
        names=footer.names,
    )
    everything = config.whole()
    try:
        columns = list(dict.fromkeys([*tokenizer.columns, *config.documents.values()]))
        documents = next(table for _, table in read_shards(unit, everything, columns))
    except (OSError, pa.ArrowException):
        return Sample(ScoreCounts(), 0)  # the run itself will report the fault
    # the columns that the footers measured; the tokenizer may read other columns
    measured = [f"{JUDGED}{name}" for name in dict.fromkeys(config.documents.values())]
    read = table_bytes(documents.select(measured)).sum()
    if not read:
        return Sample(ScoreCounts(), 0)
    ids = tokenize(documents, with_fast(tokenizer, False)).column("_ids")
    differs = None
    if tokenizer.fast:
        fast = tokenize(documents, tokenizer).column("_ids")
        differing = differing_row(documents, fast, ids)
        differs = f"{file.path} {differing}" if differing else None
    counts = total((estimator.of(row.values.to_numpy()) for row in ids), ScoreCounts)
    counts.tokens = sum(pc.list_value_length(ids).to_pylist())
    text_bytes = footer.text_bytes[group]
    return Sample(counts.scaled(text_bytes / float(read)), text_bytes, differs)
