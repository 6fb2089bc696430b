"""Evaluate a judge on labelled pairs or documents: one page, and a calibration where wanted."""

import sys

from rm_ray.evaluate.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
