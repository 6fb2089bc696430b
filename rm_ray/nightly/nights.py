"""Which night has which segments of the scoring run, and how far each has come.

    OUTPUT/nights/2026-11-24.json    the segments it claimed, and its verdict once it is done

A segment belongs to the night that claimed it, whatever happens to the process after that.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.store.folder import Folder, absolute

SUFFIX = ".json"


@dataclass(frozen=True)
class ClaimedNight:
    """`status`: the report's verdict, None while the night is not done. `sentence`: of it."""

    night: str
    segments: list[int]
    status: str | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Nights:
    """The nights of an output folder."""

    folder: Folder

    @classmethod
    def at(cls, output: OutputConfig, name: str) -> "Nights":
        """In the folder of that name."""
        return cls(Folder(f"{absolute(output.path)}/{name}", output.storage))

    def all(self) -> list[ClaimedNight]:
        """In the order of their names.

        Raises:
            OutputError: the folder cannot be read, or a file in it is damaged.
        """
        try:
            names = [name for name in self.folder.names() if name.endswith(SUFFIX)]
            return [self._read(name) for name in names]
        except OSError as error:
            raise OutputError(f"output.path: cannot read {self.folder.uri}: {error}") from None

    def claim(self, night: str, segments: Sequence[int]) -> ClaimedNight:
        """Give segments to a night.

        Raises:
            OutputError: another process has just done so, or the folder cannot be written.
        """
        claimed = ClaimedNight(night, list(segments))
        try:
            created = self.folder.create(f"{night}{SUFFIX}", _bytes(claimed))
        except OSError as error:
            raise OutputError(f"output.path: cannot write {self.folder.uri}: {error}") from None
        if not created:
            raise OutputError(
                f"{self.folder.uri}: another run has just begun the night {night}; wait for it"
            )
        return claimed

    def done(self, one: ClaimedNight) -> None:
        """Store a night's verdict."""
        self.folder.overwrite(f"{one.night}{SUFFIX}", _bytes(one))

    def _read(self, name: str) -> ClaimedNight:
        data = self.folder.read(name) or b""
        try:
            return ClaimedNight(**json.loads(data))
        except (ValueError, TypeError):
            raise OutputError(f"{self.folder.uri}/{name} is damaged; restore it") from None


def unclaimed(segments: Sequence[int], nights: Sequence[ClaimedNight]) -> list[int]:
    """The segments that no night has."""
    claimed = {number for night in nights for number in night.segments}
    return [number for number in segments if number not in claimed]


def free_name(night: str, nights: Sequence[ClaimedNight]) -> str:
    """The name, or where there is a night of that name the next of NAME.2, NAME.3, ..."""
    names = {one.night for one in nights}
    number, name = 1, night
    while name in names:
        number += 1
        name = f"{night}.{number}"
    return name


def _bytes(one: ClaimedNight) -> bytes:
    return (json.dumps(asdict(one), indent=1) + "\n").encode()
