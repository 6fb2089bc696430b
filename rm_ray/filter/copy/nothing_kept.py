"""Writes a file without rows if a filter keeps nothing: no reader takes an empty folder for a data
set.
"""

from collections.abc import Sequence

import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.corpus.files import HIVE_NULL
from rm_ray.corpus.parquet import open_source
from rm_ray.corpus.shards import Shard
from rm_ray.filter.copy.units import folder_of
from rm_ray.filter.copy.writing import KeptRows, plainly
from rm_ray.parquet.source import ParquetSource, Writing
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import patiently


def write_no_rows(root: Folder, kind: str, columns: pa.Schema) -> None:
    """Write a file without rows that has these columns. `kind`: the file's folder in the output."""
    _write(root, kind, plainly(columns, None))


def write_no_corpus_rows(
    root: Folder,
    kind: str,
    columns: pa.Schema,
    files: Sequence[str],
    corpus: CorpusConfig,
    codec: str | None,
) -> None:
    """Write a file without rows that has the columns of a corpus file, and these columns.

    Args:
        root: the output's folder.
        kind: the folder of the output's kind.
        columns: columns to add to the corpus's columns.
        files: paths of the corpus's files.
        corpus: the corpus.
        codec: compression; None for the corpus's.
    """
    # prefer a file whose hive folders have values: readers cannot tell the type of nulls
    file = next((name for name in files if HIVE_NULL not in name), files[0])

    def look() -> ParquetSource:
        with open_source(file, corpus.storage) as (_, source):
            return source

    request = Request("reading", file, corpus.storage, corpus.key)
    source = patiently(look, request)
    _write(root, folder_of(kind, file), source.writing([*columns], codec, 1))


def _write(root: Folder, folder: str, writing: Writing) -> None:
    data = KeptRows(writing, 1).close()
    (root / folder).create(Shard(folder, 0, 0).part, data)
