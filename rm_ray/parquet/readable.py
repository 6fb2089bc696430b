"""What pyarrow can read of a file: one column that it cannot must not hide the others."""

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.bare import prune
from rm_ray.parquet.encryption import encrypted_columns
from rm_ray.parquet.footer import ARROW_SCHEMA, StoredFooter, footer_bytes
from rm_ray.parquet.schema import FIXED, columns

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


def _readable(footer: StoredFooter) -> tuple[pq.FileMetaData, dict[str, str]]:
    left_out = dict.fromkeys(encrypted_columns(footer), ENCRYPTED)
    footer = prune(footer, left_out)
    if not (said := _refused(footer)):
        return footer.metadata(), left_out
    pairs = footer.key_values
    stored = [pair for pair in pairs if pair[0] == ARROW_SCHEMA]
    plain = footer.with_key_values(pair for pair in pairs if pair not in stored)
    if stored and not _refused(plain):
        # of what the stored schema says more of than Parquet does, only Parquet's part is known
        unclear = dict.fromkeys(_unannotated(plain), f"is of a type that pyarrow lacks: {said}")
        return prune(plain, unclear).metadata(), left_out | unclear
    names = [column.path[0] for column in columns(plain.elements)]
    alone = {name: _refused(prune(plain, {*names} - {name})) for name in names}
    wrong = {name: f"cannot be read: {said}" for name, said in alone.items() if said}
    plain = prune(plain, wrong)
    return plain.metadata(), left_out | wrong


def _refused(footer: StoredFooter) -> str:
    """What pyarrow says against a footer; nothing if it accepts it."""
    try:
        footer.metadata()
    except pa.ArrowException as error:
        return str(error)
    return ""


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
