"""The command line of the training job: `rm_ray train`, also run by jobs/train.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.train.config import TrainConfig

log = logging.getLogger(__name__)

USAGE = Usage(
    job="train",
    summary="metrics.jsonl",
    examples=(
        "--config jobs/train.yaml --pairs.path pairs/ --output.path judge/",
        "--config jobs/train.yaml --pairs.path s3://pairs/ --output.path s3://judge/",
    ),
    more="The pairs come from a run of the job pairs. The judge is written to OUTPUT/judge; score "
    "with it by `rm_ray score --judge OUTPUT/judge/judge.yaml`. Every key of the YAML file is also "
    "an option, and the option wins. The same command again resumes from the last checkpoint.",
    options={
        "--config FILE": "the configuration; jobs/train.yaml is annotated",
        "--judge FILE": "the keys of a judge, in place of the section judge",
        "--dry-run": "show steps, tokens, memory and hours; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete, 2 refused before it ran",
)


def main(argv: Sequence[str]) -> int:
    """Run the training job from the command line and return its exit status."""
    return run_job(argv, TrainConfig, USAGE, _train, _dry_run)


def _train(config: TrainConfig) -> None:
    log.info("rm_ray %s: training %s -> %s", __version__, config.judge.model, config.output.path)
    from rm_ray.train.job import train_judge

    train_judge(config)


def _dry_run(config: TrainConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.judge.model)
    from rm_ray.train.estimate import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
