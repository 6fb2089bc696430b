"""Filter a Parquet corpus by its rewards: the kept documents, as Parquet."""

import sys

from rm_ray.filter.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
