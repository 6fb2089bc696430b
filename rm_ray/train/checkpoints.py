"""Checkpoints in any store: the folders that transformers writes, and a list of the complete ones.

OUTPUT/checkpoints/
  list.json      the complete checkpoints, newest last: names and sizes of their files
  step-1200/     one checkpoint, as transformers.Trainer wrote it

A checkpoint counts once it is listed. The list is written after all files of the checkpoint, and is
read by name, because the listings of some stores are out of date for a while. A folder that is not
listed is an interrupted write: the next checkpoint of that step overwrites it, and the next
checkpoint of any step removes it.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem

from rm_ray.errors import Incomplete, OutputError
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import patiently

FOLDER, LIST = "checkpoints", "list.json"
# Prefix of the workers' scratch folders.
SCRATCH = "rm_ray-train-"
# Bytes of disk that must stay free after a checkpoint is written.
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A Checkpoint is a complete checkpoint in the list."""

    step: int
    """Optimizer steps done."""
    files: Mapping[str, int]
    """Size of each file in bytes, by name."""

    @property
    def name(self) -> str:
        """Return the name of the checkpoint's folder."""
        return f"step-{self.step}"


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, output: Folder, keep: int) -> None:
        """Open the checkpoints of a run.

        Args:
            output: the run's folder.
            keep: number of checkpoints to keep.
        """
        self.folder = output / FOLDER
        self._keep = keep

    def listed(self) -> list[Checkpoint]:
        """Return the listed checkpoints, newest last.

        Raises:
            OutputError: the list is damaged.
        """
        stored = self.folder.read(LIST)
        if stored is None:
            return []
        try:
            return [Checkpoint(int(entry["step"]), entry["files"]) for entry in json.loads(stored)]
        except (ValueError, KeyError, TypeError):
            raise OutputError(
                f"{self.folder.uri}/{LIST} is damaged; restore it, or remove it with the folder to "
                "begin again"
            ) from None

    def last(self) -> Checkpoint | None:
        """Return the newest checkpoint, after checking the sizes of its files; None if none is
        listed.

        Raises:
            OutputError: a file is missing or has another size.
        """
        listed = self.listed()
        if not listed:
            return None
        newest = listed[-1]
        place = self.folder / newest.name
        for name, size in newest.files.items():
            if place.size(name) != size:
                raise OutputError(
                    f"{place.uri}/{name} is not as it was written; restore it, or take "
                    f"{newest.name} out of {self.folder.uri}/{LIST} to go on from the one before"
                )
        return newest

    def keep(self, written: Path, step: int) -> Checkpoint:
        """Move a local checkpoint folder to the run, list it, and remove older checkpoints.

        Raises:
            Incomplete: the disk is full.
            OSError: the store failed.
        """
        place = self.folder / f"step-{step}"
        files = {file.name: file.stat().st_size for file in sorted(written.iterdir())}
        checkpoint = Checkpoint(step, files)
        earlier = self.listed()
        listed = [entry for entry in earlier if entry.step != step]
        if len(listed) < len(earlier):
            self._write(listed)  # unlist the step first: its files are about to be overwritten
        put_folder(written, place)
        kept = [*listed, checkpoint][-self._keep :]
        self._write([*listed, checkpoint])  # list the new one before removing older ones
        if len(kept) <= len(listed):
            self._write(kept)
        names = {entry.name for entry in kept}
        for name in self.folder.entries():
            if re.fullmatch(r"step-\d+", name) and name not in names:
                remove_folder(self.folder / name)
        return checkpoint

    def _write(self, listed: Sequence[Checkpoint]) -> None:
        lines = [{"step": entry.step, "files": dict(entry.files)} for entry in listed]
        self.folder.overwrite(LIST, (json.dumps(lines, indent=1) + "\n").encode())

    def fetch(self, found: Checkpoint, scratch: Path) -> Path:
        """Return a local folder with a checkpoint's files; from a store, copy them into
        `scratch`.
        """
        place = self.folder / found.name
        if isinstance(place.fs, LocalFileSystem):
            return Path(place.path)
        folder = scratch / found.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in found.files:
            path = f"{place.path}/{name}"
            request = Request("reading", path, place.storage, place.side)
            patiently(_getting(place.fs, path, str(folder / name)), request)
        return folder


def scratch_near(output: Folder) -> Path | None:
    """Return the scratch folder beside a local output, so that a move needs no copy; None for
    a store.
    """
    return None if "://" in output.uri else Path(output.path) / "_rm_ray" / "scratch"


def clear_scratch(output: Folder) -> None:
    """Remove the unfinished files of workers that were killed."""
    near = scratch_near(output)
    for folder in near.glob(f"{SCRATCH}*") if near else ():
        shutil.rmtree(folder, ignore_errors=True)


def put_folder(written: Path, place: Folder) -> None:
    """Move the files of a local folder into a folder of the output. Existing files are overwritten.

    Raises:
        Incomplete: the disk is full.
    """
    try:
        for file in sorted(written.iterdir()):
            _put(file, place)
    except OSError as error:
        if is_full(error):
            raise no_room(place.uri) from None
        raise
    shutil.rmtree(written, ignore_errors=True)


def _put(file: Path, place: Folder) -> None:
    path = f"{place.path}/{file.name}"
    if isinstance(place.fs, LocalFileSystem):
        Path(place.path).mkdir(parents=True, exist_ok=True)
        _sync(file)
        try:
            file.replace(path)
        except OSError:  # the target is on another disk
            partial = Path(f"{path}.part")
            try:
                shutil.copyfile(file, partial)
                _sync(partial)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return
    request = Request("writing", path, place.storage, place.side)
    patiently(lambda: place.fs.put_file(str(file), path), request)


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _getting(fs: Any, path: str, into: str) -> Any:
    return lambda: fs.get_file(path, into)


def remove_folder(place: Folder) -> None:
    """Remove the files of a folder; remove a local folder itself too."""
    for name in place.names():
        place.remove(name)
    if isinstance(place.fs, LocalFileSystem):
        shutil.rmtree(place.path, ignore_errors=True)


def check_room(scratch: Path, needed: int, step: int) -> None:
    """Check that the disk has room for a checkpoint.

    Raises:
        Incomplete: there is too little room; the message names the folder and the free space.
    """
    free = shutil.disk_usage(scratch).free
    if free < needed + SPARE_BYTES:
        raise Incomplete(
            f"no room for the checkpoint of step {step}: with some to spare it takes "
            f"{(needed + SPARE_BYTES) / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free in "
            f"{scratch}; free some, or keep fewer (--checkpoints.keep), and the same command goes "
            "on from the last checkpoint"
        )


def is_full(error: BaseException) -> bool:
    """Return True if an error means a full disk; torch reports that only in the text of the
    error.
    """
    import errno

    message = str(error)
    number = getattr(error, "errno", None)
    return (
        number in (errno.ENOSPC, errno.EDQUOT)
        or "No space left" in message
        or "os error 28" in message
    )


def no_room(where: str) -> Incomplete:
    """Return the error for a full disk."""
    return Incomplete(
        f"no room for a checkpoint in {where}: the disk is full; free some, and the same command "
        "goes on from the last checkpoint"
    )
