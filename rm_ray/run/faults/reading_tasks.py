"""Helps tasks that read: it yields the units to do, and reports errors to the tally.

A reading task must not raise: Ray would drop its block, with all units of the block.
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import AnyUnit
from rm_ray.errors import one_line
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import wait_while_paused
from rm_ray.run.faults.tally import Tally
from rm_ray.store.denied import Denied


def units_to_do(units: Sequence[str], kind: type[AnyUnit], tally: TallyHandle) -> Iterator[AnyUnit]:
    """Yield the units of a block that may begin, one by one.

    While the run is paused, this waits; once the run is ending, no further unit begins. A unit is
    skipped if processes have ended at it again and again. If a unit is skipped on the retry, Ray
    drops as many later outputs; the next round makes them again.
    """
    for unit in map(kind.from_json, units):
        wait_while_paused(tally)
        if tally.call(Tally.ending):
            return
        reading = f"reading {unit.shards[0]}"
        if tally.call(Tally.may_try, reading):
            yield unit
            tally.tell(Tally.tried, reading)


@contextmanager
def tell_faults(tally: TallyHandle, file: str, what: str) -> Iterator[None]:
    """Report what is raised in the `with` block to the tally, and raise nothing.

    Args:
        file: the input file, for errors that do not name it.
        what: what is being prepared, for the fault's text.
    """
    try:
        yield
    except NotFound as error:
        tally.call(Tally.not_found, error)
    except Unreadable as error:
        if error.bad_file:
            tally.call(Tally.bad_file, file, str(error))
        elif isinstance(error.__cause__, Denied):
            # a machine that is denied one file is denied all files: that is one fault
            tally.call(Tally.unread_for_good, socket.gethostname(), str(error))
        elif not error.may_pass:
            tally.call(Tally.unread_for_good, file, str(error))
        else:
            tally.call(Tally.unread, str(error))
    except Exception as error:  # noqa: BLE001 - Ray would drop the block silently
        tally.call(Tally.fault, f"{what} cannot be prepared: {one_line(error)}", "input")
