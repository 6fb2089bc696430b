"""Compare a plan with the files that a snapshot of its table has."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from rm_ray.corpus.plan import PlannedFile
from rm_ray.corpus.tables.deleted import Deleted
from rm_ray.corpus.tables.snapshot import NONE, Snapshot
from rm_ray.errors import InputError

log = logging.getLogger(__name__)

# Files that a message names.
_NAMED = 3
# Size and version of a planned file that the table no longer has. No file has them, so that the
# file is planned anew if the table gets it back.
GONE_SIZE, GONE_VERSION = -1, ""
# More rows than a file has.
_MOST_ROWS = 1 << 62


def is_gone(file: PlannedFile) -> bool:
    """Return True if the line of a plan says that the table no longer has a file."""
    return file.size == GONE_SIZE


def gone(file: PlannedFile) -> PlannedFile:
    """Return the line of a plan that says that the table no longer has a file."""
    return PlannedFile(file.path, GONE_SIZE, GONE_VERSION, ())


def gone_files(
    planned: Sequence[PlannedFile],
    snapshot: Snapshot,
    deleted: Deleted,
    on_rewritten: Literal["refuse", "score"],
    before: int | None,
) -> list[PlannedFile]:
    """Return the planned files that the snapshot does not have, to be removed from the run.

    Args:
        planned: the planned files.
        snapshot: the snapshot of the table.
        deleted: the deleted rows of the planned files.
        on_rewritten: refuse, or remove them.
        before: the snapshot that was planned last; None if none is known.

    Raises:
        InputError: there are such files, and they are to be refused.
    """
    has = {file.path for file in snapshot.files}
    missing = [file for file in planned if file.path not in has and not is_gone(file)]
    if not missing:
        return []
    rows = sum(file.rows - len(deleted.rows(file.path, 0, file.rows)) for file in missing)
    names = ", ".join(file.path for file in missing[:_NAMED])
    more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
    said = (
        f"{snapshot} no longer has {len(missing):,} files of this run, with {rows:,} rows "
        f"({names}{more}): they were rewritten (compaction, deletes, updates) or removed"
    )
    if on_rewritten == "refuse":
        earlier = f", or finish the run at --input.snapshot {before}" if before is not None else ""
        raise InputError(
            f"input.path: {said}. Give --input.on_rewritten score to remove their rows from the "
            f"output and to score the files that the table has instead{earlier}"
        )
    log.info("%s; their rows are removed from the output (input.on_rewritten)", said)
    return missing


def check_deleted(planned: Sequence[PlannedFile], snapshot: Snapshot, deleted: Deleted) -> None:
    """Refuse a snapshot that has rows again which were deleted when their files were planned.

    Rows that were deleted since their file was planned are told in the log: their rewards stay.

    Raises:
        InputError: there are such rows.
    """
    has = {file.path for file in snapshot.files}
    more, files = 0, 0
    for file in planned:
        if file.path not in has:
            continue
        stop = _MOST_ROWS if is_gone(file) else file.rows
        before = deleted.rows(file.path, 0, stop)
        now = snapshot.deleted.get(file.path, NONE)
        now = now[now < stop]
        if len(back := np.setdiff1d(before, now, assume_unique=True)):
            raise InputError(
                f"input.path: {snapshot} has {len(back):,} rows of {file.path} again that were "
                "deleted when this run planned the file (the table was restored): give the "
                "--input.snapshot that was planned, or another --output.path"
            )
        if is_gone(file):
            continue
        if new := len(np.setdiff1d(now, before, assume_unique=True)):
            more, files = more + new, files + 1
    if more:
        log.info(
            "%s has deleted %d rows of %d files since this run planned them: their rewards stay",
            snapshot,
            more,
            files,
        )


def check_columns(note: Mapping[str, Any], snapshot: Snapshot) -> None:
    """Refuse a snapshot that has given the name of a column of this run to another column.

    The new files would be read by the new meaning of the name, beside rewards by the old one.

    Args:
        note: what the last segment of the plan says of its table; empty if it says nothing.
        snapshot: the snapshot of the table.

    Raises:
        InputError: there is such a column.
    """
    for name, before in note.get("columns", {}).items():
        now = snapshot.fields.identity(name)
        if None not in (before, now) and before != now:
            raise InputError(
                f"input.path: {snapshot} has the name {name!r} for another column than when this "
                "run planned its files (columns were renamed, or dropped and added again): give "
                f"--input.snapshot {note['snapshot']}, which was planned, or another --output.path"
            )
