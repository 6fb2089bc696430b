"""Report how good a night's documents are: one page, and an exit status that wakes somebody up."""

import sys

from rm_ray.report.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
