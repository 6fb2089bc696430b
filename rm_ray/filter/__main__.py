"""The filter job's command line: `rm_ray filter`, the same as jobs/filter.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.filter.config import FilterConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="filter",
    summary="manifest.json",
    examples=(
        "--rewards.path scored/ --output.path kept/ --rule.keep_fraction 0.1",
        "--config jobs/filter.yaml --rewards.path s3://out/ --output.path s3://kept/",
    ),
    more="The rewards come from a run of the job score. The kept documents have every column of "
    "the corpus, in its order. Every key of the YAML file is an option too, and the option wins. "
    "The same command again goes on where the last one ended.",
    options={
        "--config FILE": "the configuration; jobs/filter.yaml is annotated",
        "--dry-run": "show how many documents would be kept and dropped, and the documents next "
        "to the cuts; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran",
)


def main(argv: Sequence[str]) -> int:
    """Run the filter job with the arguments of the command line. Return its exit status."""
    return run_job(argv, FilterConfig, USAGE, _filter, _dry_run)


def _filter(config: FilterConfig) -> None:
    log.info(
        "rm_ray %s: filtering by %s -> %s", __version__, config.rewards.path, config.output.path
    )
    warm("rm_ray.filter.job")
    from rm_ray.filter.job import filter_corpus

    filter_corpus(config)


def _dry_run(config: FilterConfig) -> str:
    log.info(
        "rm_ray %s: counting the documents of %s, nothing is written",
        __version__,
        config.rewards.path,
    )
    warm("rm_ray.filter.job")
    from rm_ray.filter.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
