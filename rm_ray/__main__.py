"""Runs every job by one command: `rm_ray JOB ...`, or `python -m rm_ray JOB ...`.

Only the job that the command names is imported.
"""

import importlib
import sys
from collections.abc import Sequence

from rm_ray.command_line.jobs import DEMO, JOBS, jobs_page
from rm_ray.command_line.pages import listed, show, terminal_width
from rm_ray.command_line.refusals import nearest
from rm_ray.command_line.run import refused, start_logging
from rm_ray.command_line.shipped import run_demo
from rm_ray.errors import ConfigError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job that the first word names, and return its exit status; 2 if no job is named."""
    words = list(sys.argv[1:] if argv is None else argv)
    asks_for_help = words[:1] in (["-h"], ["--help"])
    if asks_for_help and len(words) > 1:
        words = [words[1], "--help", *words[2:]]
    elif not words or asks_for_help:
        show(jobs_page(terminal_width()))
        return 0 if words else 2
    job, *options = words
    if job == DEMO:
        start_logging()
        return refused(ConfigError("demo takes no options")) if options else run_demo()
    if job not in JOBS:
        start_logging()
        return refused(_unknown(job))
    status: int = importlib.import_module(f"rm_ray.{job}.__main__").main(options)
    return status


def _unknown(job: str) -> ConfigError:
    near = nearest(job, [*JOBS, DEMO])
    hint = f"did you mean {near}?" if near else f"the first word is one of {listed(list(JOBS))}"
    return ConfigError(f"'{job}' is not a job; {hint}")


if __name__ == "__main__":
    sys.exit(main())
