"""The acceptances: groups that somebody has accepted as they are now, from a night on.

    OUTPUT/nights/accepted/2026-11-24.1f0c9a27.json    one file each, written once: the night, and a
                                                       hash of the group's name

Every later report reads them, so no key of a configuration has to be carried along.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import ConfigDict, TypeAdapter, with_config

from rm_ray.errors import OutputError
from rm_ray.nightly.deliveries import Signed
from rm_ray.report.facts import Accepted
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder

FOLDER = "accepted"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Acceptance:
    """An Acceptance says that a group is right again, from a night on."""

    group: str
    """Name of the group."""
    night: str
    """Name of the first night on which the group is right again."""
    signed: Signed
    """Who accepted it, and why."""
    also: tuple[str, ...] = ()
    """Further groups whose change this group explains: all documents, if any."""

    @property
    def file(self) -> str:
        """Return the name of the acceptance's file."""
        return f"{self.night}.{hashlib.sha256(self.group.encode()).hexdigest()[:8]}.json"

    def figures(self) -> Accepted:
        """Return the acceptance as a report shows it."""
        return Accepted(
            group=self.group,
            also=list(self.also),
            night=self.night,
            by=self.signed.by,
            at=self.signed.at,
            because=self.signed.because,
        )


_STORED = TypeAdapter(Acceptance)


@dataclass(frozen=True)
class Acceptances:
    """Acceptances reads and writes the acceptances of a nightly job."""

    folder: Folder
    """Folder of the nights' files."""

    def all(self) -> list[Acceptance]:
        """Read all acceptances, the last nights first.

        Raises:
            OutputError: the folder cannot be read, or a file in it is damaged.
        """
        folder = self.folder / FOLDER
        try:
            names = [name for name in folder.names() if name.endswith(".json")]
            found = at_once(self._read, names)
        except OSError as error:
            raise OutputError(f"output.path: cannot read {folder.uri}: {error}") from None
        return sorted(filter(None, found), key=lambda one: (one.night, one.group), reverse=True)

    def write(self, one: Acceptance) -> Acceptance:
        """Store an acceptance, once; return the one that is stored."""
        data = (json.dumps(asdict(one), indent=1) + "\n").encode()
        if (self.folder / FOLDER).create(one.file, data):
            return one
        return self._read(one.file) or one

    def _read(self, name: str) -> Acceptance | None:
        folder = self.folder / FOLDER
        data = folder.read(name)
        try:
            return None if data is None else _STORED.validate_json(data)
        except ValueError:
            raise OutputError(f"{folder.uri}/{name} is damaged; restore it") from None


def as_of(night: str, accepted: Sequence[Acceptance]) -> dict[str, str]:
    """Return the last night that each group was accepted from, up to a night, by the group's name.

    Args:
        night: name of the night; acceptances from later nights do not count.
        accepted: all acceptances.
    """
    since: dict[str, str] = {}
    for one in accepted:
        for name in (one.group, *one.also):
            if one.night <= night:
                since[name] = max(one.night, since.get(name, ""))
    return since
