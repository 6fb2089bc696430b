"""What tasks that read have in common: which units to do, and whom to tell what goes wrong.

Ray would drop the block of a task that raises, and its neighbours with it.
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
    """The units of a block, one by one: none begins while the run is paused or ending, or where
    processes have ended at it again and again. What one of these had given already of that unit,
    Ray counts against those behind it: the next round does them.
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
    """What is raised inside is the tally's to judge, and raised no further.

    Args:
        file: where an error does not say itself which it is of.
        what: is being prepared.
    """
    try:
        yield
    except NotFound as error:
        tally.call(Tally.not_found, error)
    except Unreadable as error:
        if error.bad_file:
            tally.call(Tally.bad_file, file, str(error))
        elif isinstance(error.__cause__, Denied):
            # a machine that is denied one file is denied all of them, and is one machine
            tally.call(Tally.unread_for_good, socket.gethostname(), str(error))
        elif not error.may_pass:
            tally.call(Tally.unread_for_good, file, str(error))
        else:
            tally.call(Tally.unread, str(error))
    except Exception as error:  # noqa: BLE001 - or Ray would drop the block without a word
        tally.call(Tally.fault, f"{what} cannot be prepared: {one_line(error)}", "input")
