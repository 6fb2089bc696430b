"""The footer of a file as it is stored: the fields of the format's FileMetaData."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.parquet.thrift import (
    BINARY,
    LIST,
    STRUCT,
    Field,
    Items,
    NotThrift,
    Struct,
    decode_value,
    encode_value,
    get,
    join,
    put,
    split,
    without,
)

MAGIC = b"PAR1"
# Bytes that follow a footer: its length and the magic number.
ENDING = 8
# Bytes fetched at once from the end of a file: most footers are smaller.
TAIL_BYTES = 64 << 10
# Numbers of FileMetaData's fields.
SCHEMA, ROWS, ROW_GROUPS, KEY_VALUES, COLUMN_ORDERS = 2, 3, 4, 5, 7
ENCRYPTION, SIGNING_KEY = 8, 9
# The key of the Arrow schema that Arrow's writers store.
ARROW_SCHEMA = b"ARROW:schema"

KeyValue = tuple[bytes, bytes | None]


@dataclass(frozen=True)
class StoredFooter:
    """A stored footer decodes each field only when it is asked for.

    The row groups of a wide file are most of its footer, and few readers need the row groups.
    """

    fields: Struct
    """Fields of FileMetaData, each value left as the bytes in the file."""

    @classmethod
    def parse(cls, data: bytes) -> "StoredFooter":
        """Read a footer from its bytes; a signature may follow these.

        Raises:
            ArrowInvalid: the bytes are not a footer.
        """
        try:
            return cls(split(data)[0])
        except NotThrift as error:
            raise pa.ArrowInvalid(f"the footer is damaged: {error}") from None

    @classmethod
    def read(cls, file: BinaryIO) -> "StoredFooter":
        """Read the footer of an open file.

        Raises:
            ArrowInvalid: the file is not a Parquet file, or its footer is damaged or encrypted.
        """
        return cls.parse(footer_bytes(file))

    @staticmethod
    def as_metadata(data: bytes) -> pq.FileMetaData:
        """Return the bytes of a footer as pyarrow's metadata.

        Raises:
            ArrowException: pyarrow does not accept the footer.
        """
        return pq.read_metadata(pa.BufferReader(MAGIC + ended(data)))

    def to_bytes(self) -> bytes:
        """Return the footer's bytes, without its length and the magic number."""
        return join(self.fields)

    def metadata(self) -> pq.FileMetaData:
        """Return the footer as pyarrow's metadata.

        Raises:
            ArrowException: pyarrow does not accept the footer.
        """
        return self.as_metadata(self.to_bytes())

    @property
    def rows(self) -> int:
        """Return how many rows the file has."""
        return int(decode_value(6, get(self.fields, ROWS, b"\0")))

    @property
    def elements(self) -> list[Struct]:
        """Return the schema's elements, depth first, beginning with the root.

        Raises:
            ArrowInvalid: the schema is damaged.
        """
        return self._items(SCHEMA)

    @property
    def row_groups(self) -> list[Struct]:
        """Return the row groups.

        Raises:
            ArrowInvalid: the row groups are damaged.
        """
        return self._items(ROW_GROUPS)

    @property
    def key_values(self) -> list[KeyValue]:
        """Return the file's own metadata: its keys and values, in order."""
        return [(get(pair, 1, b""), get(pair, 2)) for pair in self._items(KEY_VALUES)]

    def with_elements(self, elements: list[Struct]) -> "StoredFooter":
        """Return the footer with another schema."""
        return self._with_items(SCHEMA, elements)

    def with_row_groups(self, groups: list[Struct]) -> "StoredFooter":
        """Return the footer with other row groups."""
        return self._with_items(ROW_GROUPS, groups)

    def with_key_values(self, pairs: Iterable[KeyValue]) -> "StoredFooter":
        """Return the footer with other metadata; if there is none, the field is left out."""
        written = [
            [Field(1, BINARY, key)] + ([] if value is None else [Field(2, BINARY, value)])
            for key, value in pairs
        ]
        if not written:
            return self.without(KEY_VALUES)
        return self._with_items(KEY_VALUES, written)

    def without(self, *numbers: int) -> "StoredFooter":
        """Return the footer without some fields of FileMetaData."""
        return StoredFooter(without(self.fields, *numbers))

    def _items(self, number: int) -> list[Struct]:
        data = get(self.fields, number)
        try:
            items: Items = decode_value(LIST, data) if data else Items(STRUCT, [])
        except NotThrift as error:
            raise pa.ArrowInvalid(f"the footer is damaged: {error}") from None
        return items.values

    def _with_items(self, number: int, structs: list[Struct]) -> "StoredFooter":
        data = encode_value(LIST, Items(STRUCT, structs))
        return StoredFooter(put(self.fields, number, LIST, data))


def footer_bytes(file: BinaryIO) -> bytes:
    """Return the bytes of an open file's footer, fetched in one request unless it is large.

    Raises:
        ArrowInvalid: the file is not a Parquet file, or its footer is encrypted.
    """
    size = file.seek(0, 2)
    tail = _read_from(file, max(0, size - TAIL_BYTES))
    if tail[-4:] == b"PARE":
        raise pa.ArrowInvalid("its footer is encrypted; decrypt the file before the run")
    if size < 12 or tail[-4:] != MAGIC:
        raise pa.ArrowInvalid("it does not end as Parquet files do, with PAR1")
    length = int.from_bytes(tail[-8:-4], "little")
    if length + 12 > size:
        raise pa.ArrowInvalid(f"its footer would have {length:,} bytes")
    if length + 8 > len(tail):
        tail = _read_from(file, size - 8 - length)
    return tail[-8 - length : -8]


def ended(footer: bytes) -> bytes:
    """Return the end of a file: its footer, the footer's length, and the magic number."""
    return b"".join([footer, len(footer).to_bytes(4, "little"), MAGIC])


def _read_from(file: BinaryIO, start: int) -> bytes:
    file.seek(start)
    return file.read()
