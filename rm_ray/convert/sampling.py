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
# Longer lines of the head are sampled only if there are no others.
MOST_HEAD = 16 << 20
# The head is read up to so many decoded bytes for lines that can be sampled.
MOST_READ = 128 << 20
# Stored bytes that are unpacked at once.
FEED_BYTES = 16 << 10

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
        head = _lines_at_the_head(opened, look.packing, config)
        if look.packing and head.stored:
            look.ratio = max(1.0, head.decoded / head.stored)
        first = _sample(bytes(head.lines), look)
        if first is not None and look.bad == look.lines:
            look.problem = _say_problem(file.path, bytes(head.lines), first)
        if not look.lines and head.too_long:
            look.problem = _say_too_long(file.path, head, config)
        if look.packing is None and head.stored < file.size:
            for lines in _places(opened, file.size, head.stored):
                _sample(lines, look)
    look.blank = head.whole and not head.too_long and look.bad == look.lines
    return look


@dataclass
class _Head:
    """The lines at the beginning of a file that are sampled."""

    lines: bytearray = field(default_factory=bytearray)
    """The lines, each with its end."""
    decoded: int = 0
    """Decoded bytes that were read."""
    stored: int = 0
    """Stored bytes that were read."""
    whole: bool = True
    """No line comes after what was read."""
    too_long: bytes = b""
    """The first bytes of the first line that was too long; empty if none was."""


def _head(file: BinaryIO, packing: str | None, most: int) -> _Head:
    """Read some lines at the beginning of a file, of at most so many bytes each."""
    head = _Head()

    def stored() -> Iterator[bytes]:
        for piece in read_pieces(file, at_once=PLACE_BYTES):
            for start in range(0, len(piece), FEED_BYTES):
                part = piece[start : start + FEED_BYTES]
                head.stored += len(part)
                yield part

    def decoded() -> Iterator[bytes]:
        for piece in stored() if packing is None else unpacked(stored(), packing):
            head.decoded += len(piece)
            yield piece
            if head.decoded > MOST_READ + most:
                head.whole = False
                return

    for part in blocks(decoded(), 1, most, HEAD_BYTES):
        if isinstance(part, Block):
            # the last line of a head that was cut off may have lost its end
            head.lines += part.data if head.whole else b""
        elif part.reason != DAMAGED:
            head.too_long = head.too_long or part.head
        if len(head.lines) >= HEAD_BYTES // 2:
            head.whole = isinstance(part, Unread) and part.reason == DAMAGED
            break
    return head


def _lines_at_the_head(file: BinaryIO, packing: str | None, config: LinesConfig) -> _Head:
    """Read the head of a file. Lines that are long to sample are read if there are no others."""
    head = _head(file, packing, MOST_HEAD)
    if head.lines or not head.too_long or _is_array(head.too_long):
        return head
    file.seek(0)
    return _head(file, packing, int(config.max_line_mb * (1 << 20)))


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
    if _is_array(text):
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


def _say_too_long(path: str, head: _Head, config: LinesConfig) -> str:
    if _is_array(head.too_long):
        return f"{path} is one JSON array, and not one object a line: {_UNFOLD_ARRAY}"
    return (
        f"{path} has no line of at most {config.max_line_mb:g} MiB in the first "
        f"{head.decoded / 2**20:,.0f} MiB, so its columns cannot be known: is it JSON Lines, one "
        "object a line? Longer lines are read with a larger --input.max_line_mb, up to 1024"
    )


def _is_array(text: bytes) -> bool:
    return text.lstrip().startswith(b"[")


_UNFOLD_ARRAY = "write it with jq -c '.[]' FILE > NEW.jsonl, and convert that"
_UNFOLD_OBJECTS = "write it with jq -c . FILE > NEW.jsonl, and convert that"


def _places(file: BinaryIO, size: int, start: int) -> Iterator[bytes]:
    """Yield whole lines from places that are spread evenly over the rest of a plain file.

    At each place, more is read until there is a whole line.
    """
    places = max(1, min(PLACES, (size - start) // PLACE_BYTES - 1))
    read_to = start
    for number in range(1, places + 1):
        place = max(read_to, start + (size - start) * number // (places + 1))
        file.seek(place, os.SEEK_SET)
        data, first, last = b"", 0, 0
        while not 0 < first < last and len(data) < HEAD_BYTES:
            more = file.read(PLACE_BYTES)
            if not more:
                break
            data += more
            first, last = data.find(b"\n") + 1, data.rfind(b"\n") + 1
        if 0 < first < last:
            yield data[first:last]
        read_to = place + last
