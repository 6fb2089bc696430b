"""Cut large plain files at line ends, and count the lines before each cut."""

from collections.abc import Sequence
from itertools import pairwise

from rm_ray.config import CorpusConfig
from rm_ray.convert.packing import read_pieces
from rm_ray.corpus.files import InputFile
from rm_ray.corpus.parquet import open_file
from rm_ray.corpus.shards import even_cuts
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently
from rm_ray.tasks.run import results_of

# A span of a file, and for each: where its first line end is (None if it has none), and how many.
Span = tuple[str, int, int]
LineEnds = tuple[int | None, int]


def cut_plain(
    files: Sequence[InputFile], shard_bytes: float, config: CorpusConfig
) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Cut files that are not compressed.

    Returns:
        For each path, the bytes at which shards begin and the file's size; and the number of each
        shard's first line, from 1. Both are empty for an empty file.

    Raises:
        InputError: reading a file ends every process.
        OSError: a file cannot be read.
    """
    cuts = {
        file.path: even_cuts(0, file.size, max(1, round(file.size / shard_bytes)))
        for file in files
        if file.size
    }
    spans = [
        (path, start, stop)
        for path, edges in cuts.items()
        if len(edges) > 2
        for start, stop in pairwise(edges)
    ]
    batches = [[span] for span in spans]
    answers = results_of(count_lines, batches, config, cpus=1, doing="counted lines")
    ends = dict(zip(spans, answers, strict=True))
    result = {}
    for file in files:
        edges = cuts.get(file.path, [])
        counted = [ends[file.path, *span] for span in pairwise(edges)] if len(edges) > 2 else []
        result[file.path] = _at_line_ends(edges, counted) if file.size else ((), ())
    return result


def count_lines(spans: Sequence[Span], config: CorpusConfig) -> LineEnds:
    """Return where the first line end of a span is, and count its line ends. A task's body."""
    ((path, start, stop),) = spans

    def count() -> LineEnds:
        first, number, position = None, 0, start
        with open_file(path, config.storage) as file:
            file.seek(start)
            for piece in read_pieces(file, stop):
                number += piece.count(b"\n")
                if first is None and (found := piece.find(b"\n")) >= 0:
                    first = position + found
                position += len(piece)
        return first, number

    return patiently(count, Request("reading", path, config.storage, config.key))


def _at_line_ends(
    edges: Sequence[int], counted: Sequence[LineEnds]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Move each cut behind the next line end.

    Args:
        edges: the cuts, with both ends.
        counted: the line ends of each span between cuts; [] if there is one span.
    """
    cuts, lines, before = [0], [1], 0
    for start, (first, number) in zip(edges, counted, strict=False):
        if start and first is not None and first + 1 < edges[-1]:
            cuts.append(first + 1)
            lines.append(before + 2)  # the line end at the cut ends line before + 1
        before += number
    return (*cuts, edges[-1]), tuple(lines)
