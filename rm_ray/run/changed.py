"""Find planned input files that have changed since they were planned, and say so."""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from rm_ray.corpus.files import InputFile, then_and_now

log = logging.getLogger(__name__)


class PlannedVersion(Protocol):
    """A PlannedVersion is an input file as it was when it was planned."""

    @property
    def size(self) -> int:
        """Return the size of the file in bytes."""

    @property
    def version(self) -> str:
        """Return the etag or modification time of the file."""


def changed_files(
    found: Sequence[InputFile], known: Mapping[str, PlannedVersion]
) -> list[InputFile]:
    """List the files whose size or version has changed since they were planned.

    Args:
        found: the files as they are now.
        known: the planned files, by path.
    """
    return [
        file
        for file in found
        if file.path in known
        and (file.size, file.version) != (known[file.path].size, known[file.path].version)
    ]


def tell_of_gone(
    found: Sequence[InputFile], known: Mapping[str, PlannedVersion], twice: str
) -> None:
    """Tell of planned files that are no longer in the input.

    Args:
        found: the files as they are now.
        known: the planned files, by path.
        twice: what happens if the files were renamed.
    """
    gone = sorted(known.keys() - {file.path for file in found})
    if gone:
        log.info(
            "%d files of this run are no longer in the input, first %s: their rows stay; if the "
            "files were renamed, %s", len(gone), gone[0], twice,
        )  # fmt: skip


def say_changed(
    changed: Sequence[InputFile], known: Mapping[str, PlannedVersion], what_to_do: str
) -> str:
    """Return the message about changed files.

    Args:
        changed: the changed files as they are now, at least one.
        known: the planned files, by path.
        what_to_do: advice, as whole sentences or clauses.
    """
    first, before = changed[0], known[changed[0].path]
    return (
        f"{len(changed)} input files have changed since this run planned them; first "
        f"{first.path}: "
        f"{then_and_now((before.size, before.version), (first.size, first.version))}. "
        f"{what_to_do}"
    )
