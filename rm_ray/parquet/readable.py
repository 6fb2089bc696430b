"""Find the columns that pyarrow can read, so that one bad column does not hide the others."""

from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.bare import prune
from rm_ray.parquet.encryption import encrypted_columns
from rm_ray.parquet.footer import ARROW_SCHEMA, StoredFooter, footer_bytes
from rm_ray.parquet.schema import FIXED, columns

# A function that does something with a footer in pyarrow.
Use = Callable[[StoredFooter], object]
ENCRYPTED = "is encrypted; decrypt it before the run"


def readable(file: BinaryIO) -> tuple[pq.FileMetaData, dict[str, str]]:
    """Return pyarrow's metadata of a file, without the columns that pyarrow cannot read.

    Returns:
        The metadata, and the columns that are left out, each with the reason.

    Raises:
        ArrowInvalid: the file is not a Parquet file, or is damaged.
    """
    data = footer_bytes(file)
    try:
        metadata = StoredFooter.as_metadata(data)
    except pa.ArrowException:
        return _readable(StoredFooter.parse(data))
    if metadata.serialized_size == len(data):
        return metadata, {}
    # a signature follows the footer, as in files with encrypted columns
    return _readable(StoredFooter.parse(data))


def columns_refused(footer: StoredFooter, use: Use) -> dict[str, str]:
    """Return the top-level columns that pyarrow refuses, each with pyarrow's reason.

    The columns are tried one by one.

    Args:
        footer: the footer of the file.
        use: does something with a footer in pyarrow; raises ArrowException if pyarrow refuses.

    Raises:
        ArrowInvalid: pyarrow refuses the file, but no single column.
    """
    if not (reason := refusal(footer, use)):
        return {}
    names = [column.path[0] for column in columns(footer.elements)]
    alone = {name: refusal(prune(footer, {*names} - {name}), use) for name in names}
    if refused := {name: f"cannot be read: {why}" for name, why in alone.items() if why}:
        return refused
    raise pa.ArrowInvalid(reason)


def refusal(footer: StoredFooter, use: Use) -> str:
    """Return pyarrow's error about a footer; "" if pyarrow accepts the footer."""
    try:
        use(footer)
    except pa.ArrowException as error:
        return str(error)
    return ""


def _readable(footer: StoredFooter) -> tuple[pq.FileMetaData, dict[str, str]]:
    left_out = dict.fromkeys(encrypted_columns(footer), ENCRYPTED)
    footer = prune(footer, left_out)
    if reason := refusal(footer, StoredFooter.metadata):
        pairs = [pair for pair in footer.key_values if pair[0] != ARROW_SCHEMA]
        plain = footer.with_key_values(pairs)
        wrong = columns_refused(plain, StoredFooter.metadata)
        if not wrong:
            # the stored Arrow schema is at fault: it gives a type to bytes without an annotation
            wrong = dict.fromkeys(_unannotated(plain), f"is of a type that pyarrow lacks: {reason}")
        footer, left_out = prune(plain, wrong), left_out | wrong
    return footer.metadata(), left_out


def _unannotated(footer: StoredFooter) -> list[str]:
    """Return the top-level columns with bytes of fixed length and no Parquet annotation."""
    return [
        column.path[0]
        for column in columns(footer.elements)
        if any(
            leaf.physical == FIXED and leaf.converted is None and leaf.logical is None
            for leaf in column.leaves()
        )
    ]
