"""The files of a history with the hashes of each night's documents.

    HISTORY/_seen/2026-11-24.parquet    one column of hashes, ascending; at most one MiB

The metadata says what was hashed, and below which hash a night is known. Readers of the history as
one table leave out folders whose names begin with an underscore.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.counts.order import Hashes
from rm_ray.errors import InputError, OutputError, short
from rm_ray.report.compare.history import SUFFIX
from rm_ray.report.measure.seen import Seen
from rm_ray.run.output.commit import open_part
from rm_ray.store.at_once import ITEMS_AT_ONCE, at_once
from rm_ray.store.folder import Folder

SEEN = "_seen"
SETTINGS, BELOW = b"rm_ray.settings", b"rm_ray.below"
HASH = "hash"


@dataclass(frozen=True)
class SeenFiles:
    """SeenFiles reads and writes the hashes of the nights of a history."""

    folder: Folder
    """Folder of the history."""
    settings: Mapping[str, Any]
    """The kind of the hashed values; nights with other settings do not count."""

    def write(self, night: str, seen: Seen) -> None:
        """Store a night's hashes, in place of its earlier file if there is one.

        Raises:
            OutputError: the file cannot be written.
        """
        metadata = {SETTINGS: self._settings(), BELOW: str(seen.below).encode()}
        schema = pa.schema([(HASH, pa.uint64())], metadata)
        table = pa.table([pa.array(seen.keys, pa.uint64())], schema=schema)
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd", use_dictionary=False)
        try:
            self._place.overwrite(f"{night}{SUFFIX}", buffer.getvalue())
        except OSError as error:
            raise OutputError(f"history.path: cannot write {self.folder.uri}: {error}") from None

    def before(self, night: str, most: int) -> Iterator[tuple[Hashes, int]]:
        """Yield the hashes of the last nights before a night, and the hash that they are below.

        Raises:
            InputError: a file is damaged, or cannot be read.
        """
        names = [n.removesuffix(SUFFIX) for n in self._place.names() if n.endswith(SUFFIX)]
        earlier = [f"{name}{SUFFIX}" for name in sorted(names) if name < night][-most:]
        for start in range(0, len(earlier), ITEMS_AT_ONCE):
            for found in at_once(self._read, earlier[start : start + ITEMS_AT_ONCE]):
                if found is not None:
                    yield found

    @property
    def _place(self) -> Folder:
        return self.folder / SEEN

    def _settings(self) -> bytes:
        return json.dumps(dict(self.settings), sort_keys=True).encode()

    def _read(self, name: str) -> tuple[Hashes, int] | None:
        try:
            footer, table = open_part(self._place, name, [HASH])
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"history.path: {self._place.uri}/{name} cannot be read: {short(error)}; report "
                "that night again, or remove the file"
            ) from None
        metadata = footer.metadata or {}
        if metadata.get(SETTINGS) != self._settings():
            return None
        hashes: Hashes = table.column(HASH).to_numpy()
        return hashes, int(metadata[BELOW])
