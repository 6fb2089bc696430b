"""Convert JSON Lines files and Lance datasets to Parquet, without a loss."""

import sys

from rm_ray.convert.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
