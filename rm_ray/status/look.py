"""Finds the status of a run from its folder alone, without asking its cluster."""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from rm_ray.addresses import lance_of
from rm_ray.config import OutputConfig, as_list
from rm_ray.convert.lance.plan import PlannedFragment
from rm_ray.convert.plan import PlannedLines
from rm_ray.corpus.plan import Planned, PlannedFile, shards_of
from rm_ray.errors import InputError, OutputError, short
from rm_ray.evaluate.config import JUDGED_PAIRS
from rm_ray.filter.copy.bundles import PlannedFolder
from rm_ray.nightly.config import NIGHTS, SCORED
from rm_ray.pairs.reading import PAIRS
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.lease import living_owner
from rm_ray.run.output.receipts import DONE
from rm_ray.run.output.segments import planned_files
from rm_ray.run.standing.status import Standing, read_standing
from rm_ray.status.nights import NightlyFolder, NightStatus
from rm_ray.status.selection import SelectionFolder

# Kinds of runs, by a key of their configuration; the first key that a run has counts. Each kind has
# a name, the folder of its parts, and the class of its plan's lines.
KINDS: dict[str, tuple[str, str, type[Planned]]] = {
    "figures": ("judge evaluation", JUDGED_PAIRS, PlannedFile),
    "generator": ("pairs", PAIRS, PlannedFile),
    "judge": ("scoring", REWARDS, PlannedFile),
    "rule": ("filter", DONE, PlannedFolder),
    "types": ("conversion", DONE, PlannedLines),
}

RUNS = (
    "the --output.path of a run of jobs/score.py, jobs/pairs.py, jobs/filter.py, "
    "jobs/convert.py, jobs/select.py or jobs/nightly.py"
)


@dataclass(frozen=True)
class Status:
    """A Status is the state of a run, or of a nightly job and its scoring run."""

    uri: str
    """Address of the run's folder; for a nightly job, the folder of its scoring run."""
    kind: str
    """Kind of the run, in words; "new" before it is planned."""
    created: str | None
    """When the run began; None before a driver has planned it."""
    model: str | None
    """The judge's model; None if the run has none."""
    owner: str | None
    """Driver at work, in words; None if there is none. A nightly job's may be at a filter."""
    complete: bool
    """The run has its `_SUCCESS`."""
    shards: int
    """Shards of the run's plan."""
    left: int
    """Shards that are not committed."""
    last: Standing | None
    """Progress that a driver stored last; None if there is none."""
    totals: dict[str, Any]
    """Totals of a complete run; empty before."""
    nights_in_all: int | None = None
    """Nights of a nightly job; None for any other run."""
    nights: list[NightStatus] | None = None
    """The last nights, and earlier ones that are not done; None for any other run."""
    stage: str | None = None
    """Stage of a selection, in words; None for any other run."""

    @property
    def state(self) -> Literal["live", "complete", "dead"]:
        """Return "live" if a driver is at work, "complete" if all is done, else "dead".

        A nightly job is complete if its nights are done too.
        """
        if self.owner:
            return "live"
        done = self.complete and not self.left and not self.unfinished
        return "complete" if done else "dead"

    @property
    def unfinished(self) -> list[str]:
        """Return the names of the nights that are not done."""
        return [night.night for night in self.nights or () if night.state != "done"]

    @property
    def job(self) -> str:
        """Return the output folder of the job; for a nightly job, the folder of all nights."""
        return self.uri if self.nights is None else self.uri.removesuffix(f"/{SCORED}")


# The state of a selection before its first stage is planned.
NOT_BEGUN = Status(
    uri="",
    kind="",
    created=None,
    model=None,
    owner=None,
    complete=False,
    shards=0,
    left=0,
    last=None,
    totals={},
)


def look(output: OutputConfig) -> Status:
    """Look at the folder of a run or of a nightly job.

    This takes up to half a minute if a lease must be watched.

    Raises:
        InputError: there is no run.
        OutputError: the folder cannot be read, or holds something else.
    """
    try:
        return _look(output)
    except OSError as error:
        raise OutputError(f"output.path: cannot read {output.path}: {short(error)}") from None


def _look(output: OutputConfig) -> Status:
    selection = SelectionFolder.find(output)
    return _look_at_stage(selection) if selection else _look_at_run(output)


def _look_at_stage(selection: SelectionFolder) -> Status:
    """Return the state of a selection: its driver's, the shards of its last stage, and the cost of
    all its stages.
    """
    owner = selection.owner()
    try:
        status = _look_at_run(selection.stage(selection.stages[-1])) if selection.stages else None
    except InputError:
        status = None  # the stage has a folder, and nothing is planned yet
    found = status or NOT_BEGUN
    complete = selection.complete
    last, more = _with_all_hours(found.last, selection)
    return replace(
        found,
        last=last,
        totals={},  # these are of one stage
        uri=selection.uri,
        kind="selection",
        owner=owner,
        complete=complete,
        left=0 if complete else found.left,
        stage=selection.words() + more,
    )


def _with_all_hours(
    last: Standing | None, selection: SelectionFolder
) -> tuple[Standing | None, str]:
    """Return the progress of a selection's last stage with the hours of all stages, and words for
    the hours of another unit: engine hours of a cheap judge beside GPU hours.
    """
    standings = selection.standings()
    if last is None and standings:  # the stage has just begun
        before = [*standings.values()][-1]
        last = Standing(before.at, 0, 0, gpus=before.gpus, per_hour=before.per_hour)
    if last is None:
        return None, ""
    hours, others = 0.0, ""
    for name, one in standings.items():
        if one.price.unit == last.price.unit:
            hours += one.hours
        else:
            others += f"; {name} took {one.price.text(one.hours)} more"
    return replace(last, hours=hours), others


def _look_at_run(output: OutputConfig) -> Status:
    run, nightly = _find(output)
    # the owner comes first, because the run may end while its lease is watched
    owner = nightly.owner() if nightly else living_owner(run.state)
    nights, in_all = nightly.look() if nightly else ([], 0)
    stored = run.stored()
    if not (stored or owner or nights):
        raise InputError(f"{output.path}: no run of rm_ray has begun here")
    config = stored["config"] if stored else {}
    if "train" in config:
        raise InputError(
            f"{run.uri} is a run of jobs/train.py, which has steps and no shards. Its progress is "
            f"in {run.uri}/metrics.jsonl; to go on, run the same command again"
        )
    kind, parts, planned = next(
        (known for key, known in KINDS.items() if key in config), KINDS["judge"]
    )
    if any(map(lance_of, as_list(config.get("input", {}).get("path", [])))):
        planned = PlannedFragment  # a conversion of a Lance dataset
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
    """Return the run in a folder; for a nightly job, its scoring run and its folder.

    The run may not be planned yet.
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
