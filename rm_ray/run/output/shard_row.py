"""Packs the documents of a shard or piece into one row of a Ray dataset.

Ray may split and merge blocks of rows, but a shard that is one row stays whole. The documents are
in one list column, and the row's other columns identify the shard.
"""

import pyarrow as pa

from rm_ray.corpus.shards import Piece, Shard


def pack(shard: Shard, documents: pa.Table, note: str = "") -> pa.Table:
    """Return a table of one row: the shard, all its documents, and a note."""
    columns = [_whole(documents.column(name)) for name in documents.column_names]
    rows = pa.StructArray.from_arrays(columns, fields=list(documents.schema))
    listed = pa.LargeListArray.from_arrays(pa.array([0, len(rows)], pa.int64()), rows)
    return pa.table(
        {
            "file": [shard.file],
            "start": [shard.start],
            "stop": [shard.stop],
            "alone": pa.array([shard.alone if isinstance(shard, Piece) else None], pa.bool_()),
            "failed_on": [shard.failed_on if isinstance(shard, Piece) else ""],
            "documents": listed,
            "note": [note],
        }
    )


def unpack(block: pa.Table) -> list[tuple[Shard, pa.Table, str]]:
    """Return the shards of a block that `pack` made, with their documents and notes."""
    shards = []
    for i in range(block.num_rows):
        row = {n: block.column(n)[i].as_py() for n in block.column_names if n != "documents"}
        shard = Shard(row["file"], row["start"], row["stop"])
        if row["alone"] is not None:
            shard = Piece(
                file=shard.file,
                start=shard.start,
                stop=shard.stop,
                alone=row["alone"],
                failed_on=row["failed_on"],
            )
        documents = pa.Table.from_struct_array(block.column("documents")[i].values)
        shards.append((shard, documents, row["note"]))
    return shards


def _whole(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
