"""The status job's command line: `python -m rm_ray.status`, which jobs/status.py is too."""

import sys
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from rm_ray import cli
from rm_ray.config import OutputConfig, Section
from rm_ray.errors import Incomplete

USAGE = """\
How a run stands, from its folder alone: live or dead, done and left, speed, failures, what it has
cost and what finishing will. From anywhere that reads the folder; nothing is written.

  python jobs/status.py s3://bucket/rewards
  python jobs/status.py NIGHTS --format json

A run that is not at work for certain is watched for up to half a minute: its driver shows every
five seconds that it lives.

Exit status: 0 complete or at work (waiting for machines is work), 1 not complete and nobody at
work, 2 no such run.
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
    from rm_ray.status.look import look
    from rm_ray.status.text import as_json, page

    status = look(config.output)
    cli.show(as_json(status) if config.format == "json" else page(status))
    if not status.owner and (status.left or not status.complete):
        raise Incomplete(f"{status.uri} is not complete, and nobody is at work")


def _text(config: StatusConfig) -> str:
    from rm_ray.status.look import look
    from rm_ray.status.text import page

    return page(look(config.output))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
