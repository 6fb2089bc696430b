"""Files in local folders and in the stores that are known here, opened through fsspec.

Knows nothing of Parquet or runs. The one thing here that is not fsspec's own: a file appears
whole or not at all, and never replaces another (`create`).
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

from rm_ray.config import StorageConfig, check_address
from rm_ray.store.access import Request
from rm_ray.store.denied import Denied
from rm_ray.store.filesystem import answer_of, open_filesystem, upload_options
from rm_ray.store.retry import A_MINUTE, Patience, patiently
from rm_ray.store.stores import store_of

Result = TypeVar("Result")

AS_ENVIRONMENT = StorageConfig()


_FOLLOWS = (
    "parts stay right, since what one holds follows from its name; but of two runs that begin in "
    "this folder at the same moment, one notices the other only seconds later, and ends: start "
    "one at a time"
)


class CreateOnly(Enum):
    """What a store makes of a write that is to create a file and never to replace one.

    The value says it to people, with what follows.
    """

    HONOURED = "this store creates a file only where there is none: no part is ever replaced"
    IGNORED = f"this store takes create-only writes and overwrites files all the same: {_FOLLOWS}"
    UNKNOWN = f"this store refuses create-only writes, and gets plain ones: {_FOLLOWS}"


@dataclass(frozen=True)
class Folder:
    """A place to keep files, that can be sent to another machine and opened again there.

    `create_only`: what the store makes of create-only writes; `lags`: whether its listings lack
    what has just been written. Both are found out once, by `probe`.
    `scratch`: where half-written local files lie; on the same file system, the folder if "".
    `patience`: with which everything is tried again. `side`: the section of the configuration
    that says how its store is reached.
    """

    uri: str
    storage: StorageConfig = AS_ENVIRONMENT
    create_only: CreateOnly = CreateOnly.HONOURED
    lags: bool = False
    scratch: str = ""
    patience: Patience = A_MINUTE
    side: str = "output"

    def __truediv__(self, name: str) -> "Folder":
        return replace(self, uri=f"{self.uri.rstrip('/')}/{name}")

    @property
    def conditional(self) -> bool:
        """Whether the store honours create-only writes."""
        return self.create_only is CreateOnly.HONOURED

    @property
    def fs(self) -> Any:
        """The fsspec filesystem of this folder, never trusting an old listing."""
        return open_filesystem(self.uri, self.storage)

    @property
    def path(self) -> str:
        """The folder's path as its filesystem wants it, without protocol."""
        return str(self.fs._strip_protocol(self.uri))

    def names(self) -> list[str]:
        """Names of the files directly in the folder, from one listing; [] where it is missing."""
        return sorted(name for name, kind in self._listing() if kind == "file")

    def entries(self) -> list[str]:
        """Names of the files and folders directly in the folder; [] where it is missing."""
        return sorted(name for name, _ in self._listing())

    def holds_files(self) -> bool:
        """Whether a file lies in the folder or anywhere below it.

        Stores list folders in which nothing lies: a console has made them, or their last file went.
        """
        found = self._listing()
        if any(kind != "directory" for _, kind in found):
            return True
        return any((self / name).holds_files() for name, _ in found)

    def _listing(self) -> list[tuple[str, str]]:
        """Names and types of what lies directly in the folder; [] where it is missing."""
        try:
            found = self._ask("listing", "", lambda: self.fs.ls(self.path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []
        here = self.path.rstrip("/")
        entries = [one for one in found if not is_mark(one["name"], here)]
        return [(PurePosixPath(one["name"]).name, one["type"]) for one in entries]

    def read(self, name: str) -> bytes | None:
        """The file's bytes, None where there is no such file."""
        try:
            return bytes(
                self._ask("reading", name, lambda: self.fs.cat_file(f"{self.path}/{name}"))
            )
        except FileNotFoundError:
            return None

    def size(self, name: str) -> int | None:
        """How many bytes the file has; None where there is no such file."""
        try:
            info = self._ask("reading", name, lambda: self.fs.info(f"{self.path}/{name}"))
        except FileNotFoundError:
            return None
        return int(info["size"])

    def overwrite(self, name: str, data: bytes) -> None:
        """Write the file whole, over an older one if there is one."""
        if isinstance(self.fs, LocalFileSystem):
            self._ask("writing", name, lambda: self._write_local(name, data, overwrite=True))
        else:
            self._ask("writing", name, lambda: self._put(name, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write the file whole, only if there is none of that name; False if there is one.

        One request or one rename: no moment exists in which a reader sees half of it. A store
        that does not honour create-only writes gets a plain one, which is safe for files whose
        content follows from their name. So is False after a request whose answer was lost: the
        file is there.
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
        """Remove the file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._ask("removing", name, lambda: self.fs.rm_file(f"{self.path}/{name}"))

    def probe(self) -> "Folder":
        """Write and remove a small file.

        Returns:
            The folder, knowing what create-only writes do there and whether listings lag.

        Raises:
            OSError: the store cannot be written.
        """
        name = f"probe-{uuid.uuid4().hex}"
        found = self._create_twice(name)
        try:
            lags = name not in self.names()
        finally:
            self.remove(name)
        return replace(self, create_only=found, lags=lags)

    def _create_twice(self, name: str) -> CreateOnly:
        asked = replace(self, create_only=CreateOnly.HONOURED)
        try:
            asked.create(name, b"first")
            replaced = asked.create(name, b"second")
        except Denied:
            raise
        except (OSError, NotImplementedError, TypeError, ValueError) as error:
            _, answered = answer_of(error)
            if isinstance(error, OSError) and not answered:
                raise  # a store that does not know create-only writes says something
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
    """A second name for a file, unless there is one of it.

    Raises:
        FileExistsError: there is.
        OSError: the file system knows no second names.
    """
    try:
        new.hardlink_to(file)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EPERM, errno.ENOSYS):
            said = "its file system has no hard links, by which files are created here"
            raise OSError(errno.EPERM, said) from None
        raise


def is_mark(name: str, folder: str) -> bool:
    """Whether a listed name is no entry of the folder, and only says that the folder exists.

    The consoles of stores make a folder as a file of no bytes whose name ends in "/".
    """
    return name.rstrip("/") == folder


def absolute(uri: str) -> str:
    """The one spelling of a path or URI: local paths absolute and without protocol."""
    if fsspec.utils.get_protocol(uri) != "file":
        return uri.rstrip("/")
    return str(LocalFileSystem._strip_protocol(uri)).rstrip("/") or "/"


def place(uri: str) -> str:
    """Where a path or URI leads, links followed, in the one spelling to compare places by."""
    uri = absolute(uri)
    if "://" not in uri:
        return os.path.realpath(uri)
    return store_of(uri).spelled(uri)


def same_store(uri: str, one: StorageConfig, other: StorageConfig) -> bool:
    """Whether a URI, as `place` spells it, is the same place by both ways to reach its store."""
    at = store_of(uri).at
    return at(uri, one).rstrip("/") == at(uri, other).rstrip("/")


def _says_exists(error: OSError) -> bool:
    """Whether a store refused a create-only PUT because the file is there (HTTP 412)."""
    _, status = answer_of(error)
    return status == 412 or "PreconditionFailed" in str(error)
