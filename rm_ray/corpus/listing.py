"""What a store lists: every file below a folder, links followed, and which of them a glob means."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fsspec.utils import glob_translate

from rm_ray.store.filesystem import version_of
from rm_ray.store.folder import is_mark

# What only the administrator of a file system may look into, and nobody keeps a corpus in.
LOST_AND_FOUND = "lost+found"


@dataclass(frozen=True)
class Listed:
    """A file as its store lists it; of a link, all but the path is its target's.

    `version`: etag or modification time, whatever the store has. `real`: where the file lies. A
    link that leads nowhere has no size and no version.
    """

    path: str
    size: int
    version: str
    real: str


def look_up(fs: Any, name: str) -> Listed | None:
    """The file of that name; None for a folder.

    Raises:
        FileNotFoundError: there is neither.
    """
    info = fs.info(name)
    return _listed(fs, name, info, _real(fs, name)) if info["type"] == "file" else None


def list_below(fs: Any, folder: str, depth: int | None = None) -> list[Listed]:
    """Every file below a folder, by path. `depth`: 1 for those directly in it; None for all.

    Raises:
        OSError: the folder, or one in it, cannot be listed.
    """
    all_at_once = depth is None and not is_local(fs)
    found = _find(fs, folder) if all_at_once else _walk(fs, folder, depth, frozenset())
    return sorted(found, key=lambda file: file.path)


def has_signs(name: str) -> bool:
    """Whether a name is a glob."""
    return name != literal_part(name)


def literal_part(name: str) -> str:
    """The folder in which a glob is looked for, or the name itself if it is none."""
    sign = re.search(r"[*?[]", name)
    return name[: sign.start()].rpartition("/")[0] if sign else name


def list_glob(fs: Any, glob: str) -> tuple[list[Listed], "re.Pattern[str]"]:
    """Every file as deep as a glob looks, and what the paths of those that it means look like.

    Raises:
        OSError: a folder cannot be listed.
        ValueError: it is no glob.
    """
    root = literal_part(glob)
    depth = None if "**" in glob else glob.count("/") - root.count("/")
    pattern = re.compile(glob_translate(full_path(fs, glob)))
    return list_below(fs, root or fs.root_marker, depth), pattern


def is_local(fs: Any) -> bool:
    """Whether a filesystem is this machine's own."""
    return "file" in fs.protocol


def full_path(fs: Any, name: str) -> str:
    """A filesystem's name of a file, as its path or URI."""
    return name if is_local(fs) else str(fs.unstrip_protocol(name))


def _find(fs: Any, folder: str) -> Iterator[Listed]:
    """A request a thousand files, not one a folder."""
    for name, info in fs.find(folder, detail=True).items():
        if info["type"] == "file" and not name.endswith("/"):
            yield _listed(fs, name, info, _real(fs, name))


def _walk(fs: Any, folder: str, depth: int | None, above: frozenset[str]) -> Iterator[Listed]:
    """`above`: the folders that this one is in; a link that leads back to one is not followed."""
    here = _real(fs, folder)
    if here in above:
        return
    for info in _entries(fs, folder):
        name = info["name"].rstrip("/")
        if is_mark(name, folder):
            continue
        linked = info.get("islink")
        info = _target(fs, name) if linked else info
        if info["type"] == "file":
            real = _real(fs, name) if linked else f"{here.rstrip('/')}/{_base(name)}"
            yield _listed(fs, name, info, real)
        elif info["type"] == "directory" and depth != 1:
            yield from _walk(fs, name, depth and depth - 1, above | {here})


def _entries(fs: Any, folder: str) -> list[dict[str, Any]]:
    try:
        entries: list[dict[str, Any]] = fs.ls(folder, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []  # it has just gone
    except PermissionError:
        if _base(folder).startswith((".", "_", LOST_AND_FOUND)):
            return []
        raise
    return entries


def _target(fs: Any, link: str) -> dict[str, Any]:
    """What a link leads to; to nowhere, a file without size and version."""
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
