"""The plan of a run, in segments: each planning adds one segment to `_rm_ray/plan/`.

A segment is a gzipped file with a JSON line per planned file. It is written once and never changed.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.corpus.plan import Planned
from rm_ray.errors import OutputError
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder

# The first line of a segment begins with this if the job stores notes with it.
NOTES = "notes: "


@dataclass(frozen=True)
class Segment:
    """A Segment is the part of a plan that one planning has added."""

    name: str
    """Name of the segment's file."""
    notes: dict[str, Any]
    """Notes of the job that are stored with the segment."""
    files: list[Any]
    """The planned files."""


def planned_files(plan: Iterable[Segment]) -> list[Any]:
    """Return every planned file, in the order of segments.

    Of a file that was planned several times, only the last planning counts.
    """
    files: dict[str, Any] = {}
    for file in (file for segment in plan for file in segment.files):
        files.pop(file.path, None)
        files[file.path] = file
    return list(files.values())


@dataclass(frozen=True)
class Segments:
    """Segments reads and writes the plan of one run."""

    folder: Folder
    """Folder of the segments."""
    planned: type[Planned]
    """Class of one line of the plan."""
    run_uri: str
    """Address of the run's folder, for errors."""

    def names(self) -> list[str]:
        """Return the names of the plan's segments, in order.

        Segments are numbered without gaps, so all up to the last listed one exist. Newer ones are
        asked for by name.
        """
        listed = self.folder.names()
        names = [_segment(number) for number in range(_number(listed[-1]) + 1 if listed else 0)]
        while self.folder.size(_segment(len(names))) is not None:
            names.append(_segment(len(names)))
        return names

    def read(self) -> list[Segment]:
        """Read all segments, in order.

        Raises:
            OutputError: a segment has just been removed.
        """
        segments, names = [], self.names()
        contents = at_once(self.folder.read, names)
        for name, data in zip(names, contents, strict=True):
            if data is None:
                raise OutputError(f"{self.folder.uri}/{name} has just disappeared")
            lines = gzip.decompress(data).decode().splitlines()
            noted = bool(lines) and lines[0].startswith(NOTES)
            notes = json.loads(lines.pop(0).removeprefix(NOTES)) if noted else {}
            files = [self.planned.from_json(line) for line in lines]
            segments.append(Segment(name, notes, files))
        return segments

    def add(self, files: Sequence[Planned], notes: Mapping[str, Any]) -> None:
        """Add newly planned files to the plan.

        Raises:
            OutputError: another driver has just added a segment.
        """
        name = _segment(len(self.names()))
        lines = f"{NOTES}{json.dumps(notes)}\n" if notes else ""
        lines += "".join(f"{file.to_json()}\n" for file in files)
        if not is_ours(self.folder, name, gzip.compress(lines.encode(), mtime=0)):
            raise OutputError(f"{self.run_uri}: another run is planning here; wait for it to end")


def is_ours(folder: Folder, name: str, data: bytes) -> bool:
    """Create a file; return True if the file there is this caller's.

    If the store's answer to the write was lost, the file is compared with `data`.
    """
    return folder.create(name, data) or folder.read(name) == data


def _segment(number: int) -> str:
    return f"segment-{number:06d}.jsonl.gz"


def _number(segment: str) -> int:
    return int(segment.removeprefix("segment-").partition(".")[0])
