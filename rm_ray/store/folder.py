"""Reads and writes files in local folders and in stores, through fsspec.

Knows nothing of Parquet or runs. It adds one thing to fsspec: a file appears whole or not at all,
and never replaces another file (`create`).
"""

import contextlib
import errno
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from rm_ray.addresses import check_address
from rm_ray.config import StorageConfig
from rm_ray.store.access import Request
from rm_ray.store.denied import Denied
from rm_ray.store.filesystem import answer_of, open_filesystem, upload_options
from rm_ray.store.retry import A_MINUTE, Patience, patiently
from rm_ray.store.stores import store_of

Result = TypeVar("Result")

AS_ENVIRONMENT = StorageConfig()


_FOLLOWS = (
    "parts stay right, since a part's content follows from its name; but if two runs begin in this "
    "folder at the same moment, one notices the other only seconds later and ends: start one at a "
    "time"
)


class CreateOnly(Enum):
    """CreateOnly says how a store treats a create-only write: one that must not replace a file.

    The values are sentences for people.
    """

    HONOURED = "this store creates a file only where there is none: no part is ever replaced"
    IGNORED = f"this store takes create-only writes and overwrites files all the same: {_FOLLOWS}"
    UNKNOWN = f"this store refuses create-only writes, and gets plain ones: {_FOLLOWS}"


