"""Find encrypted columns in a file with a plain footer: reading one ends pyarrow's process."""

from rm_ray.parquet.footer import ENCRYPTION, StoredFooter
from rm_ray.parquet.schema import columns
from rm_ray.parquet.thrift import get

# Numbers of fields: RowGroup's columns; ColumnChunk's encryption.
COLUMNS, CRYPTO = 1, 8


def encrypted_columns(footer: StoredFooter) -> list[str]:
    """Return the top-level columns with encrypted values."""
    if get(footer.fields, ENCRYPTION) is None:
        return []
    leaves = [leaf.path[0] for column in columns(footer.elements) for leaf in column.leaves()]
    encrypted = {
        name
        for group in footer.row_groups
        for name, chunk in zip(leaves, get(group, COLUMNS).values, strict=True)
        if get(chunk, CRYPTO) is not None
    }
    return [name for name in dict.fromkeys(leaves) if name in encrypted]
