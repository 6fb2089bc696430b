"""Pages of a column: what stands before each of them."""

from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from rm_ray.parquet.thrift import NotThrift, decode, get

# Numbers of PageHeader's fields.
CHECKSUM, DATA_V1, DICTIONARY, DATA_V2 = 4, 5, 7, 8
COMPRESSED_SIZE = 3
# Fetched for a header; one that holds long statistics is larger.
HEADER_BYTES, MOST_HEADER_BYTES = 1 << 10, 16 << 20


@dataclass(frozen=True)
class PageHeader:
    """What stands before a page."""

    version: str = "1.0"
    """Of a data page."""
    has_checksum: bool = False
    """Whether the page's bytes have a checksum."""
    values: int = 0
    """How many values the page has, nulls among them."""
    encoding: int = 0
    """The number of the values' encoding."""
    end: int = 0
    """The byte of the file after the page."""


def page_header(file: BinaryIO, at: int) -> PageHeader:
    """Read the header that begins at a byte of an open file.

    Raises:
        ArrowInvalid: no header is there.
    """
    size = HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(size)
        try:
            header, length = decode(data)
            break
        except NotThrift as error:
            if len(data) < size or size >= MOST_HEADER_BYTES:
                raise pa.ArrowInvalid(f"there is no page at byte {at:,}: {error}") from None
            size *= 16
    second = get(header, DATA_V2)
    page = second or get(header, DATA_V1) or get(header, DICTIONARY) or []
    return PageHeader(
        version="1.0" if second is None else "2.0",
        has_checksum=get(header, CHECKSUM) is not None,
        values=get(page, 1, 0),
        encoding=get(page, 4 if second is not None else 2, 0),
        end=at + length + get(header, COMPRESSED_SIZE, 0),
    )