@dataclass(frozen=True)
class Folder:
    """A Folder keeps files, locally or in a store. It can be sent to other machines."""

    uri: str
    """The folder's path or address."""
    storage: StorageConfig = AS_ENVIRONMENT
    """How the store is reached."""
    create_only: CreateOnly = CreateOnly.HONOURED
    """How the store treats create-only writes; `probe` finds out."""
    lags: bool = False
    """True if listings lack files that have just been written; `probe` finds out."""
    scratch: str = ""
    """A folder on the same file system for half-written local files; "" for this folder."""
    patience: Patience = A_MINUTE
    """How long each operation is retried."""
    side: str = "output"
    """The section of the configuration that says how the store is reached."""

    def __truediv__(self, name: str) -> "Folder":
        return replace(self, uri=f"{self.uri.rstrip('/')}/{name}")

    @property
    def conditional(self) -> bool:
        """Return True if the store honours create-only writes."""
        return self.create_only is CreateOnly.HONOURED

    @property
    def fs(self) -> Any:
        """Return the fsspec filesystem of this folder. It never trusts an old listing."""
        return open_filesystem(self.uri, self.storage)

    @property
    def path(self) -> str:
        """Return the folder's path without protocol, as its filesystem expects it."""
        return str(self.fs._strip_protocol(self.uri))

    def names(self) -> list[str]:
        """List the names of the files directly in the folder; [] if the folder is missing."""
        return sorted(name for name, kind in self._listing() if kind == "file")

    def entries(self) -> list[str]:
        """List the names of the files and folders directly in the folder; [] if it is missing."""
        return sorted(name for name, _ in self._listing())

    def holds_files(self) -> bool:
        """Return True if a file lies in the folder or anywhere below it.

        Stores also list empty folders: a console created them, or their last file was removed.
        """
        entries = self._listing()
        if any(kind != "directory" for _, kind in entries):
            return True
        return any((self / name).holds_files() for name, _ in entries)

    def _listing(self) -> list[tuple[str, str]]:
        """List names and types of the entries directly in the folder; [] if it is missing."""
        try:
            listed = self._ask("listing", "", lambda: self.fs.ls(self.path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []
        folder = self.path.rstrip("/")
        entries = [entry for entry in listed if not is_mark(entry["name"], folder)]
        return [(PurePosixPath(entry["name"]).name, entry["type"]) for entry in entries]

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None if there is no file of this name."""
        try:
            return bytes(
                self._ask("reading", name, lambda: self.fs.cat_file(f"{self.path}/{name}"))
            )
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        """Return the file's size in bytes, None if there is no file of this name."""
        try:
            info = self._ask("reading", name, lambda: self.fs.info(f"{self.path}/{name}"))
        except FileNotFoundError:
            return None
        return int(info["size"])

    def overwrite(self, name: str, data: bytes) -> None:
        """Write the file whole, and replace an older file of this name."""
        if isinstance(self.fs, LocalFileSystem):
            self._ask("writing", name, lambda: self._write_local(name, data, overwrite=True))
        else:
            self._ask("writing", name, lambda: self._put(name, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write the file whole if no file has this name, else return False.

        A write is one request or one rename, so a reader never sees half of the file. A store that
        does not honour create-only writes gets a plain write. This is safe for files whose content
        follows from their name. For these files False is also safe after a request whose answer
        was lost: the file exists.
        """
        if isinstance(self.fs, LocalFileSystem):
            return self._ask(
                "writing", name, lambda: self._write_local(name, data, overwrite=False)
            )
        return self._ask("writing", name, lambda: self._put_new(name, data))

    def _put(self, name: str, data: bytes, **options: str) -> None:
        check_address(self.uri, written=True)
        fs = self.fs
        options |= upload_options(fs, data, self.storage)
        fs.pipe_file(f"{self.path}/{name}", data, **options)

    def _put_new(self, name: str, data: bytes) -> bool:
        if not self.conditional:
            if self.fs.exists(f"{self.path}/{name}"):
                return False
            self._put(name, data)
            return True
        try:
            self._put(name, data, mode="create")
        except FileExistsError:
            return False
        except OSError as error:
            if _says_exists(error):
                return False
            raise
        return True

    def remove(self, name: str) -> None:
        """Remove the file, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self._ask("removing", name, lambda: self.fs.rm_file(f"{self.path}/{name}"))

    def probe(self) -> "Folder":
        """Write and remove a small file.

        Returns:
            The folder with `create_only` and `lags` as this store behaves.

        Raises:
            OSError: the store cannot be written.
        """
        name = f"probe-{uuid.uuid4().hex}"
        create_only = self._create_twice(name)
        try:
            lags = name not in self.names()
        finally:
            self.remove(name)
        return replace(self, create_only=create_only, lags=lags)

    def _create_twice(self, name: str) -> CreateOnly:
        folder = replace(self, create_only=CreateOnly.HONOURED)
        try:
            folder.create(name, b"first")
            replaced = folder.create(name, b"second")
        except Denied:
            raise
        except (OSError, NotImplementedError, TypeError, ValueError) as error:
            _, answered = answer_of(error)
            if isinstance(error, OSError) and not answered:
                raise  # a store that does not know create-only writes would answer with an error
            self.overwrite(name, b"first")
            return CreateOnly.UNKNOWN
        return CreateOnly.IGNORED if replaced else CreateOnly.HONOURED

    def _ask(self, verb: str, name: str, action: Callable[[], Result]) -> Result:
        uri = f"{self.uri}/{name}" if name else self.uri
        return patiently(action, Request(verb, uri, self.storage, self.side), self.patience)

    def _write_local(self, name: str, data: bytes, *, overwrite: bool) -> bool:
        folder, scratch = Path(self.path), Path(self.scratch or self.path)
        folder.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(parents=True, exist_ok=True)
        temporary = scratch / f".{name}.{uuid.uuid4().hex}.tmp"
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if overwrite:
                temporary.replace(folder / name)
            else:
                _link(folder / name, temporary)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True


def _link(new: Path, file: Path) -> None:
    """Give a file a second name, by a hard link.

    Raises:
        FileExistsError: a file of the new name exists.
        OSError: the file system has no hard links.
    """
    try:
        new.hardlink_to(file)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS):
            message = "its file system has no hard links, and rm_ray needs them to create files"
            raise OSError(errno.EPERM, message) from None
        raise


def is_mark(name: str, folder: str) -> bool:
    """Return True if a listed name is no entry of the folder, but a mark that the folder exists.

    The consoles of stores create a folder as an empty file with a name that ends in "/".
    """
    return name.rstrip("/") == folder


def absolute(uri: str) -> str:
    """Return a path or URI in its one spelling: local paths absolute and without protocol."""
    if fsspec.utils.get_protocol(uri) not in ("file", "local"):
        return uri.rstrip("/")
    return str(LocalFileSystem._strip_protocol(uri)).rstrip("/") or "/"


def place(uri: str) -> str:
    """Return a path or URI with its links followed, in the one spelling for comparisons."""
    uri = absolute(uri)
    if "://" not in uri:
        return os.path.realpath(uri)
    return store_of(uri).spelled(uri)


def same_store(uri: str, one: StorageConfig, other: StorageConfig) -> bool:
    """Return True if a URI leads to the same place with both configurations of its store.

    Args:
        uri: as `place` returns it.
        one: a way to reach the store.
        other: another way to reach the store.
    """
    at = store_of(uri).at
    return at(uri, one).rstrip("/") == at(uri, other).rstrip("/")


def _says_exists(error: OSError) -> bool:
    """Return True if a store refused a create-only PUT because the file exists (HTTP 412)."""
    _, status = answer_of(error)
    return status == 412 or "PreconditionFailed" in str(error)
