"""Deletion vectors of Puffin files."""

import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap64

from rm_ray.corpus.tables.puffin import MAGIC, vector


def blob(rows) -> bytes:
    body = MAGIC + BitMap64(rows).serialize()
    return struct.pack(">i", len(body)) + body + struct.pack(">I", zlib.crc32(body))


@given(st.sets(st.one_of(st.integers(0, 200), st.integers(2**32 - 3, 2**33)), max_size=50))
@settings(max_examples=50, deadline=None)
def test_rows_come_back_in_order(rows):
    found = vector(blob(rows))
    assert found.dtype == np.int64
    assert found.tolist() == sorted(rows)


def test_the_example_of_the_specification_is_read():
    # one bitmap of the upper half 0, in the portable format: an array of the values 1 and 3
    bitmap = bytes.fromhex("0100000000000000000000003a30000001000000000001001000000001000300")
    body = MAGIC + bitmap
    framed = struct.pack(">i", len(body)) + body + struct.pack(">I", zlib.crc32(body))
    assert vector(framed).tolist() == [1, 3]


@pytest.mark.parametrize("at", [0, 4, 12, -1])
def test_a_damaged_vector_is_refused(at):
    data = bytearray(blob([1, 3]))
    data[at] ^= 1
    with pytest.raises(ValueError, match="deletion vector"):
        vector(bytes(data))
