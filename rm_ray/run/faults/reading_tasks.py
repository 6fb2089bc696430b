"""What tasks that read have in common: which units to do, and whom to tell what goes wrong.

Ray would drop the block of a task that raises, and its neighbours with it.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import ray

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import AnyUnit
from rm_ray.errors import one_line
from rm_ray.run.faults.outage import wait_while_paused
from rm_ray.store.denied import Denied


def units_to_do(block: pa.Table, kind: type[AnyUnit], tally: Any) -> Iterator[AnyUnit]:
    """The units of a block, one by one: none begins while the run is paused or ending, or where
    processes have ended at it again and again. What one of these had given already of that unit,
    Ray counts against those behind it: the next round does them.
    """
    for unit in map(kind.from_json, block.column("unit").to_pylist()):
        wait_while_paused(tally)
        if ray.get(tally.ending.remote()):
            return
        reading = f"reading {unit.shards[0]}"
        if ray.get(tally.may_try.remote(reading)):
            yield unit
            tally.tried.remote(reading)


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
        elif isinstance(error.__cause__, Denied):
            # a machine that is denied one file is denied all of them, and is one machine
            ray.get(tally.unread_for_good.remote(socket.gethostname(), str(error)))
        elif not error.may_pass:
            ray.get(tally.unread_for_good.remote(file, str(error)))
        else:
            ray.get(tally.unread.remote(str(error)))
    except Exception as error:  # noqa: BLE001 - or Ray would drop the block without a word
        ray.get(tally.fault.remote(f"{what} cannot be prepared: {one_line(error)}", "input"))
