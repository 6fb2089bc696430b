"""Files whose footer does not tell the sizes of their values, as older writers write them."""

from pathlib import Path

from rm_ray.parquet.footer import StoredFooter, footer_bytes
from rm_ray.parquet.sizes import COLUMNS, ENCODING_STATS, META, SIZE_STATISTICS
from rm_ray.parquet.thrift import LIST, STRUCT, Items, get, put, without


def unsize(path: Path, *more: int) -> None:
    """Remove the size statistics of all chunks of a file, and other fields of ColumnMetaData."""
    with path.open("rb") as file:
        stored = footer_bytes(file)
    footer = StoredFooter.parse(stored)
    groups = []
    for group in footer.row_groups:
        chunks = [
            put(chunk, META, STRUCT, without(get(chunk, META), SIZE_STATISTICS, *more))
            for chunk in get(group, COLUMNS).values
        ]
        groups.append(put(group, COLUMNS, LIST, Items(STRUCT, chunks)))
    written = footer.with_row_groups(groups).to_bytes()
    body = path.read_bytes()[: -8 - len(stored)]
    path.write_bytes(b"".join([body, written, len(written).to_bytes(4, "little"), b"PAR1"]))


__all__ = ["ENCODING_STATS", "unsize"]
