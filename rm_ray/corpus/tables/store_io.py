"""Let pyiceberg read files through the stores of rm_ray, with their addresses and credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyiceberg.io import FileIO, InputFile, OutputFile

from rm_ray.config import StorageConfig
from rm_ray.store.access import Request
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import absolute
from rm_ray.store.retry import patiently


class StoreInput(InputFile):
    """A StoreInput is a file of a store."""

    def __init__(self, location: str, storage: StorageConfig) -> None:
        """Name the file."""
        super().__init__(location)
        self._uri = absolute(location)
        self._storage = storage

    @property
    def _fs(self) -> Any:
        return open_filesystem(self._uri, self._storage)

    def __len__(self) -> int:
        """Return the size of the file in bytes."""
        return int(self._fs.info(self._uri)["size"])

    def exists(self) -> bool:
        """Return True if there is such a file."""
        return bool(self._fs.exists(self._uri))

    def open(self, seekable: bool = True) -> Any:
        """Open the file for reading; a fault that may pass is tried again."""
        del seekable
        request = Request("reading", self._uri, self._storage, "input")
        return patiently(lambda: self._fs.open(self._uri, "rb"), request)


class StoreIO(FileIO):
    """A StoreIO reads files of any store that rm_ray reads. It writes nothing."""

    def __init__(self, storage: StorageConfig) -> None:
        """Make it; `storage` says how the store is reached."""
        super().__init__({})
        self._storage = storage

    def new_input(self, location: str) -> StoreInput:
        """Return a file to read."""
        return StoreInput(location, self._storage)

    def new_output(self, location: str) -> OutputFile:
        """Refuse to write: a corpus is only read."""
        raise NotImplementedError(f"{location}: a corpus is only read")

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Refuse to delete: a corpus is only read."""
        raise NotImplementedError(f"{location}: a corpus is only read")


@contextmanager
def reading(io: StoreIO, location: str) -> Iterator[Any]:
    """Open a file by its location."""
    with io.new_input(location).open() as file:
        yield file
