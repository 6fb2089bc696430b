"""The command line of the pairs job: `rm_ray pairs`, or `python jobs/pairs.py`."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.corpus.paths import check_paths
from rm_ray.pairs.config import PairsJobConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="pairs",
    summary="_rm_ray/metrics.json",
    examples=(
        "--config jobs/pairs.yaml --input.path corpus/ --output.path pairs/",
        "--config jobs/pairs.yaml --judge FILE --input.path corpus/ --output.path pairs/ "
        '--generator.model BASE --pairs.kinds "{continued: 1}"',
    ),
    more="A judge is trained and evaluated on such pairs. Run the same command again to resume "
    "the run; it also makes pairs of new files. Every key of the YAML file is an option too, and "
    "the option wins.",
    options={
        "--config FILE": "the configuration; jobs/pairs.yaml is annotated",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show files, pairs by kind, and hours of a generator; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for, and return its exit status."""
    return run_job(argv, PairsJobConfig, USAGE, _make, _dry_run)


def _make(config: PairsJobConfig) -> None:
    log.info("rm_ray %s: pairs of %s -> %s", __version__, config.input.path, config.output.path)
    check_paths(config.input, config.output)
    warm("rm_ray.pairs.job")
    from rm_ray.pairs.job import make_pairs

    make_pairs(config)


def _dry_run(config: PairsJobConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.input.path)
    check_paths(config.input, config.output)
    warm("rm_ray.pairs.job")
    from rm_ray.pairs.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
