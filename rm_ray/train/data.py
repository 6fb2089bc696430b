"""From tables of pairs to the examples that a worker holds."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from rm_ray.errors import InputError
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.pairs.reading import TRAIN, VALIDATION, PairsSource, read_pairs
from rm_ray.train.config import TrainConfig
from rm_ray.train.examples import Examples, PairExamples, pair_examples

log = logging.getLogger(__name__)

PAIR_COLUMNS = (
    *("source_file", "row", "chunk", "kind", "context"),
    *("prompt_ids", "chosen_ids", "rejected_ids"),
)


@dataclass(frozen=True)
class Source:
    """Where examples are read from, by every worker for itself."""

    judge: PreferenceJudge
    pairs: PairsSource = field(repr=False)


def load_examples(
    source: Source, config: TrainConfig, *, log_it: bool = False
) -> tuple[Examples, Examples]:
    """The examples to learn from, and those to measure with.

    Raises:
        InputError: there are none in a split, or they are not this judge's.
    """
    train = _pairs(source, TRAIN)
    validation = _pairs(source, VALIDATION, config.validation.pairs, config.train.seed)
    if log_it:
        log.info("%d pairs to learn from, %d to measure with", len(train), len(validation))
    return train, validation


def check_split(split: str, count: int) -> None:
    """Refuse a split without a pair.

    Raises:
        InputError: naming it.
    """
    if not count:
        raise InputError(
            f"pairs.path: there are no pairs of the split {split!r}; make some of more documents"
        )


def check_enough(count: int, config: TrainConfig) -> None:
    """Refuse examples that do not fill one batch.

    Raises:
        InputError: saying how many there are.
    """
    if count < config.pairs_a_step:
        raise InputError(
            f"{count} examples to learn from do not fill one step of "
            f"{config.pairs_a_step}; lower --train.batch_windows, or make more pairs"
        )


def _pairs(source: Source, split: str, most: int | None = None, seed: int = 0) -> PairExamples:
    tables = list(read_pairs(source.pairs, PAIR_COLUMNS, split))
    count = sum(map(len, tables))
    check_split(split, count)
    table = pa.concat_tables(tables)
    if most and count > most:
        chosen = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
        table = table.take(pa.array(chosen))
    found = pair_examples([table], source.judge)
    check_fit(found, source.judge)
    return found


def check_fit(found: PairExamples, judge: PreferenceJudge) -> None:
    """Refuse pairs that are not windows of this judge.

    Raises:
        InputError: with what differs.
    """
    chunk, context = judge.rule.chunk, judge.rule.context
    for name, lists in (("chosen_ids", found.chosen), ("rejected_ids", found.rejected)):
        if len(wrong := np.flatnonzero(lists.lengths != chunk)):
            raise InputError(
                f"pairs.path: {name} of {found.name(int(wrong[0]))} has "
                f"{lists.lengths[wrong[0]]} tokens, and the judge's chunks have {chunk} "
                "(judge.chunk_tokens)"
            )
    if len(wrong := np.flatnonzero(found.lengths > context)):
        raise InputError(
            f"pairs.path: the context of {found.name(int(wrong[0]))} has "
            f"{found.lengths[wrong[0]]} tokens, and the judge takes {context} "
            "(judge.context_tokens)"
        )


def lengths_of(source: Source) -> Sequence[int]:
    """Tokens of each context to learn from, for a dry run."""
    found: list[int] = _pairs(source, TRAIN).lengths.tolist()
    return found
