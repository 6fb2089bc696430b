"""Which night has which segments of the scoring run, and how far each has come.

    OUTPUT/nights/2026-11-24.json    begun; then the segments it has; then its verdict: it is done

A night is written down before its scoring begins, so that what was planned under its name stays
its own, whatever happens to the process, and whenever the next one comes.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from pydantic import ConfigDict, TypeAdapter, with_config

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.store.folder import Folder, absolute

SUFFIX = ".json"
# Nights read at once.
_THREADS = 8


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class KnownNight:
    """`asked`: the name that it was asked for by; a second one of a day is called otherwise.
    `also`: names of nights that went on with it. `segments`: None until they are known. `status`:
    the report's verdict, None while the night is not done; `sentence`: of it.
    """

    night: str
    asked: str
    segments: list[int] | None = None
    status: str | None = None
    sentence: str = ""
    also: tuple[str, ...] = ()

    def answers(self, name: str) -> bool:
        """Whether its verdict is that of the night asked for by this name."""
        return name in (self.asked, *self.also)


_STORED = TypeAdapter(KnownNight)


@dataclass(frozen=True)
class Nights:
    """The nights of an output folder."""

    folder: Folder

    @classmethod
    def at(cls, output: OutputConfig, name: str) -> "Nights":
        """In the folder of that name."""
        return cls(Folder(f"{absolute(output.path)}/{name}", output.storage))

    def writable(self) -> "Nights":
        """The same, knowing how its store is written.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            return replace(self, folder=self.folder.probe())
        except OSError as error:
            raise OutputError(f"output.path: cannot write {self.folder.uri}: {error}") from None

    def all(self) -> list[KnownNight]:
        """In the order of their names.

        Raises:
            OutputError: the folder cannot be read, or a file in it is damaged.
        """
        try:
            names = [name for name in self.folder.names() if name.endswith(SUFFIX)]
            with ThreadPoolExecutor(_THREADS) as pool:
                found = [one for one in pool.map(self._read, names) if one]
        except OSError as error:
            raise OutputError(f"output.path: cannot read {self.folder.uri}: {error}") from None
        return sorted(found, key=lambda one: one.night)

    def begin(self, one: KnownNight) -> KnownNight:
        """Write down a new night.

        Raises:
            OutputError: another process has just done so.
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
        """Forget a night of which nothing was planned."""
        self.folder.remove(f"{one.night}{SUFFIX}")

    def _read(self, name: str) -> KnownNight | None:
        """None of a night that has been dropped since it was listed."""
        data = self.folder.read(name)
        try:
            return None if data is None else _STORED.validate_json(data)
        except ValueError:
            raise OutputError(f"{self.folder.uri}/{name} is damaged; restore it") from None


def unclaimed(segments: Sequence[int], nights: Sequence[KnownNight]) -> list[int]:
    """The segments that no night has."""
    claimed = {number for night in nights for number in night.segments or ()}
    return [number for number in segments if number not in claimed]


def free_name(night: str, nights: Sequence[KnownNight]) -> str:
    """The name, or where there is a night of that name the next of NAME.02, NAME.03, ..."""
    names = {one.night for one in nights}
    number, name = 1, night
    while name in names:
        number += 1
        name = f"{night}.{number:02}"
    return name


def _bytes(one: KnownNight) -> bytes:
    return (json.dumps(asdict(one), indent=1) + "\n").encode()
