"""Decode the deletion vectors that Iceberg (version 3) keeps in Puffin files.

A blob is: its length (4 bytes, big endian), magic bytes, a 64-bit roaring bitmap, and the CRC-32 of
magic bytes and bitmap (4 bytes, big endian); see "deletion-vector-v1" in the Puffin specification.
The bitmap is: the number of 32-bit bitmaps (8 bytes, little endian), and for each its upper 32 bits
(4 bytes, little endian) and the 32-bit bitmap in the portable format of roaring bitmaps.
"""

import zlib

import numpy as np
from pyroaring import BitMap64

from rm_ray.corpus.tables.snapshot import Ints

MAGIC = bytes([0xD1, 0xD3, 0x39, 0x64])


def vector(blob: bytes) -> Ints:
    """Return the row numbers in a blob, ascending.

    Args:
        blob: the bytes of the blob, as the table's manifest gives their place.

    Raises:
        ValueError: the blob is damaged.
    """
    length = int.from_bytes(blob[:4], "big")
    body, checksum = blob[4:-4], int.from_bytes(blob[-4:], "big")
    if length != len(body) or body[:4] != MAGIC:
        raise ValueError("its bytes are not a deletion vector (deletion-vector-v1)")
    if zlib.crc32(body) != checksum:
        raise ValueError("its deletion vector has another checksum than stored")
    return np.array(BitMap64.deserialize(body[4:]), np.int64)
