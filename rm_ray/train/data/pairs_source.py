"""Labelled pairs as what is learnt from."""

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
from rm_ray.train.config import PairsConfig, TrainConfig
from rm_ray.train.start import Start
from rm_ray.train.task import Examples

COLUMNS = (
    *("source_file", "row", "chunk", "kind", "context", "split"),
    *("prompt_ids", "chosen_ids", "rejected_ids"),
)
TEXTS = ("prompt", "chosen", "rejected")
# Of tables that name no split, one context in so many is kept for validation.
VALIDATION_ONE_IN = 20


@dataclass(frozen=True)
class LabelledPairs:
    """Tables of pairs, and the judge that is asked about them."""

    judge: PreferenceJudge
    tables: PairsSource = field(repr=False)
    counts: Mapping[str, Mapping[str, int]]
    tokenizer_json: str = field(repr=False)
    """A plain tokenizer, for tables that hold texts and no ids."""
    needs_texts: bool = False
    """A table has no ids, or names no split."""

    @classmethod
    def open(cls, config: PairsConfig, judge: PreferenceJudge, start: Start) -> "LabelledPairs":
        """List the tables, and count their pairs.

        Raises:
            InputError: there are none, or they were made for another judge.
        """
        facts = {"judge.chunk_tokens": judge.rule.chunk, "tokenizer": start.tokenizer_digest}
        tables = open_pairs(config.path, config.storage, facts)
        texts = _needs_texts(tables)
        counts = _counted(tables, ("prompt",) if texts else ())
        return cls(judge, tables, counts, plain_tokenizer(start.files.json), texts)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The tables by name and size."""
        files = self.tables.files
        return {"pairs": sorted([file.path.rpartition("/")[2], file.size] for file in files)}

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
        from rm_ray.train.data.examples import pair_examples  # torch takes seconds

        table = pa.concat_tables(self._tables(split))
        most = config.validation.pairs
        if split == VALIDATION and len(table) > most:
            rng = np.random.default_rng(config.train.seed)
            table = table.take(pa.array(np.sort(rng.choice(len(table), most, replace=False))))
        found = pair_examples(table, self.judge)
        chunk, context = self.judge.rule.chunk, self.judge.rule.context
        for name, lists in (("chosen", found.chosen), ("rejected", found.rejected)):
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

    def _tables(self, split: str) -> list[pa.Table]:
        if not self.needs_texts:
            return list(read_pairs(self.tables, COLUMNS, split))
        found = []
        for table in read_pairs(self.tables, (*COLUMNS, *TEXTS), split):
            mine = table.filter(pc.equal(split_column(table), split))
            found.append(self._with_ids(mine).select(COLUMNS))
        return found

    def _with_ids(self, table: pa.Table) -> pa.Table:
        """The ids of texts, where a table holds none."""
        for name in TEXTS:
            ids = table.column(f"{name}_ids")
            if len(table) and ids.null_count:
                texts = [text or "" for text in table.column(name).to_pylist()]
                tokens = encode_all(load_tokenizer(self.tokenizer_json), texts)
                made = pa.array([one.tolist() for one in tokens], pa.list_(pa.int32()))
                place = table.column_names.index(f"{name}_ids")
                table = table.set_column(place, f"{name}_ids", pa.chunked_array([made]))
        return table


def split_column(table: pa.Table) -> pa.ChunkedArray:
    """The split of each pair; where a table names none, by a hash of the context."""
    split = table.column("split")
    if not split.null_count:
        return split
    made = [
        VALIDATION if _hashed(text) % VALIDATION_ONE_IN == 0 else TRAIN
        for text in table.column("prompt").to_pylist()
    ]
    return pc.coalesce(split, pa.chunked_array([pa.array(made, pa.string())]))


def _hashed(text: str | None) -> int:
    return zlib.crc32((text or "").encode("utf-8", "replace"))


def _needs_texts(tables: PairsSource) -> bool:
    """Whether a table has no ids, or names no split: these are known by the texts."""
    read = read_pairs(tables, ("split", "chosen_ids"))
    return any(column.null_count for table in read for column in table.columns)


def _counted(tables: PairsSource, more: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for table in read_pairs(tables, ("split", "kind", *more)):
        kinds = pc.fill_null(table.column("kind"), "unnamed")
        named = pa.table({"split": split_column(table), "kind": kinds})
        for row in named.group_by(["split", "kind"]).aggregate([([], "count_all")]).to_pylist():
            found.setdefault(row["split"], Counter())[row["kind"]] += row["count_all"]
    return {split: dict(sorted(kinds.items())) for split, kinds in found.items()}
