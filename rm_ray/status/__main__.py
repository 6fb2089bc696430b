"""The status job's command line: `rm_ray status`, which jobs/status.py is too."""

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
    more="It reads the run's folder alone, from anywhere, and writes nothing. It also says what "
    "the run has cost, and what finishing will cost. A run that is not at work for certain is "
    "watched for up to half a minute: its driver shows every five seconds that it lives. Of the "
    "folder of a nightly job, each of the last nights is shown, and each that is not done. "
    "Making a report is work that does not show: the night is not done meanwhile.",
    options={},
    exit_status="0 complete or at work (waiting for machines is work), 1 not complete and nobody "
    "at work, 2 no such run. A nightly job is complete once each night has its verdict, good or "
    "bad",
)


class StatusConfig(Section):
    """Which run, and how to say it."""

    output: OutputConfig
    format: Literal["text", "json"] = Field(
        "text", description="text for people, json for scripts.", json_schema_extra=TYPED
    )


def main(argv: Sequence[str]) -> int:
    """Say how the run stands; the exit status."""
    words = list(argv)
    if words and not words[0].startswith("-"):
        words.insert(0, "--output.path")
    return run_job(words, StatusConfig, USAGE, _say, _text)


def _say(config: StatusConfig) -> None:
    from rm_ray.scored.groups import printable
    from rm_ray.status.text import as_json, dead, page

    status = _look(config)
    show(as_json(status) if config.format == "json" else page(status))
    if status.state == "dead":
        raise Incomplete(printable(dead(status)))


def _text(config: StatusConfig) -> str:
    from rm_ray.status.text import page

    return page(_look(config))


def _look(config: StatusConfig) -> "Status":
    """The same as `look`; what it raises can be printed, whatever names of files are in it."""
    from rm_ray.scored.groups import printable
    from rm_ray.status.look import look

    try:
        return look(config.output)
    except RmRayError as error:
        raise type(error)(printable(str(error))) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
