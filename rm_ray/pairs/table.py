"""The output: one row a pair of a real chunk and one made worse, after the same context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from rm_ray.judges.judge import TokenIds

TRAIN = "train"
VALIDATION = "validation"
Extent = Literal["all", "part"]
ContextKind = Literal["clean", "broken"]

# The columns of every pair; the id and the kept columns stand before them.
SCHEMA = pa.schema(
    {
        "source_file": pa.string(),
        "row": pa.int64(),
        "prompt": pa.string(),
        "chosen": pa.string(),
        "rejected": pa.string(),
        "prompt_ids": pa.list_(pa.int32()),
        "chosen_ids": pa.list_(pa.int32()),
        "rejected_ids": pa.list_(pa.int32()),
        "kind": pa.string(),
        "extent": pa.string(),
        "context": pa.string(),
        "temperature": pa.float32(),
        "seed": pa.int64(),
        "chunk": pa.int32(),
        "split": pa.string(),
    }
)


@dataclass(frozen=True)
class Pair:
    """A real chunk and a worse one, as token ids, and how the worse one was made."""

    prompt_ids: TokenIds
    chosen_ids: TokenIds
    rejected_ids: TokenIds
    kind: str
    extent: Extent
    context: ContextKind
    temperature: float | None
    seed: int
    chunk: int
    split: str


def pair_table(
    source_file: str,
    documents: pa.Table,
    pairs: Sequence[Sequence[Pair]],
    texts: Mapping[str, Sequence[str]],
) -> pa.Table:
    """The output rows of some documents, in the order given.

    Args:
        documents: with their numbers in the file (`_row`) and the columns that are copied.
        pairs: of each document.
        texts: `prompt`, `chosen` and `rejected` of each pair, in the same order.
    """
    flat = [pair for some in pairs for pair in some]
    taken = pa.array([n for n, some in enumerate(pairs) for _ in some], pa.int64())
    carried = [name for name in documents.column_names if not name.startswith("_")]
    columns: dict[str, Any] = {name: documents.column(name).take(taken) for name in carried}
    columns["source_file"] = pa.array([source_file] * len(flat), pa.string())
    columns["row"] = documents.column("_row").take(taken)
    for field in SCHEMA:
        if field.name in columns:
            continue
        values = texts.get(field.name)
        if values is None:
            values = [getattr(pair, field.name) for pair in flat]
        columns[field.name] = pa.array(values, field.type)
    return pa.table(columns)
