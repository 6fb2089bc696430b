"""Finds a document that was judged before: an engine judges it before a document is blamed."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from rm_ray.cluster.fit import TASK_CPUS
from rm_ray.config import InputConfig
from rm_ray.corpus.plan import ReadUnit
from rm_ray.corpus.reading import read_patiently
from rm_ray.corpus.shards import Shard
from rm_ray.judges.judge import DocumentTokenizer, TokenIds
from rm_ray.run.output.commit import read_part
from rm_ray.run.shard_job import DoneRows
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.read_stage import tokenize

# Most parts or pieces that are searched for a document with a reward.
TRIES = 8


def known_good(
    results: Iterator[DoneRows[ReadUnit]], inputs: InputConfig, tokenizer_ref: Any
) -> Any:
    """Return a Ray reference to the token ids of a document with a reward; None if none is found.

    Args:
        results: the parts and pieces of the run.
        inputs: the corpus's configuration.
        tokenizer_ref: a Ray reference to the tokenizing half of the judge.
    """
    for result in islice(results, TRIES):
        document = _with_reward.remote(result, inputs, tokenizer_ref)
        if ray.get(document) is not None:
            return document
    return None


@ray.remote(num_cpus=TASK_CPUS, max_retries=3)
def _with_reward(
    result: DoneRows[ReadUnit], inputs: InputConfig, tokenizer: DocumentTokenizer
) -> TokenIds | None:
    """Return the token ids of the shortest document of a part that has a reward."""
    folder, span, unit = result
    try:
        rewards, _ = read_part(folder, span.part, ScoreCounts)
        scored = rewards.filter(pc.is_valid(rewards.column("reward"))).sort_by("n_tokens")
        if not len(scored):
            return None
        row = scored.column("row")[0].as_py()
        row_unit = replace(unit, shards=(Shard(span.file, row, row + 1),))
        ((_, documents),) = read_patiently(row_unit, inputs, tokenizer.columns)
    except (OSError, pa.ArrowInvalid):
        return None  # another part will do
    ids: TokenIds = tokenize(documents, tokenizer).column("_ids")[0].values.to_numpy()
    return ids
