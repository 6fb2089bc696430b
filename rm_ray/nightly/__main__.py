"""The nightly job's command line: `rm_ray nightly`, or jobs/nightly.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.corpus.paths import check_paths
from rm_ray.errors import ConfigError
from rm_ray.nightly.checks import check_apart, check_groups
from rm_ray.nightly.config import NightlyConfig
from rm_ray.nightly.decisions import DecisionConfig, decision_of, is_decision, refuse_stored

log = logging.getLogger(__name__)

USAGE = Usage(
    job="nightly",
    summary="index.html",
    examples=(
        "--config jobs/nightly.yaml --input.path s3://corpus/ --output.path s3://nights/",
        '--output.path s3://nights/ --release 2026-11-24 --because "checked by hand"',
        '--output.path s3://nights/ --accept web --because "a new crawler"',
    ),
    more="The output folder holds index.html (all nights), scored/ (one run of all nights), "
    "reports/NIGHT/, history/, kept/night=NIGHT/, and held/night=NIGHT/ where an alert holds a "
    "night's documents: --release delivers them, and --accept says that a group is right as it is; "
    "both need no configuration. Every key of the YAML file is an option too, and the option wins. "
    "The same command again goes on where the last one ended: a night that was interrupted is "
    "finished under its own name, and a night that is done repeats its verdict. Documents that "
    "come later on the same day are a new night, NIGHT.02.",
    options={
        "--config FILE": "the configuration; jobs/nightly.yaml is annotated",
        "--release NIGHT": "instead of a night: deliver what is held of this night, with --because",
        "--accept GROUP": "instead of a night: this group is right as it was when it alerted last, "
        "with --because",
        "--because TEXT": "the reason, for the record",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show the cost of scoring, and the nights that are not finished; write "
        "nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran, 3 complete, but an "
    "alert fails the night, or its documents are held",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for; return its exit status."""
    if not is_decision(argv):
        return run_job(argv, NightlyConfig, USAGE, _nightly, _dry_run)
    if any(word.partition("=")[0] == "--config" for word in argv):
        return run_job(argv, NightlyConfig, USAGE, lambda c: _decide(decision_of(c)), _no_dry_run)
    return run_job(argv, DecisionConfig, USAGE, _decide, _no_dry_run)


def _decide(decision: DecisionConfig) -> None:
    from rm_ray.nightly.accept import accept
    from rm_ray.nightly.release import release

    because = decision.because or ""
    if decision.release:
        release(decision.output, decision.release, because)
    elif decision.accept:
        accept(decision.output, decision.accept, because, decision.night)


def _no_dry_run(_: NightlyConfig | DecisionConfig) -> str:
    raise ConfigError("--dry-run is for a night, and not for --release or --accept")


def _nightly(config: NightlyConfig) -> None:
    refuse_stored(config)
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
    refuse_stored(config)
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
