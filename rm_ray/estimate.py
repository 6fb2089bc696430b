"""What the corpus holds, estimated from a sample of documents before anything is scored.

The same figures cut the shards (tokens per byte) and answer `--dry-run`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus import Footer, InputFile
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.plan import ReadUnit, Shard
from rm_ray.reading import read_shards, tokenize

SAMPLED_GROUPS = 24
SAMPLED_ROWS = 48

# Bytes of English text in one token of a large vocabulary; used where nothing could be sampled.
BYTES_PER_TOKEN = 4.0


@dataclass(frozen=True)
class CorpusEstimate:
    """Sums over sampled documents, scaled to their row groups. Tokens unless they say otherwise.

    `text_bytes`: the sampled row groups' text columns as their footers give them.
    """

    text_bytes: float = 0.0
    tokens: float = 0.0
    windows: float = 0.0
    minimum_tokens: float = 0.0

    def __add__(self, other: "CorpusEstimate") -> "CorpusEstimate":
        mine, theirs = vars(self), vars(other)
        return CorpusEstimate(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def tokens_per_byte(self) -> float:
        """Document tokens per byte of text column."""
        return self.tokens / self.text_bytes if self.tokens else 1 / BYTES_PER_TOKEN

    def scaled_to(self, text_bytes: float) -> "CorpusEstimate":
        """What so many bytes of the same corpus would hold."""
        scale = text_bytes / self.text_bytes if self.text_bytes else 0.0
        return CorpusEstimate(**{name: value * scale for name, value in vars(self).items()})


def estimate_corpus(
    files: Sequence[InputFile], footers: Mapping[str, Footer], config: InputConfig, judge: Any
) -> CorpusEstimate:
    """Tokenise a few documents of row groups spread evenly over the corpus's bytes.

    Args:
        judge: a Ray object reference to the PreferenceJudge.
    """
    groups = [
        (file, group)
        for file in files
        for group, rows in enumerate(footers[file.path].rows)
        if rows
    ]
    tasks = [
        _sample_group.remote(file, group, footers[file.path], config, judge)
        for file, group in _spread(groups, footers)
    ]
    return sum(ray.get(tasks), CorpusEstimate())


def _spread(
    groups: list[tuple[InputFile, int]], footers: Mapping[str, Footer]
) -> list[tuple[InputFile, int]]:
    """At most SAMPLED_GROUPS row groups, one at each of as many evenly spaced bytes."""
    sizes = [footers[file.path].text_bytes[group] for file, group in groups]
    step = sum(sizes) / SAMPLED_GROUPS
    chosen, position, target = [], 0.0, step / 2
    for group, size in zip(groups, sizes, strict=True):
        position += size
        if position >= target:
            chosen.append(group)
            while step and target <= position:
                target += step
    return chosen


@ray.remote(num_cpus=0.5, max_retries=3)
def _sample_group(
    file: InputFile, group: int, footer: Footer, config: InputConfig, judge: PreferenceJudge
) -> CorpusEstimate:
    rows = footer.rows[group]
    taken = min(rows, SAMPLED_ROWS)
    first = sum(footer.rows[:group])
    shard = Shard(file.path, first, first + taken)
    unit = ReadUnit(file.path, file.partition, group, group + 1, first, (shard,))
    everything = config.model_copy(update={"sample_fraction": 1.0})
    try:
        documents = next(table for _, table in read_shards(unit, everything))
    except (OSError, pa.ArrowException):
        return CorpusEstimate()  # an estimate does without it; the run will say what is wrong
    ids = tokenize(documents, judge).column("_ids")
    lengths = pc.list_value_length(ids).to_pylist()
    chosen = [judge.chosen(row.values.to_numpy()) for row in ids]
    return CorpusEstimate(
        text_bytes=footer.text_bytes[group],
        tokens=sum(lengths) * rows / taken,
        windows=sum(map(len, chosen)) * rows / taken,
        minimum_tokens=sum(map(judge.exact_minimum, lengths, chosen)) * rows / taken,
    )
