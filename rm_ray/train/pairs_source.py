"""Labelled pairs as what is learnt from."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.errors import InputError
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.pairs.reading import VALIDATION, PairsSource, open_pairs, read_pairs
from rm_ray.train.config import PairsConfig, TrainConfig
from rm_ray.train.start import Start
from rm_ray.train.task import Examples

COLUMNS = (
    *("source_file", "row", "chunk", "kind", "context"),
    *("prompt_ids", "chosen_ids", "rejected_ids"),
)


@dataclass(frozen=True)
class LabelledPairs:
    """Tables of pairs, and the judge that is asked about them."""

    judge: PreferenceJudge
    tables: PairsSource = field(repr=False)
    counts: Mapping[str, Mapping[str, int]]

    @classmethod
    def open(cls, config: PairsConfig, judge: PreferenceJudge, start: Start) -> "LabelledPairs":
        """List the tables, and count their pairs.

        Raises:
            InputError: there are none, or they were made for another judge.
        """
        facts = {"judge.chunk_tokens": judge.rule.chunk, "tokenizer": start.tokenizer_digest}
        tables = open_pairs(config.path, config.storage, facts)
        return cls(judge, tables, _counted(tables))

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The tables by name and size."""
        return {"pairs": sorted([file.name, file.size] for file in self.tables.files)}

    @property
    def told(self) -> dict[str, Any]:
        """The kinds of pairs in each split."""
        return {f"Pairs, {split}": dict(kinds) for split, kinds in sorted(self.counts.items())}

    @property
    def scale(self) -> tuple[float, float]:
        """Pairs have no rewards."""
        return 0.0, 1.0

    def load(self, split: str, config: TrainConfig) -> Examples:
        """The pairs of a split; those to measure with are at most `validation.pairs`."""
        from rm_ray.train.examples import pair_examples  # torch takes seconds

        table = pa.concat_tables(read_pairs(self.tables, COLUMNS, split))
        most = config.validation.pairs
        if split == VALIDATION and len(table) > most:
            rng = np.random.default_rng(config.train.seed)
            table = table.take(pa.array(np.sort(rng.choice(len(table), most, replace=False))))
        found = pair_examples(table, self.judge)
        chunk, context = self.judge.rule.chunk, self.judge.rule.context
        for name, lists in (("chosen_ids", found.chosen), ("rejected_ids", found.rejected)):
            if len(wrong := np.flatnonzero(lists.lengths != chunk)):
                raise InputError(
                    f"pairs.path: {name} of the pair {found.name(int(wrong[0]))} has "
                    f"{lists.lengths[wrong[0]]} tokens, and the judge's chunks have {chunk} "
                    "(judge.chunk_tokens)"
                )
        if len(wrong := np.flatnonzero(found.lengths > context)):
            raise InputError(
                f"pairs.path: the context of the pair {found.name(int(wrong[0]))} has "
                f"{found.lengths[wrong[0]]} tokens, and the judge takes {context} "
                "(judge.context_tokens)"
            )
        return found


def _counted(tables: PairsSource) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for table in read_pairs(tables, ("split", "kind")):
        for row in table.group_by(["split", "kind"]).aggregate([([], "count_all")]).to_pylist():
            found.setdefault(str(row["split"]), Counter())[str(row["kind"])] += row["count_all"]
    return {split: dict(sorted(kinds.items())) for split, kinds in found.items()}
