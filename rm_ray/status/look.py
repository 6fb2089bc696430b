"""How a run stands, from its folder alone: nothing is asked of the cluster that it runs on."""

import json
from dataclasses import dataclass
from typing import Any

from rm_ray.config import OutputConfig
from rm_ray.corpus.plan import Planned, PlannedFile, shards_of
from rm_ray.errors import InputError, OutputError, short
from rm_ray.filter.bundles import PlannedFolder
from rm_ray.filter.receipts import DONE
from rm_ray.nightly.config import SCORED
from rm_ray.run.folder import RunFolder, planned_files
from rm_ray.run.lease import living_owner
from rm_ray.run.scored import REWARDS
from rm_ray.run.standing import Standing, read_standing

# By what its configuration has: what a run is of, the folder of its parts, the lines of its plan.
KINDS: dict[str, tuple[str, str, type[Planned]]] = {
    "judge": ("scoring", REWARDS, PlannedFile),
    "rule": ("filter", DONE, PlannedFolder),
}

RUNS = "the --output.path of a run of jobs/score.py, jobs/filter.py or jobs/nightly.py"


@dataclass(frozen=True)
class Status:
    """`kind`: of the run. `created`: None before a first driver has planned it. `owner`: the driver
    that is at work on it. `shards`, `left`: of its plan, as they are now. `last`: what a driver
    said last. `totals`: of a complete run.
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


def look(output: OutputConfig) -> Status:
    """Look at a run's folder, or at that of a nightly job, whose scoring it is then. Takes up to
    half a minute where a lease tells nothing at once.

    Raises:
        InputError: there is no run.
        OutputError: the folder cannot be read, or holds something else.
    """
    try:
        return _look(output)
    except OSError as error:
        raise OutputError(f"output.path: cannot read {output.path}: {short(error)}") from None


def _look(output: OutputConfig) -> Status:
    run, stored = _find(output)
    owner = living_owner(run.state)  # first: it may come to its end while it is watched
    stored = run.stored() or stored
    if stored is None and owner is None:
        raise InputError(f"{output.path}: no run of rm_ray has begun here")
    config = stored["config"] if stored else {}
    kind, parts, planned = next(
        (known for key, known in KINDS.items() if key in config), KINDS["judge"]
    )
    run = RunFolder(OutputConfig(path=run.uri, storage=output.storage), parts, planned)
    run.stored()
    shards = list(shards_of(planned_files(run.plan())))
    committed = run.committed()
    success = run.root.read("_SUCCESS") if run.complete else None
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
        totals=json.loads(success) if success else {},
    )


def _find(output: OutputConfig) -> tuple[RunFolder, dict[str, Any] | None]:
    """A run that has been planned, with its run.json, or a folder in which one may be about to."""
    refused: OutputError | None = None
    for place in (output.path, output.path.rstrip("/") + f"/{SCORED}"):
        run = RunFolder(OutputConfig(path=place, storage=output.storage), REWARDS)
        try:
            stored = run.stored(RUNS)
        except OutputError as error:
            refused = refused or error
            continue
        if stored or run.state.names():
            return run, stored
    raise refused or InputError(f"{output.path}: no run of rm_ray has begun here")
