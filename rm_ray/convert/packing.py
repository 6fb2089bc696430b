"""Unpack compressed files piece by piece, in bounded memory, and say where a file is damaged.

A format is known by the first bytes of a file, not by its name. Files of several gzip members or
zstd frames are read to their end. A file that ends in the middle of a member is damaged.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

try:
    import zstandard
except ImportError:  # an extra: see `missing_package`
    zstandard = None  # type: ignore[assignment]

# Bytes that are read from a file at once, and bytes of a piece that is unpacked at once. A file of
# many small members copies the rest of a piece at each of them, so pieces are small.
READ_BYTES, PIECE_BYTES = 4 << 20, 128 << 10
# Bytes that are unpacked at once, about.
UNPACK_BYTES = 1 << 20
# Packed bytes that a zstd decompressor gets at once: four bytes may stand for 128 KiB.
LEAST_FEED, MOST_FEED = 128, 4 << 10
# The largest window of a zstd frame, in bytes: the format's `--long=31`.
LARGEST_WINDOW = 1 << 31

_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
# The first four bytes of a zstd frame to skip are 0x184D2A50 to 0x184D2A5F, least byte first.
_SKIPPED = range(0x184D2A50, 0x184D2A60)


class Damaged(Exception):
    """A Damaged says why the rest of a compressed file cannot be unpacked."""


class Unpacker(Protocol):
    """An Unpacker unpacks one member of a file, as the standard library's decompressors do."""

    @property
    def eof(self) -> bool:
        """Return True at the end of the member."""

    @property
    def unused_data(self) -> bytes:
        """Return the bytes that follow the member."""

    def unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield the unpacked bytes of more packed bytes.

        Raises:
            Damaged: the bytes are not of this format.
        """


def packing_of(head: bytes) -> str | None:
    """Return the compression of a file from its first bytes; None for a plain file."""
    if len(head) >= 4 and struct.unpack("<I", head[:4])[0] in _SKIPPED:
        return "zstd"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def missing_package(packing: str | None) -> str | None:
    """Say which package lacks to unpack a format; None if none does."""
    if packing != "zstd" or zstandard is not None:
        return None
    return "the package zstandard is not installed here: pip install 'rm_ray[convert]'"


def read_pieces(
    file: BinaryIO, stop: int | None = None, at_once: int = READ_BYTES
) -> Iterator[bytes]:
    """Yield the bytes of a file from its position on, up to `stop` or to its end."""
    while True:
        wanted = at_once if stop is None else min(at_once, stop - file.tell())
        piece = file.read(wanted) if wanted > 0 else b""
        if not piece:
            return
        yield piece


def frame_bytes(head: bytes) -> int:
    """Return the unpacked bytes of a zstd frame as its header tells them; -1 if it does not."""
    return int(zstandard.frame_content_size(head))


def unpacked(pieces: Iterator[bytes], packing: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a compressed file; see `unpacked_members`."""
    return (piece for _, piece in unpacked_members(pieces, packing))


def unpacked_members(pieces: Iterator[bytes], packing: str) -> Iterator[tuple[int, bytes]]:
    """Yield the unpacked bytes of a compressed file, each piece with where its member begins.

    Args:
        pieces: the bytes of the file.
        packing: the compression, as `packing_of` names it.

    Raises:
        Damaged: the file ends in the middle of a member, or is damaged. All bytes before the
            damage were yielded.
    """
    make = _UNPACKERS[packing]
    member: Unpacker | None = None
    begin = read = 0
    for piece in _small(pieces):
        read += len(piece)
        while piece:
            if member is None:
                piece = _without_padding(piece, packing)
                if not piece:
                    break
                member, begin = make(), read - len(piece)
            for out in member.unpack(piece):
                yield begin, out
            piece = member.unused_data if member.eof else b""
            member = None if member.eof else member
    if member is not None:
        raise Damaged(f"the file ends in the middle of its {packing} data: it is cut short")


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), PIECE_BYTES):
            yield piece[start : start + PIECE_BYTES]


def _without_padding(piece: bytes, packing: str) -> bytes:
    """Return the bytes without zeros before the next member, which gzip and xz allow."""
    return piece.lstrip(b"\x00") if packing in ("gzip", "xz") else piece


class _Bounded:
    """Unpacks with a decompressor of the standard library that bounds what it returns."""

    def __init__(self, packing: str, inner: Any) -> None:
        self._packing = packing
        self._inner = inner

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        try:
            while True:
                out = self._inner.decompress(data, UNPACK_BYTES)
                if out:
                    yield out
                # zlib hands the rest of its input back, the others keep it
                data = getattr(self._inner, "unconsumed_tail", b"")
                if self.eof or (not data and len(out) < UNPACK_BYTES):
                    return
        except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError) as error:
            raise Damaged(f"its {self._packing} data are damaged: {error}") from None


class _Zstd:
    """Unpacks one zstd frame. It feeds the decompressor so little at a time that the result stays
    small.
    """

    def __init__(self) -> None:
        self._start = b""
        self._inner: Any = None
        self._feed = LEAST_FEED

    @property
    def eof(self) -> bool:
        return self._inner is not None and bool(self._inner.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data)

    def unpack(self, data: bytes) -> Iterator[bytes]:
        try:
            yield from self._unpack(data)
        except zstandard.ZstdError as error:
            raise Damaged(f"its zstd data are damaged: {error}") from None

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._start + data
            if len(data) < 18:  # a frame's header may have so many bytes
                self._start = data
                if not _is_whole_frame(data):
                    return
            self._inner = _frame_decompressor(data)
        position = 0
        while position < len(data) and not self._inner.eof:
            piece = data[position : position + self._feed]
            out = self._inner.decompress(piece)
            position += len(piece)
            if out:
                yield out
            grown = max(1.0, len(out) / len(piece))
            self._feed = int(min(MOST_FEED, max(LEAST_FEED, UNPACK_BYTES / grown)))
        if self._inner.eof:
            self._inner = _Ended(self._inner.unused_data + data[position:])


class _Ended:
    """The state of a frame that has ended."""

    eof = True

    def __init__(self, unused_data: bytes) -> None:
        self.unused_data = unused_data


def _is_whole_frame(data: bytes) -> bool:
    """Return True if some bytes, fewer than a header may have, are a frame all the same."""
    try:
        inner = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()
        inner.decompress(data)
    except zstandard.ZstdError:
        return True  # the caller meets the same error
    return bool(inner.eof)


def _frame_decompressor(head: bytes) -> Any:
    """Return the decompressor of a frame, given its first bytes.

    Raises:
        Damaged: the frame needs a dictionary.
    """
    number = 0
    if struct.unpack("<I", head[:4].ljust(4, b"\x00"))[0] not in _SKIPPED:
        number = zstandard.get_frame_parameters(head).dict_id
    if number:
        raise Damaged(
            f"its zstd data need the dictionary {number}, which is not in the file: compress it "
            "again without a dictionary"
        )
    return zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW).decompressobj()


_UNPACKERS: dict[str, Callable[[], Unpacker]] = {
    "gzip": lambda: _Bounded("gzip", zlib.decompressobj(wbits=31)),
    "zstd": _Zstd,
    "bzip2": lambda: _Bounded("bzip2", bz2.BZ2Decompressor()),
    "xz": lambda: _Bounded("xz", lzma.LZMADecompressor(format=lzma.FORMAT_XZ)),
}
