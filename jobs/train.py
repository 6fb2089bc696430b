"""Train a judge on labelled pairs, or on the rewards of another judge."""

import sys

from rm_ray.train.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
