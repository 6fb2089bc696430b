"""What pyarrow can read of a file: one column that it cannot must not hide the others."""

from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.bare import prune
from rm_ray.parquet.encryption import encrypted_columns
from rm_ray.parquet.footer import ARROW_SCHEMA, StoredFooter, footer_bytes
from rm_ray.parquet.schema import FIXED, columns

# Something that pyarrow does with a footer.
Use = Callable[[StoredFooter], object]
ENCRYPTED = "is encrypted; decrypt it before the run"


def readable(file: BinaryIO) -> tuple[pq.FileMetaData, dict[str, str]]:
    """The metadata by which pyarrow reads a file, without the columns that it cannot read.

    Returns:
        The metadata, and the columns that are left out, each with the reason.

    Raises:
        ArrowInvalid: the file is no Parquet file, or damaged.
    """
    data = footer_bytes(file)
    try:
        metadata = StoredFooter.as_metadata(data)
    except pa.ArrowException:
        return _readable(StoredFooter.parse(data))
    if metadata.serialized_size == len(data):
        return metadata, {}
    # a signature follows the footer, as it does where columns are encrypted
    return _readable(StoredFooter.parse(data))


def columns_refused(footer: StoredFooter, use: Use) -> dict[str, str]:
    """The top-level columns that pyarrow refuses, and what it says of each; tried one by one.

    Args:
        use: what pyarrow is to do with a footer; it raises ArrowException where it refuses.

    Raises:
        ArrowInvalid: pyarrow refuses the file, and no column alone.
    """
    if not (said := refusal(footer, use)):
        return {}
    names = [column.path[0] for column in columns(footer.elements)]
    alone = {name: refusal(prune(footer, {*names} - {name}), use) for name in names}
    if found := {name: f"cannot be read: {why}" for name, why in alone.items() if why}:
        return found
    raise pa.ArrowInvalid(said)


def refusal(footer: StoredFooter, use: Use) -> str:
    """What pyarrow says against a footer; nothing if it accepts it."""
    try:
        use(footer)
    except pa.ArrowException as error:
        return str(error)
    return ""


def _readable(footer: StoredFooter) -> tuple[pq.FileMetaData, dict[str, str]]:
    left_out = dict.fromkeys(encrypted_columns(footer), ENCRYPTED)
    footer = prune(footer, left_out)
    if said := refusal(footer, StoredFooter.metadata):
        pairs = [pair for pair in footer.key_values if pair[0] != ARROW_SCHEMA]
        plain = footer.with_key_values(pairs)
        wrong = columns_refused(plain, StoredFooter.metadata)
        if not wrong:
            # of what the stored schema says more of than Parquet does, only Parquet's part is known
            wrong = dict.fromkeys(_unannotated(plain), f"is of a type that pyarrow lacks: {said}")
        footer, left_out = prune(plain, wrong), left_out | wrong
    return footer.metadata(), left_out


def _unannotated(footer: StoredFooter) -> list[str]:
    """The top-level columns that hold bytes of fixed length, of which Parquet says no more."""
    return [
        column.path[0]
        for column in columns(footer.elements)
        if any(
            leaf.physical == FIXED and leaf.converted is None and leaf.logical is None
            for leaf in column.leaves()
        )
    ]
