"""Lists a model's folder in an object store, and fetches it onto a machine.

The driver lists the folder once: names, sizes and versions. Every machine fetches exactly the
listed files, or raises an error if they have changed or gone.
"""

import hashlib
import json
import os
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from rm_ray.config import StorageConfig
from rm_ray.engines.fetch import (
    Sizes,
    check_room,
    fetch_once,
    gigabytes,
    is_weights,
    lacking,
    wanted,
)
from rm_ray.engines.identity import user_cache
from rm_ray.engines.turns import tell
from rm_ray.errors import JudgeError, redacted, short
from rm_ray.store.access import Request
from rm_ray.store.filesystem import open_filesystem, say_unversioned, version_of
from rm_ray.store.retry import Patience, Retry, log_retry, patiently

# Bytes of a file per request (a broken connection costs one such piece), and requests at once.
PIECE_BYTES, THREADS = 16 << 20, 16
# Seconds between log lines on the progress of a fetch.
PROGRESS_S = 30.0


@dataclass(frozen=True)
class StoredFolder:
    """A StoredFolder holds the listing of a model's folder in a store, and fetches its files."""

    uri: str
    """The folder's address, without a slash at the end."""
    storage: StorageConfig
    """How the store is reached."""
    files: Mapping[str, tuple[int, str]]
    """The size in bytes and the version of each file to fetch, by name."""

    @property
    def sizes(self) -> Sizes:
        """Return the files with their sizes."""
        return {name: size for name, (size, _) in self.files.items()}

    @property
    def key(self) -> str:
        """Return the folder's name on machines. Another listing gets another name."""
        listed = json.dumps([self.uri, sorted(self.files.items())])
        name = re.sub(r"[^\w.-]", "-", PurePosixPath(self.uri).name)
        return f"{name}-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"

    def read(self, name: str) -> bytes:
        """Return the content of a small file of the folder.

        Raises:
            OSError: the store cannot be read.
        """
        path = f"{_path(self.uri, self.storage)}/{name}"

        def read() -> bytes:
            data: bytes = open_filesystem(self.uri, self.storage).cat_file(path)
            return data

        return patiently(read, Request("reading", self.uri, self.storage, "judge"))

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """Fetch the missing files, and return the folder of this machine that has all of them.

        Args:
            weights_folder: the folder for fetched models; None for the user's cache.
            weights: False if the files that describe the model are enough, without its weights.

        Raises:
            JudgeError: the disk has no room, the store denies access, or the folder in the store
                has changed since it was listed.
        """
        kept = _kept(weights_folder)
        if not weights and lacking(kept / self.key, self.sizes):
            small = {name: listed for name, listed in self.files.items() if not is_weights(name)}
            return replace(self, files=small).fetch(weights_folder)
        folder, lock = kept / self.key, kept / f".{self.key}.lock"
        return fetch_once(
            self.uri,
            kept,
            folder=folder,
            files=self.sizes,
            lock=lock,
            fetch=lambda: self._fetch(folder),
        )

    def _fetch(self, folder: Path) -> None:
        """Fetch the missing files into a folder NAME.part, and rename that folder once whole."""
        part = folder.with_name(f"{folder.name}.part")
        if folder.is_dir():  # somebody has removed files from the folder
            shutil.rmtree(part, ignore_errors=True)
            folder.rename(part)
        part.mkdir(exist_ok=True)
        self._check_unchanged()
        missing = lacking(part, self.sizes)
        for half in part.glob(".*.tmp"):
            half.unlink()
        check_room(self.uri, part.parent, sum(missing.values()))
        self._copy(missing, part)
        try:
            self._check_unchanged()  # the files may have changed during the fetch
        except JudgeError:
            shutil.rmtree(part)  # holds pieces of old and new files
            raise
        part.rename(folder)

    def _check_unchanged(self) -> None:
        now = _list_files(self.uri, self.storage)
        for name, listed in self.files.items():
            if now.get(name) != listed:
                raise JudgeError(
                    f"judge.model: {name} in {self.uri} has changed or gone since this run listed "
                    f"the folder ({socket.gethostname()} noticed it); start the run again (another "
                    "model needs another --output.path), and do not change the folder meanwhile"
                )

    def _copy(self, files: Sizes, part: Path) -> None:
        size, machine, began = sum(files.values()), socket.gethostname(), time.monotonic()
        tell("%s: fetching %s of %s into %s", machine, gigabytes(size), self.uri, part.parent)
        patience = Patience(tell=OneVoice())
        threads = ThreadPoolExecutor(THREADS)
        try:
            left: Counter[str] = Counter()
            pieces: dict[Future[int], str] = {}
            for name, piece in _pieces(files):
                left[name] += 1
                future = threads.submit(self._copy_piece, name, piece, part, patience)
                pieces[future] = name
            done, told = 0, began
            for future in as_completed(pieces):
                name = pieces[future]
                done += future.result()
                left[name] -= 1
                if not left[name]:
                    _finish(_temporary(part, name), part / name)
                if time.monotonic() - told > PROGRESS_S:
                    told = time.monotonic()
                    tell("%s: fetched %s of %s", machine, gigabytes(done), gigabytes(size))
        finally:
            threads.shutdown(cancel_futures=True)
        tell("%s: fetched %s in %.0f s", machine, self.uri, time.monotonic() - began)

    def _copy_piece(self, name: str, piece: range, part: Path, patience: Patience) -> int:
        path = f"{_path(self.uri, self.storage)}/{name}"

        def read() -> bytes:
            fs = open_filesystem(self.uri, self.storage)
            data: bytes = fs.cat_file(path, start=piece.start, end=piece.stop)
            if len(data) != len(piece):
                raise ConnectionError(f"{len(data):,} bytes of {name} came, not {len(piece):,}")
            return data

        request = Request("reading", self.uri, self.storage, "judge")
        data = patiently(read, request, patience) if piece else b""
        # create the file if it is missing, and never truncate it: other threads write pieces too
        descriptor = os.open(_temporary(part, name), os.O_WRONLY | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(piece.start)
            file.write(data)
        return len(data)


class OneVoice:
    """OneVoice logs the retries of many threads once: when the store fails, and when it recovers.

    Pass it as `tell` of a `Patience`.
    """

    def __init__(self) -> None:
        self._failing = False

    def __call__(self, retry: Retry) -> bool:
        """Log the retry if it is news, and return True if it was logged."""
        news = bool(retry.reason) != self._failing
        self._failing = bool(retry.reason)
        return log_retry(retry) if news else False


def is_stored(name: str) -> bool:
    """Return True if a model's name is a URI of a store, not a local folder or a hub name."""
    return "://" in name and not is_local_uri(name)


def is_local_uri(name: str) -> bool:
    """Return True if a model's name is a URI of a folder of this machine."""
    return name.startswith(("file://", "local://"))


def list_stored(uri: str, storage: StorageConfig, *, code: bool) -> tuple[StoredFolder, list[str]]:
    """Return the model's files in a folder of a store, and the names of all files directly in it.

    Args:
        uri: the folder's address.
        storage: how the store is reached.
        code: True if the model's own code is fetched too.

    Raises:
        JudgeError: there is no folder at this address, or the store does not list it.
    """
    uri = uri.rstrip("/")
    try:
        listed = _list_files(uri, storage)
    except (OSError, ValueError, ImportError) as error:
        raise JudgeError(f"judge.model: cannot list {uri}: {redacted(short(error))}") from None
    if not listed:
        raise JudgeError(f"judge.model: there is no folder {uri}, or no file directly in it")
    chosen = {name: listed[name] for name in wanted(listed, code=code)}
    say_unversioned(uri for _, version in chosen.values() if not version)
    return StoredFolder(uri, storage, chosen), sorted(listed)


def _list_files(uri: str, storage: StorageConfig) -> dict[str, tuple[int, str]]:
    """Return the size and version of each file directly in a folder; {} if there is no folder.

    Raises:
        OSError: the store does not answer, or denies access.
        ValueError: the store lists no sizes, or its protocol is not known.
        ImportError: the store's package is not installed on this machine.
    """

    def listing() -> list[dict[str, Any]]:
        path = _path(uri, storage)
        entries: list[dict[str, Any]] = open_filesystem(uri, storage).ls(path, detail=True)
        return [entry for entry in entries if str(entry["name"]).rpartition("/")[0] == path]

    try:
        entries = patiently(listing, Request("listing", uri, storage, "judge"))
    except FileNotFoundError:
        return {}
    files = {
        PurePosixPath(entry["name"]).name: entry for entry in entries if entry["type"] == "file"
    }
    if unknown := [name for name, entry in files.items() if entry.get("size") is None]:
        raise ValueError(f"the store does not say how large {unknown[0]} is")
    return {name: (int(entry["size"]), version_of(uri, entry)) for name, entry in files.items()}


def _path(uri: str, storage: StorageConfig) -> str:
    """Return the folder's path without protocol, as its filesystem expects it."""
    return str(open_filesystem(uri, storage)._strip_protocol(uri)).rstrip("/")


def _pieces(files: Sizes) -> Iterator[tuple[str, range]]:
    """Yield each request's file name and range of bytes. An empty file gets one empty range."""
    for name, size in files.items():
        for start in range(0, max(size, 1), PIECE_BYTES):
            yield name, range(start, min(start + PIECE_BYTES, size))


def _temporary(part: Path, name: str) -> Path:
    return part / f".{name}.tmp"


def _finish(temporary: Path, path: Path) -> None:
    """Rename a temporary file to its final name, once all of it is on the disk."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def _kept(weights_folder: str | None) -> Path:
    """Return the folder in which this machine keeps models that come from stores."""
    try:
        return Path(weights_folder).expanduser() if weights_folder else user_cache() / "models"
    except RuntimeError:
        raise JudgeError(
            f"judge.model: the user on {socket.gethostname()} has no home to keep weights in; "
            "name a folder with --engine.weights_folder"
        ) from None
