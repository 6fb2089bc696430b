"""Checkpoints in any store: the folders that transformers writes, and one list of those that count.

OUTPUT/checkpoints/
  list.json      the checkpoints that are whole, the last one last: names and sizes of their files
  step-1200/     one of them, as transformers.Trainer wrote it

A checkpoint counts once it is listed: the list is written when all its files are there, and read by
its name, since listings of some stores are a while old. What is not listed is a write that was
interrupted; the next one of that step writes over it, and it goes when another checkpoint is kept.
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
# How the names of the workers' folders begin.
SCRATCH = "rm_ray-train-"
# What a checkpoint is written beside: room that must be left.
SPARE_BYTES = 64 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that is whole. `files`: their sizes by name."""

    step: int
    files: Mapping[str, int]

    @property
    def name(self) -> str:
        """Its folder's name."""
        return f"step-{self.step}"


class Checkpoints:
    """Those of one run. `output`: the run's folder."""

    def __init__(self, output: Folder, keep: int) -> None:
        self.folder = output / FOLDER
        self._keep = keep

    def listed(self) -> list[Checkpoint]:
        """The checkpoints that count, the last one last.

        Raises:
            OutputError: the list is damaged.
        """
        stored = self.folder.read(LIST)
        if stored is None:
            return []
        try:
            return [Checkpoint(int(one["step"]), one["files"]) for one in json.loads(stored)]
        except (ValueError, KeyError, TypeError):
            raise OutputError(
                f"{self.folder.uri}/{LIST} is damaged; restore it, or remove it with the folder to "
                "begin again"
            ) from None

    def last(self) -> Checkpoint | None:
        """The last one, whose files are all there as they were listed.

        Raises:
            OutputError: one of them is not.
        """
        listed = self.listed()
        if not listed:
            return None
        found = listed[-1]
        place = self.folder / found.name
        for name, size in found.files.items():
            if place.size(name) != size:
                raise OutputError(
                    f"{place.uri}/{name} is not as it was written; restore it, or take "
                    f"{found.name} out of {self.folder.uri}/{LIST} to go on from the one before"
                )
        return found

    def keep(self, written: Path, step: int) -> Checkpoint:
        """Take a folder that was written on this machine; it moves, and older ones go.

        Raises:
            Incomplete: there is no room for it.
            OSError: of the store.
        """
        place = self.folder / f"step-{step}"
        files = {file.name: file.stat().st_size for file in sorted(written.iterdir())}
        found = Checkpoint(step, files)
        before = self.listed()
        listed = [one for one in before if one.step != step]
        if len(listed) < len(before):
            self._write(listed)  # its files are about to be written over
        put_folder(written, place)
        kept = [*listed, found][-self._keep :]
        self._write([*listed, found])  # counted before older ones go
        if len(kept) <= len(listed):
            self._write(kept)
        names = {one.name for one in kept}
        for name in self.folder.entries():
            if re.fullmatch(r"step-\d+", name) and name not in names:
                remove_folder(self.folder / name)
        return found

    def _write(self, listed: Sequence[Checkpoint]) -> None:
        lines = [{"step": one.step, "files": dict(one.files)} for one in listed]
        self.folder.overwrite(LIST, (json.dumps(lines, indent=1) + "\n").encode())

    def fetch(self, found: Checkpoint, scratch: Path) -> Path:
        """The folder of this machine that has a checkpoint's files."""
        place = self.folder / found.name
        if isinstance(place.fs, LocalFileSystem):
            return Path(place.path)
        folder = scratch / found.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in found.files:
            where = f"{place.path}/{name}"
            request = Request("reading", where, place.storage, place.side)
            patiently(_getting(place.fs, where, str(folder / name)), request)
        return folder


def scratch_near(output: Folder) -> Path | None:
    """Where checkpoints are written first: beside a local output, to move there without a copy."""
    return None if "://" in output.uri else Path(output.path) / "_rm_ray" / "scratch"


def clear_scratch(output: Folder) -> None:
    """Remove what workers that were killed had begun to write."""
    near = scratch_near(output)
    for folder in near.glob(f"{SCRATCH}*") if near else ():
        shutil.rmtree(folder, ignore_errors=True)


def put_folder(written: Path, place: Folder) -> None:
    """Move the files of a local folder into a folder of the output, over those that are there.

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
    where = f"{place.path}/{file.name}"
    if isinstance(place.fs, LocalFileSystem):
        Path(place.path).mkdir(parents=True, exist_ok=True)
        _sync(file)
        try:
            file.replace(where)
        except OSError:  # another disk
            partly = Path(f"{where}.part")
            try:
                shutil.copyfile(file, partly)
                _sync(partly)
                partly.replace(where)
            finally:
                partly.unlink(missing_ok=True)
        return
    request = Request("writing", where, place.storage, place.side)
    patiently(lambda: place.fs.put_file(str(file), where), request)


def _sync(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _getting(fs: Any, where: str, into: str) -> Any:
    return lambda: fs.get_file(where, into)


def remove_folder(place: Folder) -> None:
    """Remove the files of a folder, and the folder where it is a local one."""
    for name in place.names():
        place.remove(name)
    if isinstance(place.fs, LocalFileSystem):
        shutil.rmtree(place.path, ignore_errors=True)


def check_room(scratch: Path, needed: int, step: int) -> None:
    """Refuse to write a checkpoint that the disk has no room for.

    Raises:
        Incomplete: naming the folder and how much is missing.
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
    """Whether an error says that a disk is full; torch says it in words of its own."""
    import errno

    said = str(error)
    number = getattr(error, "errno", None)
    return (
        number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in said or "os error 28" in said
    )


def no_room(where: str) -> Incomplete:
    """The error of a disk that is full."""
    return Incomplete(
        f"no room for a checkpoint in {where}: the disk is full; free some, and the same command "
        "goes on from the last checkpoint"
    )
