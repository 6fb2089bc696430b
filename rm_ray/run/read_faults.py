"""Faults of reading, told to the tally: Ray would drop the block of a task that raises, and its
neighbours with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import one_line


@contextmanager
def tell_faults(tally: Any, file: str, what: str) -> Iterator[None]:
    """What is raised inside is the tally's to judge, and raised no further.

    Args:
        file: where an error does not say itself which it is of.
        what: is being prepared.
    """
    try:
        yield
    except NotFound as error:
        ray.get(tally.not_found.remote(error))
    except Unreadable as error:
        if error.bad_file:
            ray.get(tally.bad_file.remote(file, str(error)))
        elif not error.may_pass:
            ray.get(tally.lost_file.remote(file, str(error)))
        else:
            ray.get(tally.unread.remote(str(error)))
    except Exception as error:  # noqa: BLE001
        ray.get(tally.fault.remote(f"{what} cannot be prepared: {one_line(error)}"))
