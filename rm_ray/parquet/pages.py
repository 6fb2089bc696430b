"""Read the headers before the pages of a column."""

from dataclasses import dataclass, replace
from typing import BinaryIO

import pyarrow as pa

from rm_ray.parquet.thrift import NotThrift, decode, get

# Numbers of PageHeader's fields.
CHECKSUM, DATA_V1, DICTIONARY, DATA_V2 = 4, 5, 7, 8
UNCOMPRESSED_SIZE, COMPRESSED_SIZE = 2, 3
# Numbers of the encodings whose data pages hold indices into a dictionary: PLAIN_DICTIONARY, which
# is deprecated, and RLE_DICTIONARY.
CODED = (2, 8)
# PLAIN puts the length of each byte array before it, in this many bytes.
LENGTH_BYTES = 4
# Bytes fetched for a header, and the most for a header with long statistics.
HEADER_BYTES, MOST_HEADER_BYTES = 1 << 10, 16 << 20


@dataclass(frozen=True)
class PageHeader:
    """A page header stands before each page."""

    version: str = "1.0"
    """Version of the format of a data page: 1.0 or 2.0."""
    has_checksum: bool = False
    """True if the page's bytes have a checksum."""
    values: int = 0
    """Number of values of the page, nulls included."""
    encoding: int = 0
    """Number of the values' encoding."""
    end: int = 0
    """Byte of the file after the page."""
    is_dictionary: bool = False
    """True if the page is a dictionary."""
    uncompressed: int = 0
    """Bytes of the page without its header, before compression."""
    header: int = 0
    """Bytes of the header."""


def page_header(file: BinaryIO, at: int) -> PageHeader:
    """Read the header that begins at a byte of an open file.

    Raises:
        ArrowInvalid: there is no header at this byte.
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
        is_dictionary=get(header, DICTIONARY) is not None,
        uncompressed=get(header, UNCOMPRESSED_SIZE, 0),
        header=length,
    )


@dataclass(frozen=True)
class DictionaryPart:
    """A dictionary part is the first pages of a chunk: a dictionary of byte arrays, and indices."""

    entries: int = 0
    """Number of values in the dictionary."""
    entry_bytes: int = 0
    """Bytes of these values, without their lengths."""
    values: int = 0
    """Number of values of the chunk that are indices, nulls included."""
    stored: int = 0
    """Bytes of all these pages, with their headers, before compression."""


def dictionary_part(file: BinaryIO, start: int, values: int) -> DictionaryPart:
    """Read the headers of a chunk of byte arrays, up to the first page without indices.

    Args:
        file: an open file.
        start: the byte at which the chunk begins.
        values: how many values the chunk has, nulls included.

    Raises:
        ArrowInvalid: there is no page at the byte where one should begin.
    """
    part = DictionaryPart()
    while part.values < values:
        page = page_header(file, start)
        stored = part.stored + page.header + page.uncompressed
        if page.is_dictionary:
            entry_bytes = page.uncompressed - LENGTH_BYTES * page.values
            part = DictionaryPart(page.values, entry_bytes, part.values, stored)
        elif page.encoding in CODED:
            part = replace(part, values=part.values + page.values, stored=stored)
        else:
            break
        start = page.end
    return part
