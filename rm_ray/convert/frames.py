"""Cut large zstd files of several frames, and read the lines of a span of frames.

A frame can be unpacked without the frames before it, but lines go across frames. So a span has the
lines that begin behind its first line end, and reads on behind its frames to the end of its last
line. The first span of a file begins with the file's first line.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from rm_ray.config import CorpusConfig
from rm_ray.convert.packing import PIECE_BYTES, Damaged, frame_bytes, read_pieces, unpacked_members
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.parquet import open_file
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently
from rm_ray.tasks.run import results_of

ZSTD = "zstd"
# Text has about four times the bytes of its zstd file. A file that has less than a shard is one.
PACKED_PART = 1 / 4
# Bytes of a frame's header at most.
HEADER_BYTES = 18

# The first byte of a span in the packed file, and the number of line ends in the span.
SpanEnds = tuple[int, int]


def cut_frames(
    files: Sequence[InputFile], shard_bytes: float, config: CorpusConfig
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut zstd files between frames into spans of about `shard_bytes` unpacked bytes.

    A file is left whole if its first frame is larger than a shard: such files rarely have a second
    one, and looking for it takes as long as unpacking the file.

    Returns:
        For each file that is large enough, its path with the bytes at which spans begin and the
        file's size, and the number of each span's first line, from 1.

    Raises:
        InputError: reading a file ends every process.
        OSError: a file cannot be read.
    """
    large = [file for file in files if file.size >= shard_bytes * PACKED_PART]
    batches = [[file.path] for file in large]
    answers = results_of(find_spans, batches, shard_bytes, config, cpus=1, doing="counted lines")
    return {file.path: _cuts(spans, file.size) for file, spans in zip(large, answers, strict=True)}


def find_spans(paths: Sequence[str], shard_bytes: float, config: CorpusConfig) -> list[SpanEnds]:
    """Find where spans of a zstd file can begin. A task's body; see `count_line_ends`."""
    (path,) = paths

    def count() -> list[SpanEnds]:
        with open_file(path, config.storage) as file:
            if frame_bytes(file.read(HEADER_BYTES)) > shard_bytes:
                return []
            file.seek(0)
            return count_line_ends(read_pieces(file, at_once=PIECE_BYTES), shard_bytes)

    return patiently(count, Request("reading", path, config.storage, config.key))


def count_line_ends(pieces: Iterator[bytes], shard_bytes: float) -> list[SpanEnds]:
    """Divide the frames of a zstd file into spans, and count the line ends of each.

    A span ends with the frame that makes it `shard_bytes` of unpacked bytes or more. Damage ends
    the last span, which goes to the end of the file.

    Args:
        pieces: the bytes of the file.
        shard_bytes: unpacked bytes of a span.

    Returns:
        The spans; [] if the first frame is larger than `shard_bytes`.
    """
    spans, size, last = [(0, 0)], 0, 0
    try:
        for frame, piece in unpacked_members(pieces, ZSTD):
            if frame != last and size >= shard_bytes:
                spans.append((frame, 0))
                size = 0
            last, size = frame, size + len(piece)
            spans[-1] = spans[-1][0], spans[-1][1] + piece.count(b"\n")
            if frame == 0 and size > shard_bytes:
                return []
    except Damaged:
        pass  # the task that converts the last span tells of it
    return spans


def _cuts(spans: Sequence[SpanEnds], size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the cuts of a file with both its ends, and the number of each span's first line.

    A span without a line end has no line of its own, and goes to the span before it.
    """
    cuts, lines, before = [0], [1], 0
    for start, line_ends in spans:
        if start and line_ends:
            cuts.append(start)
            lines.append(before + 2)  # the first line end of the span ends line before + 1
        before += line_ends
    return (*cuts, size), tuple(lines)


def lines_that_begin(
    pieces: Iterable[bytes], rest: Iterable[bytes], is_first: bool
) -> Iterator[bytes]:
    """Yield the bytes of the lines of a span.

    Args:
        pieces: the unpacked bytes of the span.
        rest: the unpacked bytes of the file behind the span.
        is_first: True if the span begins with the file.
    """
    yield from pieces if is_first else _behind_line_end(iter(pieces))
    for piece in rest:
        end = piece.find(b"\n") + 1
        yield piece[: end or len(piece)]
        if end:
            return


def _behind_line_end(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if end := piece.find(b"\n") + 1:
            return chain([piece[end:]], pieces)
    return iter(())
