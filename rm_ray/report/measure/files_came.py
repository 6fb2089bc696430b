"""The files that came in a night: with rows, without rows, and files that could not be read."""

from collections.abc import Sequence

from rm_ray.report.facts import FilesFacts
from rm_ray.scored.run import ScoredRun

# Paths of one kind that a report names.
MOST_NAMED = 20


def files_came(run: ScoredRun) -> FilesFacts:
    """Return the files that the reported segments have added to the run's plan."""
    skipped = set((run.totals or {}).get("skipped_files", {}))
    unreadable = [file.path for file in run.files if file.path in skipped]
    came = [file for file in run.files if file.path not in skipped]
    paths = [file.path for file in came]
    empty = [file.path for file in came if not file.rows and not file.rows_left]
    return FilesFacts(
        files=len(paths),
        empty=len(empty),
        unreadable=len(unreadable),
        named=_named(paths),
        empty_named=_named(empty),
        unreadable_named=_named(unreadable),
    )


def _named(paths: Sequence[str]) -> list[str]:
    return sorted(paths)[:MOST_NAMED]
