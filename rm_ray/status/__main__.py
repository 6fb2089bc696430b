"""The status job's command line: `rm_ray status`, or jobs/status.py."""

import contextlib
import itertools
import json
import logging
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rm_ray.command_line.help import Usage
from rm_ray.command_line.pages import show
from rm_ray.command_line.run import run_job
from rm_ray.config import TYPED, NonEmpty, OutputConfig, Section
from rm_ray.errors import Incomplete

if TYPE_CHECKING:
    from rm_ray.status.table import Seen

USAGE = Usage(
    job="status",
    examples=("s3://bucket/rewards", "NIGHTS --format json", "RUN RUN RUN --watch"),
    more="Several folders give a table, a line for each. The job reads only the folders of runs, "
    "from anywhere, and writes nothing. It also shows the "
    "cost of the run so far, and the cost to finish it. If it is not certain that a driver is at "
    "work, the folder is watched for up to half a minute: a living driver writes there every five "
    "seconds. For the folder of a nightly job, it shows the last nights, and every night that is "
    "not done. While a report is being made, nothing shows that a driver is at work, and the night "
    "is not done.",
    options={},
    exit_status="0 complete or at work (waiting for machines is work), 1 not complete and nobody "
    "at work, 2 no such run. A nightly job is complete once every night has its verdict, good or "
    "bad",
)


class StatusConfig(Section):
    """The runs to show, and the format."""

    output: OutputConfig
    """Folder of the run or of the nightly job."""
    more: list[NonEmpty] = Field([])
    """Folders of further runs: all are shown as a table, a line each."""
    format: Literal["text", "json", "prometheus"] = Field("text", json_schema_extra=TYPED)
    """text for people, json for scripts, prometheus for a text file that Prometheus scrapes."""
    watch: bool = Field(False, json_schema_extra=TYPED)
    """Show it again and again, until nobody is at work."""
    watch_s: float = Field(10, gt=0)
    """Seconds between two looks of --watch."""

    @property
    def outputs(self) -> list[OutputConfig]:
        """Return the folders to look at, the first one first."""
        others = (self.output.model_copy(update={"path": path}) for path in self.more)
        return [self.output, *others]


def main(argv: Sequence[str]) -> int:
    """Show the status of the run; return the exit status."""
    folders = list(itertools.takewhile(lambda word: not word.startswith("-"), argv))
    words = list(argv[len(folders) :])
    if folders[1:]:
        words = ["--more", json.dumps(folders[1:]), *words]
    if folders:
        words = ["--output.path", folders[0], *words]
    return run_job(words, StatusConfig, USAGE, _show, lambda config: _page(config, _look(config)))


def _show(config: StatusConfig) -> None:
    """Show the runs, once or until nobody is at work.

    Raises:
        RmRayError: the last look found a run that is not complete with nobody at work, or no run.
    """
    seen = _look(config)
    _write(config, seen)
    with contextlib.suppress(KeyboardInterrupt):
        while config.watch and any(one.status and one.status.state == "live" for one in seen):
            time.sleep(config.watch_s)
            seen = _look(config)
            _write(config, seen)
    _raise_worst(seen)


def _raise_worst(seen: "Sequence[Seen]") -> None:
    from rm_ray.corpus.groups import printable
    from rm_ray.status.text import dead

    worst = max(seen, key=lambda one: one.exit_status)
    bad = sum(one.exit_status == worst.exit_status for one in seen) - 1
    others = f" (and {bad} more)" if bad and worst.exit_status else ""
    if worst.status is None:
        raise worst.error_class(printable(f"{worst.error}{others}"))
    if worst.exit_status:
        raise Incomplete(printable(f"{dead(worst.status)}{others}"))


def _look(config: StatusConfig) -> "list[Seen]":
    from rm_ray.status.table import look_at_all

    if config.more or config.watch:  # not a line for each look at each lease
        logging.getLogger("rm_ray.run.output.lease").setLevel(logging.WARNING)
    return look_at_all(config.outputs)


def _write(config: StatusConfig, seen: "Sequence[Seen]") -> None:
    """Write a look to the terminal, over the one before if it is watched there."""
    if not config.more and seen[0].status is None:
        return  # the error says it all
    page = _page(config, seen)
    if config.watch and sys.stdout.isatty():
        page = f"\x1b[2J\x1b[H{page}"
    elif config.watch and config.format == "text":
        page = f"{datetime.now().astimezone():%H:%M:%S}\n{page}"
    show(page)


def _page(config: StatusConfig, seen: "Sequence[Seen]") -> str:
    from rm_ray.status.table import as_values, table
    from rm_ray.status.text import as_json, page

    if config.format == "prometheus":
        from rm_ray.status.prometheus import as_metrics

        return as_metrics(seen).rstrip()
    if config.format == "json":
        values = as_values(seen)
        return as_json(values if config.more else values[0])
    return table(seen) if config.more or seen[0].status is None else page(seen[0].status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
