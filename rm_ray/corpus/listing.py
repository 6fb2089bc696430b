"""List every file below a folder of a store, following links, and match globs."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fsspec.utils import glob_translate

from rm_ray.store.filesystem import version_of
from rm_ray.store.folder import is_mark

# A folder that only the administrator of a file system may read, and that never holds a corpus.
LOST_AND_FOUND = "lost+found"


@dataclass(frozen=True)
class Listed:
    """A listed file is a file as its store lists it; a link has the values of its target."""

    path: str
    """Path or URI of the file; for a link, the path of the link itself."""
    size: int
    """Size in bytes; 0 for a link that leads nowhere."""
    version: str
    """Etag or modification time, depending on the store; "" for a link that leads nowhere."""
    real: str
    """Path of the file with all links resolved."""


def look_up(fs: Any, name: str) -> Listed | None:
    """Return the file of this name; None if it is a folder.

    Raises:
        FileNotFoundError: there is no file and no folder of this name.
    """
    info = fs.info(name)
    return _listed(fs, name, info, _real(fs, name)) if info["type"] == "file" else None


def list_below(fs: Any, folder: str, depth: int | None = None) -> list[Listed]:
    """List every file below a folder, sorted by path.

    Args:
        fs: the filesystem.
        folder: the folder.
        depth: 1 for files directly in the folder, 2 for one folder deeper, None for all files.

    Raises:
        OSError: the folder, or a folder in it, cannot be listed.
    """
    all_at_once = depth is None and not is_local(fs)
    files = _find(fs, folder) if all_at_once else _walk(fs, folder, depth, frozenset())
    return sorted(files, key=lambda file: file.path)


def has_signs(name: str) -> bool:
    """Return True if a name is a glob."""
    return name != literal_part(name)


def literal_part(name: str) -> str:
    """Return the folder to search for a glob, or the name itself if it is not a glob."""
    # a ? begins the query of an address
    signs = r"[*[]" if name.startswith(("http://", "https://")) else r"[*?[]"
    sign = re.search(signs, name)
    return name[: sign.start()].rpartition("/")[0] if sign else name


def list_glob(fs: Any, glob: str) -> tuple[list[Listed], "re.Pattern[str]"]:
    """List every file as deep as a glob reaches, and return the glob as a pattern for paths.

    Raises:
        OSError: a folder cannot be listed.
        ValueError: the name is not a valid glob.
    """
    root = literal_part(glob)
    depth = None if "**" in glob else glob.count("/") - root.count("/")
    pattern = re.compile(glob_translate(full_path(fs, glob)))
    return list_below(fs, root or fs.root_marker, depth), pattern


def is_local(fs: Any) -> bool:
    """Return True if a filesystem is this machine's own."""
    return "file" in fs.protocol


def full_path(fs: Any, name: str) -> str:
    """Return the path or URI of a file, given the name that its filesystem uses."""
    return name if is_local(fs) else str(fs.unstrip_protocol(name))


def _find(fs: Any, folder: str) -> Iterator[Listed]:
    """List all files with a request per thousand files, instead of a request per folder."""
    for name, info in fs.find(folder, detail=True).items():
        if info["type"] == "file" and not name.endswith("/"):
            yield _listed(fs, name, info, _real(fs, name))


def _walk(fs: Any, folder: str, depth: int | None, above: frozenset[str]) -> Iterator[Listed]:
    """List files folder by folder.

    Args:
        fs: the filesystem.
        folder: the folder.
        depth: how many levels of folders to list; None for all.
        above: real paths of the folders around this one; a link back to one is not followed.
    """
    real_folder = _real(fs, folder)
    if real_folder in above:
        return
    for info in _entries(fs, folder):
        name = info["name"].rstrip("/")
        if is_mark(name, folder):
            continue
        linked = info.get("islink")
        info = _target(fs, name) if linked else info
        if info["type"] == "file":
            real = _real(fs, name) if linked else f"{real_folder.rstrip('/')}/{_base(name)}"
            yield _listed(fs, name, info, real)
        elif info["type"] == "directory" and depth != 1:
            yield from _walk(fs, name, depth and depth - 1, above | {real_folder})


def _entries(fs: Any, folder: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = fs.ls(folder, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []  # the folder has just been deleted
    except PermissionError:
        if _base(folder).startswith((".", "_", LOST_AND_FOUND)):
            return []
        raise
    return entries


def _target(fs: Any, link: str) -> dict[str, Any]:
    """Return the entry that a link leads to; if there is none, a file of no size or version."""
    try:
        target: dict[str, Any] = fs.info(link)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        return {"type": "file", "size": 0}
    return target


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _real(fs: Any, name: str) -> str:
    return os.path.realpath(name) if is_local(fs) else full_path(fs, name)


def _listed(fs: Any, name: str, info: dict[str, Any], real: str) -> Listed:
    path = full_path(fs, name)
    if info["size"] is None:
        raise ValueError(f"the store does not say how large {path} is")
    return Listed(path, int(info["size"]), version_of(path, info), real)
