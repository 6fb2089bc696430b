"""The error for a listed file that is not found: it was deleted, or one machine lacks it."""

import socket
from pathlib import Path

from rm_ray.config import StorageConfig
from rm_ray.corpus.files import file_version
from rm_ray.corpus.parquet import Unreadable
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently


class NotFound(Unreadable):
    """A NotFound says that a machine does not find a file that was listed.

    It counts as a fault of the system until the driver does not find the file either.
    """

    def __init__(self, path: str, storage: StorageConfig, machine: str = "") -> None:
        """Make the error; `machine` names the machine that raises it, "" for this machine."""
        self.path = path
        self._storage = storage
        self._machine = machine or socket.gethostname()
        super().__init__(
            f"machine {self._machine} does not find {path}, which was listed: most likely its "
            "folder is not mounted there",
            bad_file=False,
            may_pass=False,
        )

    def __reduce__(self) -> tuple[object, ...]:
        return NotFound, (self.path, self._storage, self._machine)

    def seen_from_here(self) -> Unreadable:
        """Look for the file on the driver, which listed it.

        Returns:
            An Unreadable for a bad file if the driver does not find it either, else this error.
        """
        try:
            request = Request("reading", self.path, self._storage, "input")
            patiently(lambda: file_version(self.path, self._storage), request)
        except FileNotFoundError:
            why = f"{self.path} is gone: it was deleted after it was listed"
            if (link := Path(self.path)).is_symlink():
                why = f"{self.path} is a link to {link.readlink()}, which does not exist"
            return Unreadable(why, bad_file=True, may_pass=False)
        except OSError:
            pass  # the store cannot be reached, so nothing is known about the file
        return self
