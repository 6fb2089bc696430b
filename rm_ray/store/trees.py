"""Lists, copies and removes all files below a folder.

A copy is create-only, so it can be interrupted anywhere and done again: files that are there stay.
"""

import contextlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from rm_ray.store.folder import Folder

# Files copied, or removed, at once: each is held in memory.
_AT_ONCE = 4


def files_below(folder: Folder) -> list[str]:
    """Return the paths, from a folder, of all files in it and below it, in order.

    Raises:
        OSError: the folder cannot be listed.
    """
    files = folder.names()
    below = [name for name in folder.entries() if name not in set(files)]
    return sorted([*files, *(f"{n}/{file}" for n in below for file in files_below(folder / n))])


def copy_files(source: Folder, target: Folder, names: Iterable[str]) -> None:
    """Copy files to the same paths below another folder. Files that are there are left alone.

    Args:
        source: the folder to copy from.
        target: the folder to copy to.
        names: paths of the files, from the folder.

    Raises:
        OSError: a file cannot be read or written.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda name: _copy(source, target, name), names))


def _copy(source: Folder, target: Folder, name: str) -> None:
    inner, _, base = name.rpartition("/")
    to = target / inner if inner else target
    if to.size(base) is not None:
        return
    data = source.read(name)
    if data is None:
        raise FileNotFoundError(f"{source.uri}/{name} has just disappeared")
    to.create(base, data)


def remove_files(folder: Folder) -> None:
    """Remove all files in a folder and below it, and the folder itself if it is a local one.

    Raises:
        OSError: a file cannot be removed.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(folder.remove, files_below(folder)))
    if isinstance(folder.fs, LocalFileSystem):
        for place, _, _ in os.walk(folder.path, topdown=False):
            with contextlib.suppress(OSError):
                Path(place).rmdir()
