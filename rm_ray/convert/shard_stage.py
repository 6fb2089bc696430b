"""The stage that every conversion has: a task writes the files of a shard, and then its receipt."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

import pyarrow as pa
from typing_extensions import override

from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.writing import Files
from rm_ray.corpus.decoding import read_again
from rm_ray.corpus.plan import AnyUnit
from rm_ray.run.counts import RunCounts
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
# The folder of the output for converted rows.
CORPUS = "corpus"


class _Halted(Exception):
    """The store refused a write, and the run stops."""


@dataclass(frozen=True, kw_only=True)
class ShardStage(UnitStage[AnyUnit]):
    """A ShardStage converts shards and reports faults to the tally."""

    config: ConvertConfig
    """The configuration."""
    root: Folder
    """The output's folder."""
    receipts: Folder
    """The folder of the receipts."""
    fingerprint: str
    """The run's fingerprint, which receipts name."""
    tally: TallyHandle
    """Collects counts and faults."""
    doing: str = "converted"
    """Says what a finished task has done, for log lines."""

    @abstractmethod
    def convert(self, unit: AnyUnit) -> tuple[dict[str, int], RunCounts]:
        """Write the files of a shard; return their sizes by path, and the counts of the shard.

        Raises:
            Unreadable: the input cannot be read, or has changed.
        """

    @override
    def said(self, unit: AnyUnit) -> str:
        return str(unit.shards[0])

    @override
    def do(self, unit: AnyUnit) -> None:
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        request = Request("reading", self.said(unit), self.config.input.storage, "input")
        try:
            # after a fault that may pass, the shard begins again; files that were written stay,
            # since they get the same bytes
            sizes, counts = read_again(lambda: self.convert(unit), request, patience)
            text = receipt(self.fingerprint, sizes, counts)
            created = self._write(self.receipts, name_of(unit.shards[0]), text)
            self.tally.tell(Tally.add, type(counts)(parts=int(created)))
        except _Halted:
            return

    def output(self, folder: str, part: str, schema: pa.Schema) -> "Output":
        """Return what writes a shard's files below a folder of the output.

        Args:
            folder: the folder.
            part: name of the shard's part.
            schema: the schema of the files.
        """
        output = self.config.output
        files = Files(schema, output.codec, output.row_group_mb * MIB, output.file_mb * MIB)
        return Output(self, folder, part, files)

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


def _create(folder: Folder, patience: Patience, name: str, data: bytes) -> bool:
    return replace(folder, patience=patience).create(name, data)


class Output:
    """Output names and writes the files of a shard below one folder of the output."""

    def __init__(self, stage: ShardStage[AnyUnit], folder: str, part: str, files: Files) -> None:
        """Prepare.

        Args:
            stage: writes the files.
            folder: the folder.
            part: name of the shard's part.
            files: encodes the rows.
        """
        self._write = stage.write_file
        self._folder = folder
        self._part = part
        self._files = files
        self.number = 0

    def add(self, rows: pa.Table) -> dict[str, int]:
        """Add rows, and write a file if one is full; return its size by its path."""
        return self._take(self._files.add(rows))

    def close(self) -> dict[str, int]:
        """Write the last file, if there are rows for it; return its size by its path."""
        return self._take(self._files.close())

    def _take(self, files: Iterator[bytes]) -> dict[str, int]:
        sizes = {}
        for data in files:
            name = numbered(self._part, self.number)
            self._write(self._folder, name, data)
            sizes[f"{self._folder}/{name}"] = len(data)
            self.number += 1
        return sizes


def numbered(part: str, number: int) -> str:
    """Return the name of a shard's file. Names sort as the rows do."""
    return f"{PurePosixPath(part).stem}-{number:04d}.parquet"
