"""How the nights of a nightly job stand, from its folder alone."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from rm_ray.config import OutputConfig
from rm_ray.errors import OutputError
from rm_ray.nightly.config import KEPT, NIGHTS, REPORTS, SCORED
from rm_ray.nightly.nights import KnownNight, Nights, unclaimed
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.lease import living_owner
from rm_ray.scored.run import open_scored
from rm_ray.store.folder import Folder, absolute

# So many of the last nights are shown, and all before them that are not done.
SHOWN = 14
# Folders looked at, and leases watched, at once.
_THREADS = 16


@dataclass(frozen=True)
class NightStatus:
    """How far a night has come.

    `state`: "begun" while nothing is planned for it, "scoring" while shards are missing, "scored"
    while there is no report, "reported" until it is done. `shards`, `left`: of its scoring, None
    before it is planned and once the night is done. `verdict`, `sentence`: its report's, once it
    is done. `filter`: None where none has begun.
    """

    night: str
    state: Literal["begun", "scoring", "scored", "reported", "done"]
    shards: int | None = None
    left: int | None = None
    verdict: str | None = None
    sentence: str = ""
    filter: Literal["done", "not done"] | None = None


@dataclass(frozen=True)
class NightlyFolder:
    """The folder of a nightly job."""

    output: OutputConfig

    @property
    def scoring(self) -> RunFolder:
        """The scoring run of all nights, as it is now."""
        path = f"{self.output.path.rstrip('/')}/{SCORED}"
        return RunFolder(OutputConfig(path=path, storage=self.output.storage), REWARDS)

    def known(self) -> list[KnownNight]:
        """All nights.

        Raises:
            OutputError: they cannot be read, or the file of one is damaged.
        """
        return Nights.at(self.output, NIGHTS).all()

    def owner(self) -> str | None:
        """The driver that is at work on the scoring run, or on the filter of a night. A report has
        no lease: nothing shows that one is being made.
        """
        filters = [self._filter(one) / "_rm_ray" for one in self.known() if one.status is None]
        with ThreadPoolExecutor(_THREADS) as pool:
            owners = pool.map(living_owner, [self.scoring.state, *filters])
            return next((owner for owner in owners if owner), None)

    def look(self) -> tuple[list[NightStatus], int]:
        """The nights to show, in the order of their names, and how many nights there are.

        Raises:
            OutputError: a night is damaged, or has what the scoring run does not have.
        """
        known = self.known()
        planned = range(len(self.scoring.segments.names()))
        new = unclaimed(planned, known)
        shown = []
        for one in known:
            segments = one.segments
            if segments is None:  # the job gives what no night has to the first one that is begun
                segments, new = new or None, []
            if one.status is None or one in known[-SHOWN:]:
                self._check(one, planned)
                shown.append((one, segments))
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(lambda pair: self._look(*pair), shown)), len(known)

    def _look(self, one: KnownNight, segments: list[int] | None) -> NightStatus:
        found = self._filter(one).entries()
        kept: Literal["done", "not done"] | None = "not done" if found else None
        if "_SUCCESS" in found:
            kept = "done"
        if one.status is not None:
            return NightStatus(
                one.night, "done", verdict=one.status, sentence=one.sentence, filter=kept
            )
        if segments is None:
            return NightStatus(one.night, "begun", filter=kept)
        shards, left = self._shards(segments)
        state: Literal["scored", "reported"] = "reported" if self._reported(one) else "scored"
        return NightStatus(one.night, "scoring" if left else state, shards, left, filter=kept)

    def _reported(self, one: KnownNight) -> bool:
        from rm_ray.report.show.folder import HTML  # takes half a second, and is seldom needed

        return (self._folder(REPORTS) / one.night).size(HTML) is not None

    def _shards(self, segments: Sequence[int]) -> tuple[int, int]:
        """How many shards some segments have, and how many of these are not scored. It is what a
        report of the segments would find.
        """
        if not segments:
            return 0, 0
        run = open_scored(self.scoring.uri, self.output.storage, segments, allow_incomplete=True)
        return len(run.shards) + run.missing, run.missing

    def _check(self, one: KnownNight, planned: range) -> None:
        """Refuse a night that is not done, and has segments that were not planned."""
        beyond = [number for number in one.segments or () if number not in planned]
        if beyond and one.status is None:
            raise OutputError(
                f"{self._folder(NIGHTS).uri}/{one.night}.json: the night has segment {beyond[0]} "
                f"of {self.scoring.uri}, which has {len(planned)} segments, counted from 0; "
                "restore the file or the run"
            )

    def _filter(self, one: KnownNight) -> Folder:
        return self._folder(KEPT) / f"night={one.night}"

    def _folder(self, name: str) -> Folder:
        return Folder(absolute(self.output.path), self.output.storage) / name
