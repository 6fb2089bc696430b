"""Shows several runs as one table, a line each."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.groups import printable
from rm_ray.errors import RmRayError
from rm_ray.run.progress.log import duration
from rm_ray.status.look import Status, look

# Folders that are looked at at once: a look may wait half a minute for a driver's sign of life.
AT_ONCE = 32
STATES = {"live": "at work", "complete": "complete", "dead": "nobody is at work"}
HEADER = ("run", "kind", "state", "shards", "done", "time left", "cost so far")


@dataclass(frozen=True)
class Seen:
    """A Seen is what a look at a folder gave."""

    path: str
    """The folder, as it was named."""
    status: Status | None
    """State of the run; None if there is none that can be read."""
    error: str = ""
    """Why there is no status; "" if there is one."""
    error_class: type[RmRayError] = RmRayError
    """Class of this error."""
    exit_status: int = 0
    """0 complete or at work, 1 not complete and nobody at work, 2 no run that can be read."""


def look_at_all(outputs: Sequence[OutputConfig]) -> list[Seen]:
    """Look at several folders at once; return what was seen, in the same order."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(_look, outputs))


def _look(output: OutputConfig) -> Seen:
    try:
        status = look(output)
    except RmRayError as error:
        return Seen(output.path, None, str(error), type(error), error.exit_status)
    return Seen(output.path, status, exit_status=int(status.state == "dead"))


def table(seen: Sequence[Seen]) -> str:
    """Return the runs as a table for people, without characters that a terminal obeys."""
    rows = [HEADER, *(_cells(one) for one in seen)]
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    faults = [printable(one.error) for one in seen if one.error]
    return "\n".join([*lines, *faults])


def as_values(seen: Sequence[Seen]) -> list[dict[str, Any]]:
    """Return the runs as values for JSON, in the same order."""
    return [
        {"state": one.status.state, **asdict(one.status)}
        if one.status
        else {"state": "none", "uri": one.path, "error": one.error}
        for one in seen
    ]


def _cells(one: Seen) -> tuple[str, ...]:
    status = one.status
    if status is None:
        return (one.path, "", "no run", "", "", "", "")
    done, last = status.shards - status.left, status.last
    left = cost = ""
    if last and status.state == "live" and last.seconds_left is not None:
        left = duration(last.seconds_left)
    if last and last.price.is_asked:
        cost = last.price.text(last.hours)
    share = f"{done / status.shards:.0%}" if status.shards else ""
    kind = f"nights: {status.nights_in_all}" if status.nights_in_all else status.kind
    state = status.stage if status.stage and status.state == "live" else STATES[status.state]
    return (status.job, kind, state, f"{done:,} of {status.shards:,}", share, left, cost)
