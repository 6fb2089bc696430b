"""The status job's command line: `rm_ray status`, or jobs/status.py."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rm_ray.command_line.help import Usage
from rm_ray.command_line.pages import show
from rm_ray.command_line.run import run_job
from rm_ray.config import TYPED, OutputConfig, Section
from rm_ray.errors import Incomplete, RmRayError

if TYPE_CHECKING:
    from rm_ray.status.look import Status

USAGE = Usage(
    job="status",
    examples=("s3://bucket/rewards", "NIGHTS --format json"),
    more="It reads only the run's folder, from anywhere, and writes nothing. It also shows the "
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
    """The run to show, and the format."""

    output: OutputConfig
    """Folder of the run or of the nightly job."""
    format: Literal["text", "json"] = Field("text", json_schema_extra=TYPED)
    """text for people, json for scripts."""


def main(argv: Sequence[str]) -> int:
    """Show the status of the run; return the exit status."""
    words = list(argv)
    if words and not words[0].startswith("-"):
        words.insert(0, "--output.path")
    return run_job(words, StatusConfig, USAGE, _show, _text)


def _show(config: StatusConfig) -> None:
    from rm_ray.corpus.groups import printable
    from rm_ray.status.text import as_json, dead, page

    status = _look(config)
    show(as_json(status) if config.format == "json" else page(status))
    if status.state == "dead":
        raise Incomplete(printable(dead(status)))


def _text(config: StatusConfig) -> str:
    from rm_ray.status.text import page

    return page(_look(config))


def _look(config: StatusConfig) -> "Status":
    """Look at the run. Errors are raised with control characters in file names escaped."""
    from rm_ray.corpus.groups import printable
    from rm_ray.status.look import look

    try:
        return look(config.output)
    except RmRayError as error:
        raise type(error)(printable(str(error))) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
