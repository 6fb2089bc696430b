"""Score a Parquet corpus: one reward per document, written back to Parquet."""

import sys

from rm_ray.cli import main
from rm_ray.config import ScoreConfig
from rm_ray.score.pipeline import dry_run, score

USAGE = """\
Score a Parquet corpus with a reward model: one reward per document, back to Parquet.

  python jobs/score.py --config jobs/score.yaml --input.path s3://corpus/ --output.path s3://out/
  python jobs/score.py --config jobs/demo.yaml --input.path corpus/ --output.path out/   (CPU)

Every key of the YAML file is an option too, and the option wins. The same command again goes on
where the last one ended, and scores files that are new.

  --config FILE   the configuration; jobs/score.yaml is annotated
  --dry-run       show files, shards, tokens and forwarded tokens; write nothing
  --help          this page

Exit status: 0 complete, 1 ran but not complete, 2 refused before it ran.
"""

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], ScoreConfig, USAGE, score, dry_run))
