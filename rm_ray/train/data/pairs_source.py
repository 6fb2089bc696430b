"""Labelled pairs as training data."""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.errors import InputError
from rm_ray.judges.encoding import encode_all, load_tokenizer
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.judge import PreferenceJudge
from rm_ray.pairs.reading import PairsSource, open_pairs, read_pairs
from rm_ray.pairs.table import TRAIN, VALIDATION
from rm_ray.train.config import TrainConfig, TrainingPairsConfig
from rm_ray.train.start import TrainingStart
from rm_ray.train.task import TrainingExamples

COLUMNS = (
    *("source_file", "row", "chunk", "kind", "context", "split"),
    *("prompt_ids", "chosen_ids", "rejected_ids"),
)
TEXTS = ("prompt", "chosen", "rejected")
SPLIT_BY = ("prompt", "chosen")
# In tables without a split, one context in this many is kept for validation.
VALIDATION_ONE_IN = 20


@dataclass(frozen=True)
class LabelledPairs:
    """LabelledPairs are tables of pairs, and the judge that learns them."""

    judge: PreferenceJudge
    """The judge that learns the pairs."""
    tables: PairsSource = field(repr=False)
    """The tables."""
    counts: Mapping[str, Mapping[str, int]]
    """Number of pairs by split, then by kind."""
    tokenizer_json: str = field(repr=False)
    """A plain tokenizer, for tables that hold texts and no ids."""
    needs_texts: bool = False
    """True if a table has no ids, or names no split."""

    @classmethod
    def open(
        cls, config: TrainingPairsConfig, judge: PreferenceJudge, start: TrainingStart
    ) -> "LabelledPairs":
        """List the tables, and count their pairs.

        Raises:
            InputError: there are no tables, or they were made for another judge.
        """
        facts = {"judge.chunk_tokens": judge.rule.chunk, "tokenizer": start.tokenizer_digest}
        tables = open_pairs(config.path, config.storage, facts)
        texts = _needs_texts(tables)
        counts = _counted(tables, SPLIT_BY if texts else ())
        return cls(judge, tables, counts, plain_tokenizer(start.files.json), texts)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Return the names and sizes of the tables."""
        files = self.tables.files
        return {"pairs": sorted([file.path.rpartition("/")[2], file.size] for file in files)}

    @property
    def told(self) -> dict[str, Any]:
        """Return the number of pairs per split and kind, for the model card."""
        return {f"Pairs, {split}": dict(kinds) for split, kinds in sorted(self.counts.items())}

    @property
    def scale(self) -> tuple[float, float]:
        """Return 0 and 1, because pairs have no rewards."""
        return 0.0, 1.0

    def load(self, split: str, config: TrainConfig) -> TrainingExamples:
        """Return the pairs of a split; for validation, at most `validation.pairs`."""
        from rm_ray.train.data.examples import pair_examples  # torch takes seconds

        table = pa.concat_tables(self._tables(split))
        most = config.validation.pairs
        if split == VALIDATION and len(table) > most:
            rng = np.random.default_rng(config.train.seed)
            table = table.take(pa.array(np.sort(rng.choice(len(table), most, replace=False))))
        pairs = pair_examples(table, self.judge)
        chunk, context = self.judge.rule.chunk, self.judge.rule.context
        for name, lists in (("chosen", pairs.chosen), ("rejected", pairs.rejected)):
            if len(wrong := np.flatnonzero(lists.lengths != chunk)):
                raise InputError(
                    f"pairs.path: {name} of the pair {pairs.name(int(wrong[0]))} has "
                    f"{lists.lengths[wrong[0]]} tokens, and the judge's chunks have {chunk} "
                    "(judge.chunk_tokens)"
                )
        if len(wrong := np.flatnonzero(pairs.lengths > context)):
            raise InputError(
                f"pairs.path: the context of the pair {pairs.name(int(wrong[0]))} has "
                f"{pairs.lengths[wrong[0]]} tokens, and the judge takes {context} "
                "(judge.context_tokens)"
            )
        return pairs

    def _tables(self, split: str) -> list[pa.Table]:
        if not self.needs_texts:
            return list(read_pairs(self.tables, COLUMNS, split))
        tables = []
        for table in read_pairs(self.tables, (*COLUMNS, *TEXTS), split):
            rows = table.filter(pc.equal(split_column(table), split))
            tables.append(self._with_ids(rows).select(COLUMNS))
        return tables

    def _with_ids(self, table: pa.Table) -> pa.Table:
        """Add the ids of the texts, if a table holds none."""
        for name in TEXTS:
            ids = table.column(f"{name}_ids")
            if len(table) and ids.null_count:
                texts = [text or "" for text in table.column(name).to_pylist()]
                tokens = encode_all(load_tokenizer(self.tokenizer_json), texts)
                made = pa.array([ids.tolist() for ids in tokens], pa.list_(pa.int32()))
                place = table.column_names.index(f"{name}_ids")
                table = table.set_column(place, f"{name}_ids", pa.chunked_array([made]))
        return table


def split_column(table: pa.Table) -> pa.ChunkedArray:
    """Return the split of each pair. If a table names none, a hash of the context chooses it, or a
    hash of the chosen chunk where the context is empty.
    """
    split = table.column("split")
    if not split.null_count:
        return split
    made = [
        VALIDATION if _hashed(prompt or chosen) % VALIDATION_ONE_IN == 0 else TRAIN
        for prompt, chosen in zip(
            *(table.column(name).to_pylist() for name in SPLIT_BY), strict=True
        )
    ]
    return pc.coalesce(split, pa.chunked_array([pa.array(made, pa.string())]))


def _hashed(text: str | None) -> int:
    return zlib.crc32((text or "").encode("utf-8", "replace"))


def _needs_texts(tables: PairsSource) -> bool:
    """Return True if a table has no ids or names no split, so that its texts must be read."""
    read = read_pairs(tables, ("split", "chosen_ids"))
    return any(column.null_count for table in read for column in table.columns)


def _counted(tables: PairsSource, extra: Sequence[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for table in read_pairs(tables, ("split", "kind", *extra)):
        kinds = pc.fill_null(table.column("kind"), "unnamed")
        named = pa.table({"split": split_column(table), "kind": kinds})
        for row in named.group_by(["split", "kind"]).aggregate([([], "count_all")]).to_pylist():
            counts.setdefault(row["split"], Counter())[row["kind"]] += row["count_all"]
    return {split: dict(sorted(kinds.items())) for split, kinds in counts.items()}
