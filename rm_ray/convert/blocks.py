"""Cut a stream of bytes into blocks of whole lines, whatever the sizes of its pieces."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from rm_ray.convert.packing import Damaged

# Bytes of a block, unless a line is longer.
BLOCK_BYTES = 16 << 20
# Bytes of a rejected line that are kept.
KEPT_BYTES = 1 << 20
# The reason of the line at which a compressed file is damaged.
DAMAGED = "damaged file"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_NEWLINE = ord("\n")


@dataclass(frozen=True)
class Block:
    """A Block is some whole lines of a file."""

    data: bytes
    """The lines, each with its line end."""
    first_line: int
    """Number of the first line in the file, from 1."""


@dataclass(frozen=True)
class Unread:
    """An Unread is a line that is not read: it is too long, or the file is damaged within it."""

    line: int
    """Number of the line in the file, from 1."""
    reason: str
    """The reason in a few words, the same for all lines of a kind."""
    detail: str
    """The reason in a sentence."""
    head: bytes
    """The first bytes of the line."""
    length: int
    """Bytes of the line, without its end; for a damaged file, bytes up to the damage."""


def blocks(
    pieces: Iterable[bytes], first_line: int, most: int, size: int = BLOCK_BYTES
) -> Iterator[Block | Unread]:
    """Cut pieces of a file into blocks, in order.

    The blocks depend on the bytes alone, and not on the sizes of the pieces.

    Args:
        pieces: bytes that begin at the beginning of a line; a last line may lack its end.
        first_line: number of the first line, from 1.
        most: most bytes of a line.
        size: bytes of a block, unless a line is longer.
    """
    size = min(size, most + 1)  # so that no block holds a line that is too long
    buffer, line = bytearray(), first_line
    skipped: _Skipped | None = None
    damage: Damaged | None = None
    source = iter(pieces)
    searched = 0  # bytes of the buffer in which no line ends
    if first_line == 1:
        source = _without_mark(source)
    while True:
        try:
            piece = next(source, None)
        except Damaged as error:
            piece, damage = None, error
        if piece is None:
            break
        if skipped:
            end = piece.find(b"\n")
            skipped.add(piece if end < 0 else piece[:end])
            if end < 0:
                continue
            yield skipped.told(line, most)
            line, skipped, piece = line + 1, None, piece[end + 1 :]
        buffer += piece
        while len(buffer) >= size:
            stop = buffer.rfind(b"\n", 0, size) + 1 if searched < size else 0
            stop = stop or buffer.find(b"\n", max(searched, size - 1)) + 1
            searched = 0 if stop else len(buffer)
            if 0 < stop <= most + 1:
                first = _first(buffer, stop)
                yield Block(first, line)
                line += int(np.count_nonzero(np.frombuffer(first, np.uint8) == _NEWLINE))
                del buffer[:stop]
            elif stop or len(buffer) > most:
                end = stop - 1 if stop else len(buffer)
                skipped, searched = _Skipped(bytes(buffer[:end])), 0
                del buffer[: stop or len(buffer)]
                if not stop:
                    break
                yield skipped.told(line, most)
                line, skipped = line + 1, None
            else:
                break
    if damage:
        whole = buffer.rfind(b"\n") + 1
        if whole:
            yield Block(_first(buffer, whole), line)
            line += buffer.count(b"\n", 0, whole)
        head, length = bytes(buffer[whole:]), len(buffer) - whole
        if skipped:
            head, length = skipped.head, skipped.length
        yield Unread(line, DAMAGED, str(damage), head[:KEPT_BYTES], length)
    elif skipped:
        yield skipped.told(line, most)
    elif buffer:
        tail = b"" if buffer.endswith(b"\n") else b"\n"
        yield Block(bytes(buffer) + tail, line)


def _first(buffer: bytearray, stop: int) -> bytes:
    """Return the first bytes of a buffer, copied once."""
    with memoryview(buffer) as view:
        return bytes(view[:stop])


class _Skipped:
    """Counts a line that is too long."""

    def __init__(self, start: bytes) -> None:
        self.head = start[:KEPT_BYTES]
        self.length = len(start)

    def add(self, piece: bytes) -> None:
        self.head += piece[: KEPT_BYTES - len(self.head)]
        self.length += len(piece)

    def told(self, line: int, most: int) -> Unread:
        detail = f"the line has {self.length:,} bytes, and input.max_line_mb allows {most:,}"
        return Unread(line, "line too long", detail, self.head, self.length)


def _without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces without a byte order mark before the first one."""
    head, damage = b"", None
    try:
        for piece in pieces:
            head += piece
            if len(head) >= len(BYTE_ORDER_MARK):
                break
    except Damaged as error:
        damage = error
    if head:
        yield head.removeprefix(BYTE_ORDER_MARK)
    if damage:
        raise damage
    yield from pieces
