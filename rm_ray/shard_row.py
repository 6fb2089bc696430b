"""A shard's documents as one row of a Ray dataset.

Ray may split and merge blocks of rows as it likes; a shard that is one row stays whole. Its
documents sit in one list column, so the row's other columns say which shard it is.
"""

import pyarrow as pa

from rm_ray.plan import Shard


def pack(shard: Shard, documents: pa.Table, note: str = "") -> pa.Table:
    """One row: the shard, all its documents, and a note that travels with them."""
    columns = [_whole(documents.column(name)) for name in documents.column_names]
    rows = pa.StructArray.from_arrays(columns, fields=list(documents.schema))
    listed = pa.LargeListArray.from_arrays(pa.array([0, len(rows)], pa.int64()), rows)
    return pa.table(
        {
            "file": [shard.file],
            "start": [shard.start],
            "stop": [shard.stop],
            "documents": listed,
            "note": [note],
        }
    )


def unpack(block: pa.Table) -> list[tuple[Shard, pa.Table, str]]:
    """The shards of a block that `pack` made, with their documents and notes."""
    shards = []
    for i in range(block.num_rows):
        row = {name: block.column(name)[i] for name in block.column_names}
        shard = Shard(row["file"].as_py(), row["start"].as_py(), row["stop"].as_py())
        documents = pa.Table.from_struct_array(row["documents"].values)
        shards.append((shard, documents, row["note"].as_py()))
    return shards


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
