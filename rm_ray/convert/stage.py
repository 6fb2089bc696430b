"""The conversion of JSON Lines: a task reads a shard as blocks, and writes rows and rejects."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from typing_extensions import override

from rm_ray.convert.blocks import Block, Unread, blocks
from rm_ray.convert.columns import REJECTS, Columns
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.frames import lines_that_begin
from rm_ray.convert.packing import PIECE_BYTES, read_pieces, unpacked
from rm_ray.convert.plan import LinesUnit
from rm_ray.convert.reading import Reader
from rm_ray.convert.shard_stage import CORPUS, MIB, ShardStage
from rm_ray.corpus.decoding import check_unchanged, read_faults
from rm_ray.corpus.parquet import Unreadable, open_file
from rm_ray.run.faults.tally import Tally

# The folder of the output for rejected lines.
REJECTED = "rejects"


@dataclass(frozen=True, kw_only=True)
class ConvertStage(ShardStage[LinesUnit]):
    """A ConvertStage converts shards of JSON Lines files."""

    columns: Columns
    """The columns of the output."""
    kind: type[LinesUnit] = LinesUnit
    """Class of the units."""

    @override
    def convert(self, unit: LinesUnit) -> tuple[dict[str, int], ConvertCounts]:
        check_unchanged(unit, self.config.input)
        totals = ConvertCounts()
        sizes: dict[str, int] = {}
        part, below = unit.shards[0].part, f"/{unit.folder}" if unit.folder else ""
        rows = self.output(f"{CORPUS}{below}", part, self.columns.schema)
        rejects = self.output(f"{REJECTED}{below}", part, REJECTS)
        reader = Reader(self.columns, unit.file)
        for piece in self._read(unit):
            done = reader.reject(piece) if isinstance(piece, Unread) else reader.read(piece)
            totals += done.counts
            self.tally.tell(Tally.add, done.counts)
            sizes |= rows.add(done.rows)
            sizes |= rejects.add(done.rejects)
        check_unchanged(unit, self.config.input)  # else rows of two files may be mixed
        sizes |= rows.close()
        sizes |= rejects.close()
        totals.files, totals.reject_files = rows.number, rejects.number
        totals.bytes = sum(size for path, size in sizes.items() if path.startswith(f"{CORPUS}/"))
        return sizes, totals

    def _read(self, unit: LinesUnit) -> Iterator[Block | Unread]:
        """Yield the lines of a shard, in blocks."""
        (shard,) = unit.shards
        with (
            read_faults(unit, self.config.input, self.said(unit)),
            open_file(unit.file, self.config.input.storage) as file,
        ):
            file.seek(shard.start)
            pieces = self._counted(read_pieces(file, shard.stop), unit)
            decoded = pieces if unit.packing is None else _unpacked(pieces, file, unit)
            most = int(self.config.input.max_line_mb * MIB)
            yield from blocks(decoded, unit.first_line, most, self.columns.block_bytes)

    def _counted(self, pieces: Iterator[bytes], unit: LinesUnit) -> Iterator[bytes]:
        """Yield the bytes of a shard, and make sure that the store has sent all."""
        (shard,) = unit.shards
        read = 0
        for piece in pieces:
            read += len(piece)
            self.tally.tell(Tally.add, ConvertCounts(bytes_read=len(piece)))
            yield piece
        if read != shard.stop - shard.start:
            raise Unreadable(
                f"{self.said(unit)}: {read:,} bytes came, not {shard.stop - shard.start:,}",
                bad_file=False,
                may_pass=True,
            )


def _unpacked(pieces: Iterator[bytes], file: BinaryIO, unit: LinesUnit) -> Iterator[bytes]:
    """Yield the lines of a span of a compressed file, from its packed bytes."""
    assert unit.packing is not None
    rest = unpacked(read_pieces(file, at_once=PIECE_BYTES), unit.packing)
    is_first = unit.shards[0].start == 0
    return lines_that_begin(unpacked(pieces, unit.packing), rest, is_first)
