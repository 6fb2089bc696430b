"""The nights of a nightly job: the segments of the scoring run that each has, and its verdict.

    OUTPUT/nights/2026-11-24.json    one file per night. It is written when the night begins, again
                                     with its segments, and again with its verdict: then it is done

A night's file is written before its scoring begins. So the segments that are planned in the night
stay the night's, even if the process is interrupted and the next night comes first.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import ConfigDict, TypeAdapter, with_config

from rm_ray.config import OutputConfig
from rm_ray.errors import InputError, OutputError
from rm_ray.nightly.deliveries import Delivery
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder, absolute

SUFFIX = ".json"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class KnownNight:
    """A KnownNight is a night that has begun, as its file stores it."""

    night: str
    """Name of the night."""
    asked: str
    """Name in the configuration. It differs from `night` in later nights of the same day."""
    segments: list[int] | None = None
    """Numbers of the night's segments of the scoring run's plan; None until they are known."""
    status: str | None = None
    """Verdict of the night's report; None until the night is done."""
    sentence: str = ""
    """The verdict's reason, in a sentence; empty until the night is reported."""
    also: tuple[str, ...] = ()
    """Names of the nights whose jobs have continued this one after it was interrupted."""
    said: str | None = None
    """Verdict of the night's report, from the moment that it is made; None in nights that are not
    reported, and in nights of a version before 0.10."""
    levels: dict[str, str] | None = None
    """Worst level of each group's alerts, by the group's name, folded alerts left out; None as
    for `said`."""
    documents: int | None = None
    """Documents of the night; None as for `said`."""
    delivery: Delivery | None = None
    """The delivery of the night; None if it is not filtered, or as for `said`."""

    def answers(self, name: str) -> bool:
        """Return True if this night's verdict is also the verdict of the night `name`."""
        return name in (self.asked, *self.also)


_STORED = TypeAdapter(KnownNight)


@dataclass(frozen=True)
class Nights:
    """Nights reads and writes the nights of an output folder."""

    folder: Folder
    """Folder of the nights' files."""

    @classmethod
    def at(cls, output: OutputConfig, name: str) -> "Nights":
        """Return the nights in a folder of this name within the output folder."""
        return cls(Folder(f"{absolute(output.path)}/{name}", output.storage))

    def existing(self) -> "Nights":
        """Return the same nights, after a check that a nightly job has written some.

        Raises:
            InputError: there are none, so the folder is most likely another one.
            OutputError: the folder cannot be read.
        """
        if not self.all():
            raise InputError(
                f"output.path: there is no night in {self.folder.uri}; give the folder of all "
                "nights, the --output.path of the nightly job"
            )
        return self

    def writable(self) -> "Nights":
        """Return the same nights, after a check of how their store can be written.

        Raises:
            OutputError: the folder cannot be written.
        """
        try:
            return replace(self, folder=self.folder.probe())
        except OSError as error:
            raise OutputError(f"output.path: cannot write {self.folder.uri}: {error}") from None

    def all(self) -> list[KnownNight]:
        """Read all nights, in the order of their names.

        Raises:
            OutputError: the folder cannot be read, or a file in it is damaged.
        """
        try:
            names = [name for name in self.folder.names() if name.endswith(SUFFIX)]
            nights = [night for night in at_once(self._read, names) if night]
        except OSError as error:
            raise OutputError(f"output.path: cannot read {self.folder.uri}: {error}") from None
        return sorted(nights, key=lambda night: night.night)

    def read(self, night: str) -> KnownNight | None:
        """Read a night by its name; None if there is none.

        Raises:
            OutputError: its file is damaged.
        """
        return self._read(f"{night}{SUFFIX}")

    def begin(self, one: KnownNight) -> KnownNight:
        """Create the file of a new night.

        Raises:
            OutputError: another process has just created it.
        """
        name = f"{one.night}{SUFFIX}"
        if not self.folder.create(name, _bytes(one)) and self._read(name) != one:
            raise OutputError(
                f"{self.folder.uri}: another run has just begun the night {one.night}; wait for it"
            )
        return one

    def put(self, one: KnownNight) -> KnownNight:
        """Store how far a night has come."""
        self.folder.overwrite(f"{one.night}{SUFFIX}", _bytes(one))
        return one

    def drop(self, one: KnownNight) -> None:
        """Remove the file of a night without planned segments."""
        self.folder.remove(f"{one.night}{SUFFIX}")

    def _read(self, name: str) -> KnownNight | None:
        """Read a night; None if it has been dropped since it was listed."""
        data = self.folder.read(name)
        try:
            return None if data is None else _STORED.validate_json(data)
        except ValueError:
            raise OutputError(f"{self.folder.uri}/{name} is damaged; restore it") from None


def unclaimed(segments: Sequence[int], nights: Sequence[KnownNight]) -> list[int]:
    """Return the segments that no night has."""
    claimed = {number for night in nights for number in night.segments or ()}
    return [number for number in segments if number not in claimed]


def free_name(night: str, nights: Sequence[KnownNight]) -> str:
    """Return the name, or the first free one of NAME.02, NAME.03, ... if a night has the name."""
    names = {known.night for known in nights}
    number, name = 1, night
    while name in names:
        number += 1
        name = f"{night}.{number:02}"
    return name


def _bytes(night: KnownNight) -> bytes:
    return (json.dumps(asdict(night), indent=1) + "\n").encode()
