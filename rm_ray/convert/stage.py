"""The conversion's one stage: a task reads a shard, writes its files, and then its receipt."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO

import pyarrow as pa
from typing_extensions import override

from rm_ray.convert.blocks import Block, Unread, blocks
from rm_ray.convert.columns import REJECTS, Columns
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.frames import lines_that_begin
from rm_ray.convert.packing import PIECE_BYTES, read_pieces, unpacked
from rm_ray.convert.plan import LinesUnit
from rm_ray.convert.reading import Reader
from rm_ray.convert.writing import Files
from rm_ray.corpus.decoding import check_unchanged, read_again, read_faults
from rm_ray.corpus.parquet import Unreadable, open_file
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.commit import write_or_halt
from rm_ray.run.output.receipts import name_of, receipt
from rm_ray.run.unit_tasks import UnitStage
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience

MIB = 1 << 20
# The folders of the output for converted and for rejected lines.
CORPUS, REJECTED = "corpus", "rejects"


class _Halted(Exception):
    """The store refused a write, and the run stops."""


@dataclass(frozen=True)
class ConvertStage(UnitStage[LinesUnit]):
    """A ConvertStage converts shards and reports faults to the tally."""

    config: ConvertConfig
    """The configuration."""
    columns: Columns
    """The columns of the output."""
    root: Folder
    """The output's folder."""
    receipts: Folder
    """The folder of the receipts."""
    fingerprint: str
    """The run's fingerprint, which receipts name."""
    tally: TallyHandle
    """Collects counts and faults."""
    kind: type[LinesUnit] = LinesUnit
    """Class of the units."""
    doing: str = "converted"
    """Says what a finished task has done, for log lines."""

    @override
    def said(self, unit: LinesUnit) -> str:
        return str(unit.shards[0])

    @override
    def do(self, unit: LinesUnit) -> None:
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        request = Request("reading", self.said(unit), self.config.input.storage, "input")
        try:
            # after a fault that may pass, the shard begins again; files that were written stay,
            # since they get the same bytes
            sizes, counts = read_again(lambda: self._convert(unit), request, patience)
            text = receipt(self.fingerprint, sizes, counts)
            created = self._write(self.receipts, name_of(unit.shards[0]), text)
            self.tally.tell(Tally.add, ConvertCounts(parts=int(created)))
        except _Halted:
            return

    def _convert(self, unit: LinesUnit) -> tuple[dict[str, int], ConvertCounts]:
        """Write the files of a shard; return their sizes by path, and the counts of the shard.

        Raises:
            Unreadable: the file cannot be read, or has changed.
        """
        check_unchanged(unit, self.config.input)
        totals = ConvertCounts()
        sizes: dict[str, int] = {}
        rows = self._output(unit, CORPUS, self.columns.schema)
        rejects = self._output(unit, REJECTED, REJECTS)
        reader = Reader(self.columns, unit.file)
        for part in self._read(unit):
            done = reader.reject(part) if isinstance(part, Unread) else reader.read(part)
            totals += done.counts
            self.tally.tell(Tally.add, done.counts)
            sizes |= rows.take(rows.files.add(done.rows))
            sizes |= rejects.take(rejects.files.add(done.rejects))
        sizes |= rows.take(rows.files.close())
        sizes |= rejects.take(rejects.files.close())
        totals.files, totals.reject_files = rows.number, rejects.number
        totals.bytes = sum(size for path, size in sizes.items() if path.startswith(f"{CORPUS}/"))
        return sizes, totals

    def _output(self, unit: LinesUnit, root: str, schema: pa.Schema) -> "_Output":
        output = self.config.output
        files = Files(schema, output.codec, output.row_group_mb * MIB, output.file_mb * MIB)
        return _Output(self, unit, root, files)

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
            yield from blocks(decoded, unit.first_line, int(self.config.input.max_line_mb * MIB))

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

    def write_file(self, folder: str, name: str, data: bytes) -> None:
        """Write a file of the output, unless it is there.

        Raises:
            _Halted: the store refused it.
        """
        self._write(self.root / folder, name, data)

    def _write(self, folder: Folder, name: str, data: bytes) -> bool:
        created = write_or_halt(partial(_create, folder, name=name, data=data), folder, self.tally)
        if created is None:
            raise _Halted
        return created


def _unpacked(pieces: Iterator[bytes], file: BinaryIO, unit: LinesUnit) -> Iterator[bytes]:
    """Yield the lines of a span of a compressed file, from its packed bytes."""
    assert unit.packing is not None
    rest = unpacked(read_pieces(file, at_once=PIECE_BYTES), unit.packing)
    is_first = unit.shards[0].start == 0
    return lines_that_begin(unpacked(pieces, unit.packing), rest, is_first)


def _create(folder: Folder, patience: Patience, name: str, data: bytes) -> bool:
    return replace(folder, patience=patience).create(name, data)


class _Output:
    """Names and writes the files of a shard below one folder of the output."""

    def __init__(self, stage: ConvertStage, unit: LinesUnit, root: str, files: Files) -> None:
        self._stage = stage
        self._folder = f"{root}/{unit.folder}" if unit.folder else root
        self._part = unit.shards[0].part
        self.files = files
        self.number = 0

    def take(self, files: Iterator[bytes]) -> dict[str, int]:
        """Write finished files; return their sizes by path."""
        sizes = {}
        for data in files:
            name = numbered(self._part, self.number)
            self._stage.write_file(self._folder, name, data)
            sizes[f"{self._folder}/{name}"] = len(data)
            self.number += 1
        return sizes


def numbered(part: str, number: int) -> str:
    """Return the name of a shard's file. Names sort as the rows do."""
    return f"{PurePosixPath(part).stem}-{number:04d}.parquet"
