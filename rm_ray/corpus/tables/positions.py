"""Read which rows the delete files of an Iceberg snapshot delete, by data file."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.manifest import DataFileContent, FileFormat

from rm_ray.config import CorpusConfig
from rm_ray.corpus.parquet import open_file
from rm_ray.corpus.tables.manifests import Entry
from rm_ray.corpus.tables.puffin import vector
from rm_ray.corpus.tables.snapshot import Ints
from rm_ray.errors import InputError, short
from rm_ray.store.access import Request
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import absolute
from rm_ray.store.retry import patiently

# The deleted rows that a delete file names, by data file.
Deletes = dict[str, Ints]


def check_deletes(deletes: Iterable[Entry], address: str, config: CorpusConfig) -> None:
    """Refuse delete files that do not name rows by their numbers.

    Raises:
        InputError: there is such a file; the message says what to do.
    """
    for entry in deletes:
        where = f"{config.key}.path: iceberg:{address} has the delete file {entry.path}"
        if entry.content is DataFileContent.EQUALITY_DELETES:
            raise InputError(
                f"{where}, which deletes rows by their values (equality deletes), and these are "
                "not read here; rewrite the table's data files first (in Spark: CALL "
                "CATALOG.system.rewrite_data_files(table => 'TABLE', options => "
                "map('delete-file-threshold', '1')))"
            )
        if entry.format not in (FileFormat.PARQUET, FileFormat.PUFFIN) or entry.encrypted:
            kind = "encrypted" if entry.encrypted else f"of the format {entry.format.value}"
            raise InputError(f"{where}, which is {kind}; read are Parquet and Puffin, as they are")


def deleted_rows(
    data: Sequence[Entry], deletes: Sequence[Entry], address: str, config: CorpusConfig
) -> Deletes:
    """Return the numbers of the deleted rows of each data file that has some.

    A deletion vector stands for all deletes of its file, so other delete files do not count then.

    Raises:
        InputError: a delete file cannot be read.
    """
    check_deletes(deletes, address, config)
    read = at_once(lambda entry: _read(entry, config), deletes)
    by_file: dict[str, list[tuple[Entry, Ints]]] = defaultdict(list)
    for entry, found in zip(deletes, read, strict=True):
        for path, rows in found.items():
            by_file[path].append((entry, rows))
    deleted: Deletes = {}
    for file in data:
        newer = [(e, rows) for e, rows in by_file.get(file.path, ()) if e.sequence >= file.sequence]
        vectors = [rows for entry, rows in newer if entry.format is FileFormat.PUFFIN]
        if len(vectors) > 1:
            raise InputError(
                f"{config.key}.path: iceberg:{address} has {len(vectors)} deletion vectors of "
                f"{file.path}, and a file has one at most; repair the table"
            )
        rows = np.unique(
            np.concatenate([np.empty(0, np.int64), *(vectors or [r for _, r in newer])])
        )
        if len(rows):
            deleted[file.path] = rows
    return deleted


def _read(entry: Entry, config: CorpusConfig) -> Deletes:
    read = _vector if entry.format is FileFormat.PUFFIN else _positions
    request = Request("reading", entry.path, config.storage, config.key)
    try:
        return patiently(lambda: read(entry, config), request)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"{config.key}.path: cannot read the delete file {entry.path}: {short(error)}"
        ) from None


def _positions(entry: Entry, config: CorpusConfig) -> Deletes:
    """Read a Parquet file of positions: the columns `file_path` and `pos`."""
    with open_file(entry.path, config.storage) as file:
        table = pq.ParquetFile(file).read(["file_path", "pos"])
    paths = table.column("file_path").cast(pa.string()).combine_chunks().dictionary_encode()
    numbers = table.column("pos").cast(pa.int64()).to_numpy()
    codes = paths.indices.to_numpy()
    return {
        absolute(path): numbers[codes == code]
        for code, path in enumerate(paths.dictionary.to_pylist())
    }


def _vector(entry: Entry, config: CorpusConfig) -> Deletes:
    if entry.of_file is None or entry.offset is None or entry.size is None:
        raise ValueError(
            "its manifest does not say where its deletion vector is, and of which file"
        )
    with open_file(entry.path, config.storage) as file:
        file.seek(entry.offset)
        rows = vector(file.read(entry.size))
    if len(rows) != entry.rows:
        raise ValueError(
            f"its deletion vector has {len(rows):,} rows, and its manifest says {entry.rows:,}"
        )
    return {entry.of_file: rows}
