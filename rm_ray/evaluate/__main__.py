"""The command line of the evaluation job: `rm_ray evaluate`, also run by jobs/evaluate.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.evaluate.config import EvaluateConfig

log = logging.getLogger(__name__)

USAGE = Usage(
    job="evaluate",
    summary="evaluation.json",
    examples=(
        "--config jobs/evaluate.yaml --judge OUT/judge/judge.yaml --pairs.path pairs/ "
        "--output.path evaluated/",
        "--rewards.path scored/ --labels.column label --labels.good good --output.path evaluated/",
    ),
    more="Pairs (--pairs.path) are judged by this job. A scoring run with labels (--rewards.path) "
    "has its rewards already. Every key of the YAML file is also an option, and the option wins. "
    "The same command again resumes.",
    options={
        "--config FILE": "the configuration; jobs/evaluate.yaml is annotated",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show pairs, tokens and hours, or the summary of a scoring run; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran",
)


def main(argv: Sequence[str]) -> int:
    """Run the evaluation job from the command line and return its exit status."""
    return run_job(argv, EvaluateConfig, USAGE, _evaluate, _dry_run)


def _source(config: EvaluateConfig) -> str:
    return ", ".join(config.pairs.paths) or str(config.rewards.path)


def _evaluate(config: EvaluateConfig) -> None:
    log.info("rm_ray %s: evaluating on %s -> %s", __version__, _source(config), config.output.path)
    from rm_ray.evaluate.job import evaluate

    evaluate(config)


def _dry_run(config: EvaluateConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, _source(config))
    from rm_ray.evaluate.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
