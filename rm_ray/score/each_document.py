"""Finds the judge of each document: how much of it is judged may go by its row and its group."""

from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa

from rm_ray.corpus.groups import grouped
from rm_ray.corpus.reading import FIRST_CHUNK
from rm_ray.judges.judge import Judge


def judges_of(documents: pa.Table, judge: Judge) -> Sequence[Judge]:
    """Return the judge of each document, [documents].

    Args:
        documents: the documents, with the columns that make the judge's groups, and the column of
            first chunks if a table of rows names these.
        judge: the run's judge.
    """
    has_firsts = FIRST_CHUNK in documents.column_names
    if not has_firsts and not judge.groups_by:
        return [judge] * len(documents)
    firsts = documents.column(FIRST_CHUNK).to_pylist() if has_firsts else [0] * len(documents)
    labels, codes = grouped([documents.column(name) for name in judge.groups_by], len(documents))
    judge_of = lru_cache(maxsize=None)(judge.for_document)
    return [judge_of(first, labels[code]) for first, code in zip(firsts, codes, strict=True)]
