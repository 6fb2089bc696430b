"""Read blocks of lines as tables: whole blocks with Arrow, and what Arrow cannot read line by line.

A block that is refused is divided, so that few lines beside the line at fault are read one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from rm_ray.convert.block_reader import ReadBlock, read_block
from rm_ray.convert.blocks import KEPT_BYTES, Block, Unread
from rm_ray.convert.columns import REJECTS, Columns, arrow_type, as_written
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.line_reader import BadLine, Row, read_row

# A block that is refused is divided into so many pieces, down to so many bytes.
PIECES, LEAST_BYTES = 16, 32 << 10
# After so many blocks in a row that gained nothing, so many blocks are read line by line at once.
IN_VAIN, AT_REST = 4, 32

_BLANKS = b" \t\r\n"


@dataclass
class Rejected:
    """Rejected collects rejected lines as a table."""

    columns: dict[str, list[object]] = field(
        default_factory=lambda: {name: [] for name in REJECTS.names}
    )
    """The values of each column."""

    def add(self, file: str, line: int, reason: str, detail: str, raw: bytes, size: int) -> None:
        """Add a line; `raw` are its first bytes, and `size` is its length."""
        for values, value in zip(
            self.columns.values(), (file, line, reason, detail, raw, size), strict=True
        ):
            values.append(value)

    @property
    def table(self) -> pa.Table:
        """Return the lines so far."""
        return pa.table(self.columns, schema=REJECTS)


@dataclass(frozen=True)
class Converted:
    """A Converted holds the rows of a block, and its rejected lines."""

    rows: pa.Table
    """Rows of the output."""
    rejects: pa.Table
    """The rejected lines."""
    counts: ConvertCounts
    """Counts of the block."""


class Reader:
    """A Reader reads the blocks of one file."""

    def __init__(self, columns: Columns, file: str) -> None:
        """Prepare.

        Args:
            columns: the columns of the output.
            file: path of the file, as the output names it.
        """
        self._columns = columns
        self._file = file
        self._fields = columns.by_name
        self._types = [arrow_type(kind) for _, kind in columns.fields]
        self._block_schema = columns.block_schema
        self._in_vain = self._rest = 0

    def read(self, block: Block) -> Converted:
        """Read a block: its lines become rows or rejected lines."""
        counts, rejected = ConvertCounts(), Rejected()
        schema, fast = self._block_schema, 0
        if self._rest:
            self._rest, schema = self._rest - 1, None
        tables: list[pa.Table] = []
        for piece, first, known in _pieces(block.data, schema):
            line = block.first_line + first
            if known:
                tables.append(self._of_block(known, line))
                counts.empty_lines += known.empty
                fast += len(known.rows)
            else:
                tables.append(self._of_lines(piece, line, counts, rejected))
        rows = pa.concat_tables(tables) if tables else self._columns.schema.empty_table()
        bad = len(rejected.columns["line"])
        counts.documents, counts.rows = len(rows) + bad, len(rows)
        counts.slow_lines = counts.documents - fast
        counts.statuses = {"converted": len(rows)} | ({"rejected": bad} if bad else {})
        if schema is not None:
            self._in_vain = self._in_vain + 1 if fast < counts.documents / 4 else 0
            if self._in_vain >= IN_VAIN:
                self._in_vain, self._rest = IN_VAIN - 1, AT_REST
        return Converted(rows, rejected.table, counts)

    def reject(self, unread: Unread) -> Converted:
        """Return a line that is not read as a rejected line."""
        rejected = Rejected()
        rejected.add(
            self._file, unread.line, unread.reason, unread.detail, unread.head, unread.length
        )
        counts = ConvertCounts(
            documents=1, statuses={"rejected": 1}, rejected={unread.reason: 1}, slow_lines=1
        )
        return Converted(self._columns.schema.empty_table(), rejected.table, counts)

    def _of_block(self, read: ReadBlock, first_line: int) -> pa.Table:
        documents = [
            pa.chunked_array([as_written(chunk, kind) for chunk in column.chunks], kind)
            for column, kind in zip(read.rows.columns, self._types, strict=True)
        ]
        return self._finish(documents, pa.array(read.lines + first_line), None)

    def _of_lines(
        self, data: bytes, first_line: int, counts: ConvertCounts, rejected: Rejected
    ) -> pa.Table:
        values: dict[str, list[object]] = {name: [] for name in self._fields}
        extras: list[str | None] = []
        numbers: list[int] = []
        for number, line in enumerate(data.split(b"\n")[:-1], first_line):
            if not line.strip(_BLANKS):
                counts.empty_lines += 1
                continue
            try:
                row = read_row(line, self._fields)
                if row.extra and self._columns.extra is None:
                    raise _unfit(row)
            except BadLine as error:
                line = line.removesuffix(b"\r")
                raw, size = line[:KEPT_BYTES], len(line)
                rejected.add(self._file, number, error.reason, error.detail, raw, size)
                counts.rejected[error.reason] = counts.rejected.get(error.reason, 0) + 1
                continue
            for name, column in values.items():
                column.append(row.values.get(name))
            extras.append(row.extra_text)
            numbers.append(number)
            if row.extra:
                counts.add_names(counts.misfits, row.misfits)
                new = [name for name in row.extra if name not in row.misfits]
                counts.add_names(counts.unplanned, new)
        documents = [
            pa.chunked_array([pa.array(column, kind)], kind)
            for column, kind in zip(values.values(), self._types, strict=True)
        ]
        return self._finish(documents, pa.array(numbers, pa.int64()), extras)

    def _finish(
        self, documents: list[pa.ChunkedArray], lines: pa.Array, extras: list[str | None] | None
    ) -> pa.Table:
        rows = len(lines)
        none = pa.nulls(rows, pa.string())
        return self._columns.finish(
            documents,
            extra=none if extras is None else pa.array(extras, pa.string()),
            source_file=pa.repeat(pa.scalar(self._file), rows),
            line=lines,
        )


def _unfit(row: Row) -> BadLine:
    if row.misfits:
        detail = f"the value of {row.misfits[0]!r} does not fit its column"
        return BadLine("value does not fit", detail)
    name = next(iter(row.extra))
    return BadLine("field not planned", f"the run's schema has no field {name!r}")


def _pieces(
    data: bytes, schema: pa.Schema | None, first: int = 0
) -> Iterator[tuple[bytes, int, ReadBlock | None]]:
    """Yield pieces of a block, in order: the lines, the number of the first one from 0, and its
    rows if they could be read at once.
    """
    if schema is None:
        yield data, first, None
        return
    if (known := read_block(data, schema)) is not None:
        yield data, first, known
        return
    if len(data) <= LEAST_BYTES:
        yield data, first, None
        return
    start = 0
    for cut in np.linspace(0, len(data), PIECES + 1)[1:].astype(int).tolist():
        stop = data.find(b"\n", max(start, cut - 1)) + 1
        if stop <= start:
            continue
        piece = data[start:stop]
        if len(piece) == len(data):  # it is one line
            yield data, first, None
            return
        yield from _pieces(piece, schema, first)
        first += piece.count(b"\n")
        start = stop
