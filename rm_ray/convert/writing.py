"""Write tables as Parquet files of bounded size, one after the other."""

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

# Bytes of a page before compression. Pages of 1 MiB take a seventh more time to write.
PAGE_BYTES = 4 << 20
# The level of zstd. It is that of DuckDB and Polars.
ZSTD_LEVEL = 3


class Files:
    """Files encodes rows as Parquet files. Row groups and files are cut by their bytes, so they
    depend on the rows alone.
    """

    def __init__(
        self, schema: pa.Schema, codec: str, group_bytes: float, file_bytes: float
    ) -> None:
        """Prepare.

        Args:
            schema: the schema of all files.
            codec: the compression.
            group_bytes: bytes of a row group before compression, about.
            file_bytes: bytes of a file, about, at most.
        """
        self._schema = schema
        self._codec = "none" if codec == "uncompressed" else codec
        self._group_bytes = group_bytes
        self._file_bytes = file_bytes
        self._sink = io.BytesIO()
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._bytes = 0

    def add(self, rows: pa.Table) -> Iterator[bytes]:
        """Add rows; yield a file if one is full."""
        if len(rows):
            self._waiting.append(rows)
            self._bytes += rows.nbytes
        if self._bytes >= self._group_bytes:
            self._write_group()
            if self._sink.tell() >= self._file_bytes:
                yield self._finish()

    def close(self) -> Iterator[bytes]:
        """Yield the last file, if there are rows that no file has yet."""
        if self._waiting:
            self._write_group()
        if self._writer:
            yield self._finish()

    def empty(self) -> bytes:
        """Return a file without rows."""
        self._open()
        return self._finish()

    def _open(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._sink = io.BytesIO()
            level = ZSTD_LEVEL if self._codec == "zstd" else None
            self._writer = pq.ParquetWriter(
                self._sink,
                self._schema,
                compression=self._codec,
                compression_level=level,
                data_page_size=PAGE_BYTES,
            )
        return self._writer

    def _write_group(self) -> None:
        rows = pa.concat_tables(self._waiting)
        self._waiting, self._bytes = [], 0
        self._open().write_table(rows, row_group_size=len(rows))

    def _finish(self) -> bytes:
        self._open().close()
        data = self._sink.getvalue()
        self._writer, self._sink = None, io.BytesIO()
        return data
