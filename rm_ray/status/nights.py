"""Finds the status of a nightly job's nights, from its folder alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.nightly.acceptances import Acceptances
from rm_ray.nightly.config import HELD, KEPT, NIGHTS, REPORTS, SCORED
from rm_ray.nightly.deliveries import HELD_MARK
from rm_ray.nightly.nights import KnownNight, Nights, unclaimed
from rm_ray.run.output.folder import REWARDS, SUCCESS, RunFolder
from rm_ray.run.output.lease import living_owner
from rm_ray.scored.run import open_scored
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder, absolute

# Number of last nights that are shown. Earlier nights are shown if they are not done.
SHOWN = 14


@dataclass(frozen=True)
class NightStatus:
    """A NightStatus is the progress of one night."""

    night: str
    """Name of the night."""
    state: Literal["begun", "scoring", "scored", "reported", "done"]
    """"begun": nothing is planned for it; "scoring": shards are missing; "scored": there is no
    report; "reported": the report exists, but the night is not done; "done": it has its verdict."""
    shards: int | None = None
    """Shards to score; None before they are planned, and once the night is done."""
    left: int | None = None
    """Shards that are not scored; None before they are planned, and once the night is done."""
    verdict: str | None = None
    """Verdict of the night's report; None until the night is done."""
    sentence: str = ""
    """The verdict's reason, in a sentence; empty until the night is reported."""
    filter: Literal["done", "not done"] | None = None
    """State of the night's filter; None if none has begun."""
    delivery: str | None = None
    """The delivery of the night, in a few words; None if that is not known.
    """
    released: str | None = None
    """Who released what was held, when and why; None if nobody has."""
    accepted: list[str] = field(default_factory=list)
    """The acceptances from this night on: group, person and reason."""


@dataclass(frozen=True)
class NightlyFolder:
    """A NightlyFolder is the folder of a nightly job."""

    output: OutputConfig
    """Address of the folder, and how its store is reached."""

    @property
    def scoring(self) -> RunFolder:
        """Open the scoring run of all nights, as it is now."""
        path = f"{self.output.path.rstrip('/')}/{SCORED}"
        return RunFolder(OutputConfig(path=path, storage=self.output.storage), REWARDS)

    def known(self) -> list[KnownNight]:
        """Read all nights.

        Raises:
            OutputError: the nights cannot be read, or the file of a night is damaged.
        """
        return Nights.at(self.output, NIGHTS).all()

    def owner(self) -> str | None:
        """Return the driver at work on the scoring run or on the filter of a night, if any.

        A report has no lease, so a driver that makes a report is not seen.
        """
        filters = [
            self._filter(night, place) / "_rm_ray"
            for night in self.known()
            if night.status is None
            for place in (KEPT, HELD)
        ]
        owners = at_once(living_owner, [self.scoring.state, *filters])
        return next((owner for owner in owners if owner), None)

    def look(self) -> tuple[list[NightStatus], int]:
        """Return the nights to show, in the order of their names, and the number of all nights.

        Raises:
            OutputError: a night is damaged, or has a segment that the scoring run lacks.
        """
        known = self.known()
        planned = range(len(self.scoring.segments.names()))
        new = unclaimed(planned, known)
        shown = []
        for night in known:
            segments = night.segments
            if segments is None:  # the job gives unclaimed segments to the first night without any
                segments, new = new or None, []
            if night.status is None or night in known[-SHOWN:]:
                self._check(night, planned)
                shown.append((night, segments))
        accepted: dict[str, list[str]] = {}
        for one in Acceptances(self._folder(NIGHTS)).all():
            accepted.setdefault(one.night, []).append(f"{one.group} {one.signed}")
        looked = at_once(lambda pair: self._look(*pair), shown)
        found = [replace(one, accepted=accepted.get(one.night, [])) for one in looked]
        return found, len(known)

    def _look(self, known: KnownNight, segments: list[int] | None) -> NightStatus:
        kept = self._kept(known)
        delivery = known.delivery
        if known.status is not None:
            return NightStatus(
                known.night,
                "done",
                verdict=known.status,
                sentence=known.sentence,
                filter=kept,
                delivery=None if delivery is None else str(delivery),
                released=str(delivery.released) if delivery and delivery.released else None,
            )
        if known.said is not None:
            return NightStatus(
                known.night, "reported", verdict=known.said, sentence=known.sentence, filter=kept
            )
        if segments is None:
            return NightStatus(known.night, "begun", filter=kept)
        shards, left = self._shards(segments)
        state: Literal["scored", "reported"] = "reported" if self._reported(known) else "scored"
        return NightStatus(known.night, "scoring" if left else state, shards, left, filter=kept)

    def _kept(self, known: KnownNight) -> Literal["done", "not done"] | None:
        """Return the state of the night's filter, by the folders that it writes."""
        delivery = known.delivery
        if delivery is not None and delivery.released is not None:
            return "done"
        marks = {KEPT: SUCCESS, HELD: HELD_MARK}
        places = {"groups": (KEPT, HELD), "night": (HELD,)}
        asked = places.get(delivery.holds, (KEPT,)) if delivery is not None else (KEPT,)
        entries = {place: self._filter(known, place).entries() for place in asked}
        if all(marks[place] in found for place, found in entries.items()):
            return "done"
        return "not done" if any(entries.values()) else None

    def _reported(self, known: KnownNight) -> bool:
        from rm_ray.report.show.folder import HTML  # takes half a second, and is seldom needed

        return (self._folder(REPORTS) / known.night).size(HTML) is not None

    def _shards(self, segments: Sequence[int]) -> tuple[int, int]:
        """Return how many shards some segments have, and how many of them are not scored.

        A report of the segments would find the same numbers.
        """
        if not segments:
            return 0, 0
        run = open_scored(self.scoring.uri, self.output.storage, segments, allow_incomplete=True)
        return len(run.shards) + run.missing, run.missing

    def _check(self, known: KnownNight, planned: range) -> None:
        """Refuse a night that is not done if it has segments that the scoring run lacks."""
        beyond = [number for number in known.segments or () if number not in planned]
        if beyond and known.status is None:
            raise OutputError(
                f"{self._folder(NIGHTS).uri}/{known.night}.json: the night has segment {beyond[0]} "
                f"of {self.scoring.uri}, which has {len(planned)} segments, counted from 0; "
                "restore the file or the run"
            )

    def _filter(self, known: KnownNight, place: str = KEPT) -> Folder:
        return self._folder(place) / f"night={known.night}"

    def _folder(self, name: str) -> Folder:
        return Folder(absolute(self.output.path), self.output.storage) / name
