"""The report job's command line: `rm_ray report`, or jobs/report.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.report.config import ReportConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="report",
    summary="report.json",
    examples=(
        "--rewards.path scored/ --output.path report/ --by source",
        "--config jobs/report.yaml --rewards.path s3://out/ --rewards.segments -1 "
        "--history.path s3://out/history --output.path s3://out/reports/2026-11-24 "
        "--night 2026-11-24",
    ),
    more="The verdict is the exit status, so a failed night can wake somebody up. The job writes "
    "report.html, report.json and summary.md, and a file of the history if one is given. Every "
    "key of the YAML file is an option too, and the option wins. The same night gives the same "
    "report again.",
    options={
        "--config FILE": "the configuration; jobs/report.yaml is annotated",
        "--dry-run": "print the summary; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran, 3 complete, but an "
    "alert fails the night",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for. Return its exit status."""
    return run_job(argv, ReportConfig, USAGE, _report, _dry_run)


def _report(config: ReportConfig) -> None:
    log.info(
        "rm_ray %s: reporting %s of %s -> %s",
        __version__,
        config.night,
        config.rewards.path,
        config.output.path,
    )
    warm("rm_ray.report.job")
    from rm_ray.report.job import fail_if_alerted, report

    fail_if_alerted(report(config).verdict)


def _dry_run(config: ReportConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.rewards.path)
    warm("rm_ray.report.job")
    from rm_ray.report.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
