"""How a run stands, from its folder alone: nothing is asked of the cluster that it runs on."""

import json
from dataclasses import dataclass
from typing import Any, Literal

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import Planned, PlannedFile, shards_of
from rm_ray.errors import InputError, OutputError, short
from rm_ray.evaluate.config import JUDGED_PAIRS
from rm_ray.filter.copy.bundles import PlannedFolder
from rm_ray.filter.copy.receipts import DONE
from rm_ray.nightly.config import NIGHTS, SCORED
from rm_ray.pairs.reading import PAIRS
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.lease import living_owner
from rm_ray.run.output.segments import planned_files
from rm_ray.run.standing.status import Standing, read_standing
from rm_ray.status.nights import NightlyFolder, NightStatus

# By what its configuration has, the first of these: what a run is of, the folder of its parts, the
# lines of its plan.
KINDS: dict[str, tuple[str, str, type[Planned]]] = {
    "figures": ("judge evaluation", JUDGED_PAIRS, PlannedFile),
    "generator": ("pairs", PAIRS, PlannedFile),
    "judge": ("scoring", REWARDS, PlannedFile),
    "rule": ("filter", DONE, PlannedFolder),
}

RUNS = (
    "the --output.path of a run of jobs/score.py, jobs/pairs.py, jobs/filter.py or jobs/nightly.py"
)


@dataclass(frozen=True)
class Status:
    """`kind`: of the run. `created`: None before a first driver has planned it. `owner`: the driver
    that is at work on it. `complete`, `shards`, `left`: of the run and its plan, as they are now.
    `last`: what a driver said last. `totals`: of a complete run.

    Of a nightly job, this is its scoring run, but that the driver may be at work on a filter.
    `nights`: the last nights, and those before them that are not done; `nights_in_all`: how many
    there are. Both are None of any other run.
    """

    uri: str
    kind: str
    created: str | None
    model: str | None
    owner: str | None
    complete: bool
    shards: int
    left: int
    last: Standing | None
    totals: dict[str, Any]
    nights_in_all: int | None = None
    nights: list[NightStatus] | None = None

    @property
    def state(self) -> Literal["live", "complete", "dead"]:
        """Whether somebody is at work; whether all is done, every night too; or neither."""
        if self.owner:
            return "live"
        done = self.complete and not self.left and not self.unfinished
        return "complete" if done else "dead"

    @property
    def unfinished(self) -> list[str]:
        """Names of the nights that are not done."""
        return [one.night for one in self.nights or () if one.state != "done"]

    @property
    def job(self) -> str:
        """The folder that the job was given: of a nightly one, that of all nights."""
        return self.uri if self.nights is None else self.uri.removesuffix(f"/{SCORED}")


def look(output: OutputConfig) -> Status:
    """Look at a run's folder, or at that of a nightly job. Takes up to half a minute where a lease
    tells nothing at once.

    Raises:
        InputError: there is no run.
        OutputError: the folder cannot be read, or holds something else.
    """
    try:
        return _look(output)
    except OSError as error:
        raise OutputError(f"output.path: cannot read {output.path}: {short(error)}") from None


def _look(output: OutputConfig) -> Status:
    run, nightly = _find(output)
    # first: it may come to its end while it is watched
    owner = nightly.owner() if nightly else living_owner(run.state)
    nights, in_all = nightly.look() if nightly else ([], 0)
    stored = run.stored()
    if not (stored or owner or nights):
        raise InputError(f"{output.path}: no run of rm_ray has begun here")
    config = stored["config"] if stored else {}
    if "train" in config:
        raise InputError(
            f"{run.uri} is a run of jobs/train.py, which has steps and no shards; how far it is "
            f"stands in {run.uri}/metrics.jsonl, and the same command goes on"
        )
    kind, parts, planned = next(
        (known for key, known in KINDS.items() if key in config), KINDS["judge"]
    )
    run = RunFolder(OutputConfig(path=run.uri, storage=output.storage), parts, planned)
    run.stored()
    committed = run.committed()
    success = run.root.read("_SUCCESS") if run.complete else None
    totals = json.loads(success) if success else {}
    skipped = totals.get("skipped_files", {})
    shards = [
        shard
        for shard in shards_of(planned_files(run.segments.read()))
        if shard.part in committed or shard.file not in skipped
    ]
    return Status(
        uri=run.uri,
        kind=kind if stored else "new",
        created=stored["created"] if stored else None,
        model=config.get("judge", {}).get("model"),
        owner=owner,
        complete=run.complete,
        shards=len(shards),
        left=sum(shard.part not in committed for shard in shards),
        last=read_standing(run.state),
        totals=totals,
        nights_in_all=in_all or None,
        nights=nights or None,
    )


def _find(output: OutputConfig) -> tuple[RunFolder, NightlyFolder | None]:
    """A run, or a folder in which one may be about to be planned. Of a nightly job: its scoring
    run, and its folder.
    """
    run, nightly = RunFolder(output, REWARDS), NightlyFolder(output)
    try:
        if run.stored(RUNS) or run.state.names():
            return run, None
    except OutputError as error:
        scoring = nightly.scoring
        if nightly.known() or scoring.state.names():
            scoring.stored(RUNS)
            return scoring, nightly
        if not {NIGHTS, SCORED}.issuperset(run.root.entries()):  # left by a refused first night
            raise error from None
    raise InputError(f"{output.path}: no run of rm_ray has begun here")
