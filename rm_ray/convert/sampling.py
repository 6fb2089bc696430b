"""Look at one file: its compression, and which values its lines have, from a sample."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from rm_ray.convert.blocks import BYTE_ORDER_MARK, DAMAGED, Block, Unread, blocks
from rm_ray.convert.config import LinesConfig
from rm_ray.convert.kinds import Seen
from rm_ray.convert.line_reader import BadLine, read_values
from rm_ray.convert.packing import missing_package, packing_of, read_pieces, unpacked
from rm_ray.corpus.alone import read_or_say
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.parquet import Unreadable, open_file

# Bytes of the sample: decoded bytes of a file's head, and of each place of a plain file.
HEAD_BYTES, PLACE_BYTES, PLACES = 2 << 20, 128 << 10, 16
# The head is read up to so many bytes for a first line.
MOST_HEAD = 16 << 20

_OTHER_FORMATS = {
    b"PAR1": "Parquet, which is judged as it is: give its folder to the scoring job",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"\xff\xfe": "UTF-16, not UTF-8",
    b"\xfe\xff": "UTF-16, not UTF-8",
    b"ARROW1": "an Arrow file, not JSON Lines",
    b"\x04\x22\x4d\x18": "compressed with lz4, which is not read here: unpack it",
}


@dataclass
class Look:
    """A Look is what a sample of one file shows."""

    packing: str | None = None
    """Compression of the file; None for a plain file."""
    seen: Seen = field(default_factory=Seen)
    """Values of the sampled lines: a struct of their fields."""
    lines: int = 0
    """Sampled lines that are not empty."""
    sampled_bytes: int = 0
    """Decoded bytes of the sampled lines."""
    ratio: float = 1.0
    """Decoded bytes for each stored byte, about."""
    bad: int = 0
    """Sampled lines that would be rejected."""
    problem: str | None = None
    """Why the file is no JSON Lines file; None if it may be one."""
    blank: bool = False
    """The whole file was looked at, and no line of it can become a row."""

    @property
    def bytes_per_line(self) -> float:
        """Return the decoded bytes of a line, about; 0 if no line was sampled."""
        return self.sampled_bytes / self.lines if self.lines else 0.0


def look_at_files(files: Sequence[InputFile], config: LinesConfig) -> list[Look | Unreadable]:
    """Sample files. This is the body of a task."""

    def looked(file: InputFile) -> Look | Unreadable:
        return read_or_say(file, config, lambda: _look_at(file, config))

    return [looked(file) for file in files]


def _look_at(file: InputFile, config: LinesConfig) -> Look:
    look = Look()
    with open_file(file.path, config.storage) as opened:
        start = opened.read(18)
        opened.seek(0)
        other = next((what for magic, what in _OTHER_FORMATS.items() if start.startswith(magic)), 0)
        if other:
            look.problem = f"{file.path} is {other}"
            return look
        look.packing = packing_of(start)
        if lacking := missing_package(look.packing):
            look.problem = f"{file.path} is compressed with {look.packing}, and {lacking}"
            return look
        head, stored, whole = _head(opened, look.packing)
        if look.packing and stored:
            look.ratio = max(1.0, len(head) / stored)
        first = _sample(head, look)
        if first is not None and look.bad == look.lines:
            look.problem = _say_problem(file.path, head, first)
        if look.packing is None and stored < file.size:
            for lines in _places(opened, file.size, len(head)):
                _sample(lines, look)
    look.blank = whole and look.bad == look.lines
    return look


def _head(file: BinaryIO, packing: str | None) -> tuple[bytes, int, bool]:
    """Return decoded bytes from a file's beginning, the stored bytes that were read for it, and
    True if no line comes after these bytes.
    """
    read = 0

    def counted() -> Iterator[bytes]:
        nonlocal read
        for piece in read_pieces(file, at_once=PLACE_BYTES):
            read += len(piece)
            yield piece

    pieces = counted() if packing is None else unpacked(counted(), packing)
    head = bytearray()
    for part in blocks(pieces, 1, MOST_HEAD, HEAD_BYTES):
        if isinstance(part, Block):
            head += part.data
        if len(head) >= HEAD_BYTES // 2 or not isinstance(part, Block):
            whole = isinstance(part, Unread) and part.reason == DAMAGED
            return bytes(head), read, whole
    return bytes(head), read, True


def _sample(data: bytes, look: Look) -> BadLine | None:
    """Add lines to a sample; return what is wrong with the first bad one."""
    first = None
    for line in data.split(b"\n"):
        if not line.strip(b" \t\r"):
            continue
        look.lines += 1
        look.sampled_bytes += len(line) + 1
        try:
            values = read_values(line)
        except BadLine as error:
            look.bad += 1
            first = first or error
        else:
            look.seen.add(values)
    return first


def _say_problem(path: str, head: bytes, first: BadLine) -> str:
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"["):
        return f"{path} is one JSON array, and not one object a line: {_UNFOLD_ARRAY}"
    if text.startswith(b"{") and first.reason == "invalid JSON":
        return (
            f"{path} holds objects of several lines (pretty-printed), and not one object a line: "
            f"{_UNFOLD_OBJECTS}"
        )
    return (
        f"{path} is no JSON Lines file: not one of its first lines is a JSON object; the first: "
        f"{first}"
    )


_UNFOLD_ARRAY = "write it with jq -c '.[]' FILE > NEW.jsonl, and convert that"
_UNFOLD_OBJECTS = "write it with jq -c . FILE > NEW.jsonl, and convert that"


def _places(file: BinaryIO, size: int, start: int) -> Iterator[bytes]:
    """Yield whole lines from places that are spread evenly over the rest of a plain file."""
    for number in range(1, PLACES + 1):
        place = start + (size - start) * number // (PLACES + 1)
        file.seek(place, os.SEEK_SET)
        data = file.read(PLACE_BYTES)
        first, last = data.find(b"\n") + 1, data.rfind(b"\n") + 1
        if 0 < first < last:
            yield data[first:last]
