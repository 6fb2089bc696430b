"""A night of a corpus that grows: score what is new, report it, and filter it where asked."""

import sys

from rm_ray.nightly.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
