"""The files of the table, with the filter's plan for each file before it copies anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.writers.compare import Excused
from benchmarks.writers.stored import created_by
from rm_ray.filter.config import FilesConfig
from rm_ray.filter.copy.keeping import FooterLook, Keeping
from rm_ray.parquet.source import ParquetSource


@dataclass(frozen=True)
class File:
    """A file of the table."""

    name: str
    """The file's name without its ending; no other file of the table has it."""
    path: Path
    """Path of the file."""
    group: str
    """Heading of the file in the table: a writer, or a folder."""
    version: str
    """Version of the writer, or the writer named in the file."""
    special: str
    """Special feature of the file; empty if the list names none."""


@dataclass(frozen=True)
class Looked:
    """A file, with the filter's plan for it."""

    file: File
    """The file."""
    rows: int
    """Number of rows."""
    columns: int
    """Number of columns that can be written."""
    keeping: Keeping
    """The plan."""
    excused: Excused
    """The plan, in the form for the comparison."""


def files_of(folder: Path) -> list[File]:
    """Return the files of a folder: the files of its list, or all Parquet files if it has no
    list.
    """
    index = folder / "index.json"
    if index.exists():
        entries: list[dict[str, str]] = json.loads(index.read_text())
        return [
            File(Path(one["file"]).stem, folder / one["file"], one["writer"], one["version"],
                 one["special"])
            for one in entries
        ]  # fmt: skip
    paths = sorted(folder.glob("*.parquet"))
    return [File(path.stem, path, folder.name, created_by(path), "") for path in paths]


def all_files(folders: Sequence[Path]) -> list[File]:
    """Return the files of several folders."""
    found = [file for folder in folders for file in files_of(folder)]
    names = [file.name for file in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"several files have the name {twice[0]}")
    return found


def look(file: File) -> Looked | str:
    """Look at a file as planning does, and read it as copying does.

    Returns:
        The filter's plan for the file, or why it cannot be read.
    """
    try:
        with file.path.open("rb") as opened:
            keeping = FooterLook(FilesConfig())(opened)
            source = ParquetSource.of(opened)
            for _ in pq.ParquetFile(
                opened, metadata=source.metadata, page_checksum_verification=True
            ).iter_batches():
                pass
    except (OSError, pa.ArrowException) as error:
        return " ".join(str(error).split())
    excused = Excused(keeping.changed, tuple(source.dropped), tuple(source.reshaped))
    groups = range(source.metadata.num_row_groups)
    # one file of parquet-testing says wrongly that it has no rows
    rows = sum(source.metadata.row_group(group).num_rows for group in groups)
    return Looked(file, rows, len(source.schema), keeping, excused)
