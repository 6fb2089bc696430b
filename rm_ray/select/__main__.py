"""The select job's command line: `rm_ray select`; jobs/select.py is the same."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.corpus.paths import check_paths
from rm_ray.select.config import SelectConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="select",
    summary="select.json",
    examples=(
        "--config jobs/select.yaml --input.path s3://corpus/ --rule.keep_fraction 0.1 "
        "--output.path s3://selected/",
        "--config jobs/select.yaml --cheap.judge small.yaml --input.path s3://corpus/ "
        "--rule.keep_fraction 0.1 --output.path s3://selected/",
    ),
    more="A sample that is judged whole calibrates a stop rule; the other documents are judged "
    "until it is clear on which side of the cut they are; then the cut is made exactly. The same "
    "command again goes on where the last one ended. select.html says what it cost, and how many "
    "decisions are wrong.",
    options={
        "--config FILE": "the configuration; jobs/select.yaml is annotated",
        "--judge FILE": "the keys of the judge, in place of the section judge",
        "--cheap.judge FILE": "the keys of a cheap judge that looks at every document first",
        "--dry-run": "show the size of the sample, and the most that each stage can cost; write "
        "nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for; return its exit status."""
    return run_job(argv, SelectConfig, USAGE, _select, _dry_run)


def _select(config: SelectConfig) -> None:
    log.info("rm_ray %s: selecting of %s -> %s", __version__, config.input.path, config.output.path)
    check_paths(config.input, config.output)
    warm("rm_ray.select.job")
    from rm_ray.select.job import select

    select(config)


def _dry_run(config: SelectConfig) -> str:
    """Return the dry run's page."""
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.input.path)
    check_paths(config.input, config.output)
    warm("rm_ray.select.job")
    from rm_ray.select.dry_run import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
