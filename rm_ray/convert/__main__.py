"""The conversion's command line: `rm_ray convert`, the same as jobs/convert.py."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line.help import Usage
from rm_ray.command_line.run import run_job
from rm_ray.convert.config import ConvertConfig
from rm_ray.tasks.here import warm

log = logging.getLogger(__name__)

USAGE = Usage(
    job="convert",
    summary="manifest.json",
    examples=(
        "--input.path dolma/ --output.path converted/",
        "--input.path lance:tables/web.lance --output.path converted/",
        "--config jobs/convert.yaml --input.path s3://lines/ --output.path s3://converted/",
    ),
    more="The input is JSON Lines: one JSON object a line, plain or compressed. OUTPUT/corpus has "
    "one row a line and one column a field, and is what the job score reads. OUTPUT/rejects has "
    "the lines that are no JSON, with the reasons. lance:FOLDER is a Lance dataset: OUTPUT/corpus "
    "has its rows, with the types that they have. Every key of the YAML file is an option too, "
    "and the option wins. The same command again goes on where the last one ended.",
    options={
        "--config FILE": "the configuration; jobs/convert.yaml is annotated",
        "--dry-run": "show the files, the estimated rows, and the sampled schema with each "
        "conflict; of a Lance dataset the version, rows and columns; write nothing",
    },
    exit_status="0 complete, 1 ran but not complete or lines were rejected, 2 refused before it "
    "ran",
)


def main(argv: Sequence[str]) -> int:
    """Run the conversion with the arguments of the command line. Return its exit status."""
    return run_job(argv, ConvertConfig, USAGE, _convert, _dry_run)


def _convert(config: ConvertConfig) -> None:
    log.info("rm_ray %s: converting %s -> %s", __version__, config.input.path, config.output.path)
    warm("rm_ray.convert.start")
    from rm_ray.convert.start import convert

    convert(config)


def _dry_run(config: ConvertConfig) -> str:
    log.info("rm_ray %s: looking at %s, nothing is written", __version__, config.input.path)
    warm("rm_ray.convert.start")
    from rm_ray.convert.start import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
