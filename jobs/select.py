"""Select the documents to keep, for a part of the cost of judging all of them.

Python looks for modules in this folder first if a job is run as `python jobs/NAME.py`, and the
standard library has a module `select` too. Whoever imports `select` gets that one.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def give_way() -> None:
    """Put the standard library's `select` in the place of this module."""
    here = Path(__file__).resolve().parent
    elsewhere = [place for place in sys.path if Path(place).resolve() != here]
    found = PathFinder.find_spec("select", elsewhere)
    assert found is not None and found.loader is not None
    sys.modules["select"] = module_from_spec(found)
    found.loader.exec_module(sys.modules["select"])


if __name__ == "select":
    give_way()

if __name__ == "__main__":
    from rm_ray.select.__main__ import main

    sys.exit(main(sys.argv[1:]))
