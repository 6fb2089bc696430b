"""The output table: one row per pair of a real chunk and a worse chunk, after the same context."""

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
    """A pair is a real chunk and a worse chunk, as token ids."""

    prompt_ids: TokenIds
    """Token ids of the context."""
    chosen_ids: TokenIds
    """Token ids of the real chunk."""
    rejected_ids: TokenIds
    """Token ids of the worse chunk."""
    kind: str
    """Kind of the pair: the way in which the chunk was made worse."""
    extent: Extent
    """`all` if the whole chunk was made worse, `part` if its beginning is real."""
    context: ContextKind
    """`clean` for the real context, `broken` for a worse one."""
    temperature: float | None
    """Sampling temperature of the generator; None for kinds without one."""
    seed: int
    """Seed of the pair: 63 bits."""
    chunk: int
    """Number of the chunk in its document."""
    split: str
    """`train` or `validation`."""


def pair_table(
    source_file: str,
    documents: pa.Table,
    pairs: Sequence[Sequence[Pair]],
    texts: Mapping[str, Sequence[str]],
) -> pa.Table:
    """Return the output rows of some documents, in the given order.

    Args:
        source_file: the path of the documents' file.
        documents: the documents: their row numbers in the file (`_row`) and the copied columns.
        pairs: the pairs of each document.
        texts: `prompt`, `chosen` and `rejected` of each pair, in the same order.
    """
    flat = [pair for of_document in pairs for pair in of_document]
    taken = pa.array([n for n, of_document in enumerate(pairs) for _ in of_document], pa.int64())
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
