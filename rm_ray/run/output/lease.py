"""The lease on a run's folder: two drivers on one output would pay for every shard twice.

A running driver rewrites `_rm_ray/lease.json` every few seconds. A second driver that finds the
file watches it. If the file changes, its owner lives, and the second driver is refused. If the file
does not change for long enough, its owner is dead, and the second driver takes over. No clocks are
compared, so the machines' clocks need not agree. If two drivers work at once in spite of this, they
waste work but damage nothing, because parts are create-only.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import psutil

from rm_ray.errors import Incomplete, OutputError
from rm_ray.run.output.process import began_after_boot, process_table
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience, Tell, log_retry, patiently

log = logging.getLogger(__name__)

NAME = "lease.json"
BEAT_SECONDS = 5.0
# The owner of a lease that has not changed for so long is dead. These are six beats, since some of
# them may be slow.
DEAD_SECONDS = 30.0
# If the start times of two processes with the same number differ by more, they are two processes.
# Smaller differences come from a clock that is being set.
SAME_SECONDS = 2.0


class Lease:
    """A Lease on a run's folder is held within its `with` block."""

    def __init__(self, state: Folder) -> None:
        self._state = state
        self._lost: Callable[[str], object] = log.error
        self._renewed: Callable[[], object] = lambda: None
        self._tell: Tell = log_retry
        self._taken: str | None = None
        self._id = uuid.uuid4().hex
        self._beats = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Take the lease. If another driver has left one, watch first whether that driver is dead.

        Raises:
            OutputError: another driver is alive and holds the lease.
        """
        if not self._state.create(NAME, self._text()) and not self._is_ours():
            self._wait_for_death()
            self._state.overwrite(NAME, self._text())
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.give_back()

    def tell(
        self,
        lost: Callable[[str], object],
        renewed: Callable[[], object] = lambda: None,
        retrying: Tell = log_retry,
    ) -> None:
        """Set the functions that the lease's thread calls from now on, and renew the lease.

        The lease may have gone unrenewed for long before this call, so it is renewed here to see
        whether it is still this run's.

        Args:
            lost: called with the reason if another driver took the lease or it cannot be renewed.
            renewed: called after each renewal.
            retrying: called for each retry of a renewal.

        Raises:
            Incomplete: the lease is lost already.
            OSError: the store does not answer.
        """
        self._lost, self._renewed, self._tell = lost, renewed, retrying
        self._take_note(patiently(self._renew, self._request))
        self.check()

    def give_back(self) -> None:
        """Give back the lease. If the store refuses this, the run is not affected."""
        self._stop.set()
        self._thread.join(timeout=self._state.storage.timeout_s)
        state = replace(self._state, patience=Patience(0))  # a stopping run must not wait
        try:
            if _owner(state.read(NAME)).get("id") == self._id:
                state.remove(NAME)
        except OSError as error:
            log.warning(
                "cannot give back the lease of %s, so the next run may have to watch it for "
                "%.0f s first: %s",
                self._state.uri,
                DEAD_SECONDS,
                error,
            )

    def check(self) -> None:
        """Check that this run holds the lease, before an action that only its holder may do.

        It asks the store, since a machine that stood still may go on right here.

        Raises:
            Incomplete: another driver has taken the lease, or it could not be renewed.
            OSError: the store does not answer.
        """
        if not self._taken and not self._stop.is_set():
            self._take_note(self._thief(self._state.read(NAME)))
        if self._taken:
            raise Incomplete(f"{self._taken}; the parts that this run committed stay")

    def _wait_for_death(self) -> None:
        if who := living_owner(self._state):
            raise OutputError(
                f"another run is at work in this output folder ({who}); let it end or stop it, "
                "then run this again"
            )

    def _keep(self) -> None:
        seconds = self._state.storage.patience_s
        patience = Patience(seconds, lambda retry: self._tell(retry), self._stop.wait)
        while not self._stop.wait(BEAT_SECONDS):
            try:
                self._take_note(patiently(self._renew, self._request, patience))
            except Exception as error:  # noqa: BLE001 - else the thread would end silently
                self._taken = f"the lease on this output folder cannot be renewed: {error}"
            if self._taken:
                self._lost(self._taken)
                return
            self._renewed()

    @property
    def _request(self) -> Request:
        return Request("writing", f"{self._state.uri}/{NAME}", self._state.storage, "output")

    def _is_ours(self) -> bool:
        """Return True if the lease is this run's: the answer to its creation may have been lost."""
        return _owner(self._state.read(NAME)).get("id") == self._id

    def _take_note(self, thief: str | None) -> None:
        if thief:
            self._taken = f"another run has taken over this output folder ({thief})"

    def _renew(self) -> str | None:
        """Try once to renew the lease; return the driver that has taken it, if one has."""
        if self._stop.is_set():
            raise SystemExit  # ends this thread
        once = replace(self._state, patience=Patience(0))
        if thief := self._thief(once.read(NAME)):
            return thief
        self._beats += 1
        once.overwrite(NAME, self._text())
        return None

    def _thief(self, lease: bytes | None) -> str | None:
        """Return the driver that has taken the lease, given what the store holds."""
        if lease is None:
            return "a run that has ended since"
        owner = _owner(lease)
        if owner.get("id", self._id) != self._id:
            return f"process {owner.get('process')} on {owner.get('host')}"
        return None

    def _text(self) -> bytes:
        lease = {
            "id": self._id,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "processes": process_table(),
            "began_after_boot": began_after_boot(psutil.Process()),
            "beats": self._beats,
        }
        return json.dumps(lease).encode()


def living_owner(state: Folder) -> str | None:
    """Return the living driver that holds the lease, in words; None if there is none.

    This takes up to DEAD_SECONDS.

    Args:
        state: the run's own folder of files.
    """
    first = state.read(NAME)
    owner = _owner(first)
    if first is None or _died_here(owner):
        return None
    who = f"process {owner.get('process')} on {owner.get('host')}"
    log.info(
        "%s has a lease of %s; watching for %.0f s whether it still lives",
        state.uri,
        who,
        DEAD_SECONDS,
    )
    deadline = time.monotonic() + DEAD_SECONDS
    while time.monotonic() < deadline:
        time.sleep(min(1.0, DEAD_SECONDS / 10))
        now = state.read(NAME)
        if now is None:
            return None
        if now != first:
            return who
    return None


def _owner(data: bytes | None) -> dict[str, Any]:
    try:
        owner = json.loads(data or b"{}")
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _died_here(owner: dict[str, Any]) -> bool:
    """Return True if the owner was a process of this machine that has ended."""
    here = socket.gethostname(), process_table()
    if (owner.get("host"), owner.get("processes")) != here or "began_after_boot" not in owner:
        return False
    try:
        now = began_after_boot(psutil.Process(int(owner["process"])))
    except psutil.NoSuchProcess:
        return True
    return abs(now - float(owner["began_after_boot"])) > SAME_SECONDS
