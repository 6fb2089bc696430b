"""The filter job's command line: `python -m rm_ray.filter`, which jobs/filter.py is too."""

import logging
import sys
from collections.abc import Sequence

from rm_ray import __version__
from rm_ray.command_line import main as cli
from rm_ray.filter.config import FilterConfig

log = logging.getLogger(__name__)

USAGE = """\
Filter a Parquet corpus by the rewards of a run of jobs/score.py: the kept documents, every column
of them, in the corpus's order.

  python jobs/filter.py --rewards.path scored/ --output.path kept/ --rule.keep_fraction 0.1
  python jobs/filter.py --config jobs/filter.yaml --rewards.path s3://out/ --output.path s3://kept/

Every key of the YAML file is an option too, and the option wins. The same command again goes on
where the last one ended.

  --config FILE   the configuration; jobs/filter.yaml is annotated
  --dry-run       show what would be kept and dropped, and the documents at the cut; write nothing
  --help          this page

Exit status: 0 complete, 1 ran but not complete, 2 refused before it ran.
"""


def main(argv: Sequence[str]) -> int:
    """Run the job that the command line asks for; its exit status."""
    return cli.main(argv, FilterConfig, USAGE, _filter, _dry_run)


def _filter(config: FilterConfig) -> None:
    log.info(
        "rm_ray %s: filtering by %s -> %s", __version__, config.rewards.path, config.output.path
    )
    from rm_ray.filter.job import filter_corpus

    filter_corpus(config)


def _dry_run(config: FilterConfig) -> str:
    log.info("rm_ray %s: counting %s, nothing is written", __version__, config.rewards.path)
    from rm_ray.filter.job import dry_run

    return dry_run(config)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
