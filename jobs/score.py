"""Score a Parquet corpus: one reward per document, written back to Parquet."""

import sys

from rm_ray.score.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
