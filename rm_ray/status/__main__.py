"""The status job's command line: `python -m rm_ray.status`, which jobs/status.py is too."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rm_ray.command_line import main as cli
from rm_ray.config import OutputConfig, Section
from rm_ray.errors import Incomplete, RmRayError

if TYPE_CHECKING:
    from rm_ray.status.look import Status

USAGE = """\
How a run stands, from its folder alone: live or dead, done and left, speed, failures, what it has
cost and what finishing will. From anywhere that reads the folder; nothing is written.

  python jobs/status.py s3://bucket/rewards
  python jobs/status.py NIGHTS --format json

A run that is not at work for certain is watched for up to half a minute: its driver shows every
five seconds that it lives. Of the folder of a nightly job, each of the last nights is shown, and
each that is not done. Making a report is work that does not show: the night is not done meanwhile.

Exit status: 0 complete or at work (waiting for machines is work), 1 not complete and nobody at
work, 2 no such run. A nightly job is complete once each night has its verdict, good or bad.
"""


class StatusConfig(Section):
    """Which run, and how to say it."""

    output: OutputConfig
    format: Literal["text", "json"] = Field("text", description="For people, or for scripts.")


def main(argv: Sequence[str]) -> int:
    """Say how the run stands; the exit status."""
    words = list(argv)
    if words and not words[0].startswith("-"):
        words.insert(0, "--output.path")
    return cli.main(words, StatusConfig, USAGE, _say, _text)


def _say(config: StatusConfig) -> None:
    from rm_ray.scored.groups import printable
    from rm_ray.status.text import as_json, dead, page

    status = _look(config)
    cli.show(as_json(status) if config.format == "json" else page(status))
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
