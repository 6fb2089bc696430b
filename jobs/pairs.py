"""Make pairs of a corpus: real chunks beside ones made worse, to train and evaluate a judge."""

import sys

from rm_ray.pairs.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
