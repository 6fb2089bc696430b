"""The plan of a run, in segments: what each planning has added, in `_rm_ray/plan/`.

A segment is one gzipped file, a JSON line for each planned file. It is written once, and never
changed.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rm_ray.corpus.plan import Planned
from rm_ray.errors import OutputError
from rm_ray.store.folder import Folder

# What a segment's first line begins with, where the job keeps notes with it.
NOTES = "notes: "
# Segments read at once: a corpus that is scored every night has many.
_THREADS = 16


@dataclass(frozen=True)
class Segment:
    """What one planning has added to a plan. `notes`: what the job keeps with it."""

    name: str
    notes: dict[str, Any]
    files: list[Any]


def planned_files(plan: Iterable[Segment]) -> list[Any]:
    """Every planned file, segment by segment; one planned again counts as last planned."""
    files: dict[str, Any] = {}
    for file in (file for segment in plan for file in segment.files):
        files.pop(file.path, None)
        files[file.path] = file
    return list(files.values())


@dataclass(frozen=True)
class Segments:
    """The segments of the run at `run_uri`. `planned`: a line of its plan."""

    folder: Folder
    planned: type[Planned]
    run_uri: str

    def names(self) -> list[str]:
        """Names of the plan's segments, in order: of all up to the last one that is listed, and of
        newer ones, which are asked for by name.
        """
        listed = self.folder.names()
        names = [_segment(number) for number in range(_number(listed[-1]) + 1 if listed else 0)]
        while self.folder.size(_segment(len(names))) is not None:
            names.append(_segment(len(names)))
        return names

    def read(self) -> list[Segment]:
        """All segments, in order.

        Raises:
            OutputError: one has just been removed.
        """
        segments, names = [], self.names()
        with ThreadPoolExecutor(_THREADS) as pool:
            contents = list(pool.map(self.folder.read, names))
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
    """Create a file; whether it is ours, though the answer that says so may have been lost."""
    return folder.create(name, data) or folder.read(name) == data


def _segment(number: int) -> str:
    return f"segment-{number:06d}.jsonl.gz"


def _number(segment: str) -> int:
    return int(segment.removeprefix("segment-").partition(".")[0])
