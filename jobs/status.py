"""Say how a run stands, from its folder alone."""

import sys

from rm_ray.status.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
