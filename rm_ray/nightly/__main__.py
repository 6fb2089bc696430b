"""The nightly job's command line: `rm_ray nightly`, or jobs/nightly.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.corpus.files import check_paths
from rm_ray.nightly.checks import check_apart, check_groups
from rm_ray.nightly.config import NightlyConfig

log = logging.getLogger(__name__)

USAGE = Usage(
    job="nightly",
    examples=("--config jobs/nightly.yaml --input.path s3://corpus/ --output.path s3://nights/",),
    more="The output folder holds scored/ (one run of all nights), reports/NIGHT/, history/ and "
    "kept/night=NIGHT/. Every key of the YAML file is an option too, and the option wins. The same "
    "command again goes on where the last one ended: a night that was interrupted is finished "
    "under its own name, and a night that is done repeats its verdict. Documents that come later "
    "on the same day are a new night, NIGHT.02.",
    options={
        "--config FILE": "the configuration; jobs/nightly.yaml is annotated",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show the cost of scoring, and the nights that are not finished; write "
        "nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran, 3 complete, but an "
    "alert fails the night",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for; return its exit status."""
    return run_job(argv, NightlyConfig, USAGE, _nightly, _dry_run)


def _nightly(config: NightlyConfig) -> None:
    log.info(
        "rm_ray %s: the night %s of %s -> %s",
        __version__,
        config.night,
        config.input.path,
        config.output.path,
    )
    _check(config)
    from rm_ray.nightly.job import nightly

    nightly(config)


def _dry_run(config: NightlyConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.input.path)
    _check(config)
    from rm_ray.nightly.job import dry_run

    return dry_run(config)


def _check(config: NightlyConfig) -> None:
    check_apart(config)
    check_paths(config.input, config.output)
    check_groups(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
