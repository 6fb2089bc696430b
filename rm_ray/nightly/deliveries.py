"""A night's kept documents are delivered, or held until somebody releases them.

kept/night=2026-11-24/            delivered: it has _SUCCESS, and never changes again
held/night=2026-11-24/            held: it has _HELD and no _SUCCESS
kept/night=2026-11-24.released/   groups that were held and released, after the other groups
"""

import getpass
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pydantic import ConfigDict, with_config

# The mark of a complete filter whose documents are held.
HELD_MARK = "_HELD"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Signed:
    """A Signed is a person's decision about a night."""

    by: str
    """The person: user and machine."""
    at: str
    """The moment, in UTC, as ISO 8601."""
    because: str
    """The reason, in the person's words."""

    @classmethod
    def now(cls, because: str) -> "Signed":
        """Sign a decision of this moment."""
        return cls(_user(), datetime.now(UTC).isoformat(timespec="seconds"), because)

    def __str__(self) -> str:
        """Return the decision for people."""
        return f"by {self.by} at {self.at}: {self.because}"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Delivery:
    """A Delivery says what is delivered of a night that is filtered. It is decided once."""

    holds: Literal["nothing", "groups", "night"]
    """The documents that are held: none, those of `groups`, or all."""
    groups: tuple[str, ...] = ()
    """Labels of the groups that are held."""
    names: tuple[str, ...] = ()
    """Names of the groups that are held."""
    documents: int | None = None
    """Documents that are held; None until they are counted, or if none are."""
    released: Signed | None = None
    """Who has released what was held, and why; None if nobody has."""

    @property
    def is_held(self) -> bool:
        """Return True if documents are held, and not released."""
        return self.holds != "nothing" and self.released is None

    def __str__(self) -> str:
        """Return the state of the delivery in a few words."""
        if self.holds == "nothing":
            return "delivered"
        what = f"{', '.join(self.names)} " if self.names else ""
        return f"{what}{'held' if self.released is None else 'released'}"


def _user() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may have no name for its user
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
