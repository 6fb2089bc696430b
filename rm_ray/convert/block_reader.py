"""Read a block of lines at once with Arrow, or say that it has to be read line by line.

Arrow refuses most of what is wrong: doubled keys, fields that are not planned, values of another
type, integers beyond 64 bits. What it would read otherwise than the reader of lines is found here
by checks of the whole block:

    a line with several objects, or an object of several lines    lines and rows are counted
    NaN, Infinity, integers in a column of doubles                doubles of 2^53 and more
    the integer -0, which Python reads as 0                       the text, where a double is -0.0
    bytes that are no UTF-8, and zero bytes                       the block and its columns
    blanks in an object without fields, whose text is kept        the block, where there are such
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

# From here on not every integer is a double.
_WIDE = float(1 << 53)
_BLANK_OBJECT = re.compile(rb"\{\s+\}")
_MINUS_ZERO = re.compile(rb"-0[,\]}\s]")
_NEWLINE, _RETURN, _OPENS, _CLOSES = b"\n\r{}"


@dataclass(frozen=True)
class ReadBlock:
    """A ReadBlock holds the rows of a block, and where they stood."""

    rows: pa.Table
    """The rows, with a column for each planned field."""
    lines: npt.NDArray[np.int64]
    """For each row, the number of its line in the block, from 0."""
    empty: int
    """Lines that are empty."""


def read_block(data: bytes, schema: pa.Schema) -> ReadBlock | None:
    """Read a block; None if it has to be read line by line.

    Args:
        data: whole lines, each with its end.
        schema: names and types of the planned fields.
    """
    found = _object_lines(data)
    if found is None or not len(schema):
        return None
    lines, empty = found
    if not len(lines):
        return ReadBlock(schema.empty_table(), lines, empty)
    if b"\0" in data or not _is_utf8(data):
        return None
    if any(map(_keeps_text, schema.types)) and _BLANK_OBJECT.search(data):
        return None
    try:
        rows = pj.read_json(
            pa.BufferReader(data),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pj.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="error"
            ),
        )
        rows.validate(full=True)  # an escape may be half a character
    except pa.ArrowException:
        return None
    if len(rows) != len(lines) or rows.schema.names != schema.names:
        return None
    doubles = [leaf for column in rows.columns for leaf in _doubles(column)]
    if not all(_exact(leaf) for leaf in doubles):
        return None
    if any(_has_minus_zero(leaf) for leaf in doubles) and _MINUS_ZERO.search(data):
        return None
    return ReadBlock(rows, lines, empty)


def _object_lines(data: bytes) -> tuple[npt.NDArray[np.int64], int] | None:
    """Return the numbers of the lines that look like one object, and the number of empty lines;
    None if a line looks like neither.
    """
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == _NEWLINE)
    if not len(ends):
        return ends, 0
    starts = np.concatenate(([0], ends[:-1] + 1))
    lasts = ends - 1
    lasts = lasts - ((lasts >= starts) & (text[lasts] == _RETURN))
    empty = lasts < starts
    opens, closes = text[starts] == _OPENS, text[lasts] == _CLOSES
    if not bool(np.all(empty | (opens & closes & (lasts > starts)))):
        return None
    lines = np.flatnonzero(~empty)
    return lines, int(empty.sum())


def _keeps_text(kind: pa.DataType) -> bool:
    """Return True if a place within has objects without fields."""
    if pa.types.is_struct(kind) and not kind.num_fields:
        return True
    return any(_keeps_text(kind.field(i).type) for i in range(kind.num_fields))


def _is_utf8(data: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(data)], np.int64))
    text = pa.LargeStringArray.from_buffers(1, offsets, pa.py_buffer(data))
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _doubles(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield the doubles in a column, at any depth."""
    for chunk in column.chunks:
        yield from _inner_doubles(chunk)


def _inner_doubles(array: pa.Array) -> Iterator[pa.Array]:
    if pa.types.is_float64(array.type):
        yield array
    elif pa.types.is_struct(array.type):
        for inner in array.flatten():
            yield from _inner_doubles(inner)
    elif pa.types.is_list(array.type):
        yield from _inner_doubles(array.flatten())


def _exact(doubles: pa.Array) -> bool:
    small = pc.all(pc.less(pc.abs(doubles), _WIDE)).as_py()
    return small is None or bool(small)


def _has_minus_zero(doubles: pa.Array) -> bool:
    values = doubles.drop_null().to_numpy()
    return bool(np.any(np.signbit(values) & (values == 0)))
