"""The scoring job's command line: `rm_ray score`; jobs/score.py is the same.

Modules that take seconds to import are imported only after the command line and the corpus's paths
have been checked.
"""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.corpus.paths import check_paths
from rm_ray.score.config import ScoreConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="score",
    summary="_rm_ray/metrics.json",
    examples=(
        "--config jobs/score.yaml --input.path s3://corpus/ --output.path s3://out/",
        "--config jobs/demo.yaml --input.path corpus/ --output.path out/",
    ),
    more="A reward model judges every document; jobs/demo.yaml runs a small one on CPU. Every "
    "key of the YAML file is an option too, and the option wins. The same command again goes on "
    "where the last one ended, and scores files that are new.",
    options={
        "--config FILE": "the configuration; jobs/score.yaml is annotated",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show files, shards, tokens and forwarded tokens; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran",
)


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for; return its exit status."""
    return run_job(argv, ScoreConfig, USAGE, _score, _dry_run)


def _score(config: ScoreConfig) -> None:
    """Score the corpus."""
    log.info("rm_ray %s: scoring %s -> %s", __version__, config.input.path, config.output.path)
    check_paths(config.input, config.output)
    warm("rm_ray.score.job")
    from rm_ray.score.job import score

    score(config)


def _dry_run(config: ScoreConfig) -> str:
    """Return the dry run's page."""
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.input.path)
    check_paths(config.input, config.output)
    warm("rm_ray.score.job")
    from rm_ray.score.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
