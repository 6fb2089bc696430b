"""A model's folder in an object store, and how it comes onto a machine.

What it holds is listed once, by the driver: names, sizes and versions. Every machine fetches
exactly that, or says that it is no longer there.
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

# A request's share of a file: what is fetched again where a connection breaks. So many at once.
PIECE_BYTES, THREADS = 16 << 20, 16
# Between lines on how far a fetch is, seconds.
PROGRESS_S = 30.0


@dataclass(frozen=True)
class StoredFolder:
    """A folder of model files, as it was listed. `files`: size and version of each, by name."""

    uri: str
    storage: StorageConfig
    files: Mapping[str, tuple[int, str]]

    @property
    def sizes(self) -> Sizes:
        """The files with their sizes."""
        return {name: size for name, (size, _) in self.files.items()}

    @property
    def key(self) -> str:
        """The name of its folder on machines: another listing is another folder."""
        listed = json.dumps([self.uri, sorted(self.files.items())])
        name = re.sub(r"[^\w.-]", "-", PurePosixPath(self.uri).name)
        return f"{name}-{hashlib.sha256(listed.encode()).hexdigest()[:16]}"

    def read(self, name: str) -> bytes:
        """The content of a small file of the folder.

        Raises:
            OSError: of the store.
        """
        path = f"{_path(self.uri, self.storage)}/{name}"

        def read() -> bytes:
            data: bytes = open_filesystem(self.uri, self.storage).cat_file(path)
            return data

        return patiently(read, Request("reading", self.uri, self.storage, "judge"))

    def fetch(self, weights_folder: str | None, *, weights: bool = True) -> Path:
        """The folder of this machine that has these files.

        Raises:
            JudgeError: no room, no access, or the folder is no longer what was listed.
        """
        kept = _kept(weights_folder)
        if not weights and lacking(kept / self.key, self.sizes):
            few = {name: listed for name, listed in self.files.items() if not is_weights(name)}
            return replace(self, files=few).fetch(weights_folder)
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
        """Fetch what is missing into a folder beside it, which takes its name once it is whole."""
        part = folder.with_name(f"{folder.name}.part")
        if folder.is_dir():  # somebody has removed files from it
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
            self._check_unchanged()  # while it was read
        except JudgeError:
            shutil.rmtree(part)  # holds some of either
            raise
        part.rename(folder)

    def _check_unchanged(self) -> None:
        now = _list_files(self.uri, self.storage)
        for name, listed in self.files.items():
            if now.get(name) != listed:
                raise JudgeError(
                    f"judge.model: {name} in {self.uri} has changed or gone since this run looked "
                    f"at it, says {socket.gethostname()}; start the run again (another model "
                    "needs another --output.path), and leave the folder as it is meanwhile"
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
        # made if it is not there, and never cut
        descriptor = os.open(_temporary(part, name), os.O_WRONLY | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(piece.start)
            file.write(data)
        return len(data)


class OneVoice:
    """Tells of the retries of many threads as of one: that the store fails, and that it works."""

    def __init__(self) -> None:
        self._failing = False

    def __call__(self, retry: Retry) -> bool:
        """Log it where it is news."""
        news = bool(retry.reason) != self._failing
        self._failing = bool(retry.reason)
        return log_retry(retry) if news else False


def is_stored(name: str) -> bool:
    """Whether a model's name is a URI of a store: no folder of this machine, and no hub name."""
    return "://" in name and not is_local_uri(name)


def is_local_uri(name: str) -> bool:
    """Whether a model's name is a URI of a folder of this machine."""
    return name.startswith(("file://", "local://"))


def list_stored(uri: str, storage: StorageConfig, *, code: bool) -> tuple[StoredFolder, list[str]]:
    """The model's files in a folder of a store, and the names of all files directly in it.

    Raises:
        JudgeError: there is no such folder, or the store does not say what is in it.
    """
    uri = uri.rstrip("/")
    try:
        found = _list_files(uri, storage)
    except (OSError, ValueError, ImportError) as error:
        raise JudgeError(f"judge.model: cannot list {uri}: {redacted(short(error))}") from None
    if not found:
        raise JudgeError(f"judge.model: there is no folder {uri}, or no file directly in it")
    chosen = {name: found[name] for name in wanted(found, code=code)}
    say_unversioned(uri for _, version in chosen.values() if not version)
    return StoredFolder(uri, storage, chosen), sorted(found)


def _list_files(uri: str, storage: StorageConfig) -> dict[str, tuple[int, str]]:
    """Size and version of each file directly in a folder; {} where there is none.

    Raises:
        OSError: of the store, which does not answer, or denies access.
        ValueError: it lists no sizes, or no such kind of store is known.
        ImportError: its package is not installed here.
    """

    def listing() -> list[dict[str, Any]]:
        path = _path(uri, storage)
        entries: list[dict[str, Any]] = open_filesystem(uri, storage).ls(path, detail=True)
        return [one for one in entries if str(one["name"]).rpartition("/")[0] == path]

    try:
        entries = patiently(listing, Request("listing", uri, storage, "judge"))
    except FileNotFoundError:
        return {}
    files = {PurePosixPath(one["name"]).name: one for one in entries if one["type"] == "file"}
    if unknown := [name for name, one in files.items() if one.get("size") is None]:
        raise ValueError(f"the store does not say how large {unknown[0]} is")
    return {name: (int(one["size"]), version_of(uri, one)) for name, one in files.items()}


def _path(uri: str, storage: StorageConfig) -> str:
    """The folder's path as its filesystem wants it, without protocol."""
    return str(open_filesystem(uri, storage)._strip_protocol(uri)).rstrip("/")


def _pieces(files: Sizes) -> Iterator[tuple[str, range]]:
    """The bytes of each request; an empty file has one too, of none."""
    for name, size in files.items():
        for start in range(0, max(size, 1), PIECE_BYTES):
            yield name, range(start, min(start + PIECE_BYTES, size))


def _temporary(part: Path, name: str) -> Path:
    return part / f".{name}.tmp"


def _finish(temporary: Path, path: Path) -> None:
    """Give a file its name, once all of it is on the disk."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def _kept(weights_folder: str | None) -> Path:
    """Where this machine keeps what comes from stores."""
    try:
        return Path(weights_folder).expanduser() if weights_folder else user_cache() / "models"
    except RuntimeError:
        raise JudgeError(
            f"judge.model: the user on {socket.gethostname()} has no home to keep weights in; "
            "name a folder with --engine.weights_folder"
        ) from None
