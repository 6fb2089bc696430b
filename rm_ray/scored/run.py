"""Opens a scoring run for readers: its parts, the rows in them, and their rewards.

Jobs that use a run's rewards read them only through this file.
"""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.addresses import table_of
from rm_ray.config import OutputConfig, StorageConfig, as_list
from rm_ray.corpus.parquet import Unreadable, column_bytes
from rm_ray.corpus.plan import PlannedFile, shards_of
from rm_ray.corpus.shards import Shard
from rm_ray.corpus.tables.deleted import NOTHING, Deleted, deleted_of
from rm_ray.corpus.tables.moved import is_gone
from rm_ray.errors import InputError, OutputError, short
from rm_ray.run.output.commit import COUNTS_KEY, FINGERPRINT_KEY, ROWS_KEY, open_part
from rm_ray.run.output.folder import REWARDS, RunFolder
from rm_ray.run.output.run_json import fingerprint_id
from rm_ray.run.output.segments import Segment
from rm_ray.run.totals import PARTS_PER_TASK, empty_part
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder
from rm_ray.store.retry import A_MINUTE, Patience, may_pass
from rm_ray.tasks.run import results_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoredPart:
    """A ScoredPart is a committed part of a scoring run."""

    shard: Shard
    """The part's shard."""
    hash: str
    """Hash of the part's rows."""
    rows: int
    """Rows of the part."""
    bytes: int
    """Compressed size in the part of the columns that were asked for, in bytes."""


@dataclass(frozen=True)
class ScoredRun:
    """A ScoredRun is a scoring run, or some segments of its plan."""

    uri: str
    """Address of the run's folder."""
    stored: dict[str, Any]
    """Content of run.json."""
    metrics: dict[str, Any]
    """Content of metrics.json, from the last invocation; empty if there is none."""
    totals: dict[str, Any] | None
    """Content of `_SUCCESS`; None if the run is not complete."""
    state: Folder
    """The run's own folder of files, with its plan."""
    parts: Folder
    """Folder of the parts."""
    files: list[PlannedFile]
    """Planned files of the segments."""
    shards: list[Shard]
    """Shards of `files` that are committed."""
    segments: list[int]
    """Numbers of the segments that were read, from 0."""
    missing: int = 0
    """Planned shards without a part. Shards of skipped files do not count."""
    deleted: Deleted = NOTHING
    """Rows that the table of the corpus had deleted when their files were planned."""

    @property
    def fingerprint(self) -> str:
        """Return the short name of the settings that the rewards depend on."""
        return fingerprint_id(self.stored["fingerprint"])

    @property
    def stopped_early(self) -> bool:
        """Return True if documents were judged only until their side of a cut was clear."""
        return bool(self.stored["fingerprint"].get("judge.adaptive"))

    def warn_of_estimates(self) -> None:
        """Warn if documents were judged in part, where figures need the rewards of whole ones."""
        if self.stopped_early:
            log.warning(
                "%s judged each document only until it was clear on which side of a cut its reward "
                "lies (judge.adaptive): its rewards are estimates, and figures of them differ from "
                "those of whole documents",
                self.uri,
            )

    @property
    def is_of_table(self) -> bool:
        """Return True if the run has scored a table."""
        return any(map(table_of, as_list(self.stored["config"]["input"]["path"])))


def open_scored(
    path: str,
    storage: StorageConfig,
    segments: Collection[int] | None = None,
    *,
    allow_incomplete: bool = False,
) -> ScoredRun:
    """Open a scoring run, without reading a part.

    Args:
        path: the run's folder, or the folder of its parts.
        storage: how the run's store is reached.
        segments: numbers of the plan's segments to read, from 0. Negative numbers count from the
            end: -1 is the last segment. None: all segments.
        allow_incomplete: also open a run that is not complete.

    Raises:
        OutputError: the folder holds something else, or a run of an older rm_ray.
        InputError: there is no scoring run, it is not complete, or it lacks a segment.
    """
    run, stored = _run_at(path.rstrip("/"), storage)
    plan = run.segments.read()
    asked = range(len(plan)) if segments is None else segments
    chosen = sorted({number + len(plan) if number < 0 else number for number in asked})
    if beyond := [number for number in asked if not -len(plan) <= number < len(plan)]:
        raise InputError(
            f"rewards.segments: {run.uri} has no segment {beyond[0]}; it has {len(plan)}, counted "
            "from 0, or from the end with -1"
        )
    files, planned = _planned(plan, chosen)
    committed = run.committed(planned or [Shard(file.path, 0, 0) for file in files[:1]])
    shards = [shard for shard in planned if shard.part in committed]
    whole = run.complete or (segments is not None and len(shards) == len(planned))
    if not whole and not allow_incomplete:
        raise InputError(
            f"rewards.path: {run.uri} is not complete: the run is still at work, or ended with "
            "documents missing; let it end, or use the rewards that are there: "
            "--rewards.allow_incomplete"
        )
    if not shards and files and empty_part(files[0]) in committed:
        shards = [Shard(files[0].path, 0, 0)]
    success = run.root.read("_SUCCESS") if run.complete else None
    totals = json.loads(success) if success else None
    skipped = (totals or {}).get("skipped_files", {})
    missing = sum(s.part not in committed and s.file not in skipped for s in planned)
    metrics = run.metrics() or {}
    return ScoredRun(
        uri=run.uri,
        stored=stored,
        metrics=metrics,
        totals=totals,
        state=run.state,
        parts=run.parts,
        files=files,
        shards=shards,
        segments=chosen,
        missing=missing,
        deleted=deleted_of((segment.notes for segment in plan), run.state),
    )


def _run_at(path: str, storage: StorageConfig) -> tuple[RunFolder, dict[str, Any]]:
    """Open the scoring run in a folder, or in the folder above it."""
    above = path.removesuffix(f"/{REWARDS}")
    give = "the --output.path of a run of jobs/score.py"
    for place in dict.fromkeys([path, above]):
        run = RunFolder(OutputConfig(path=place, storage=storage), REWARDS, key="rewards.path")
        try:
            stored = run.stored(give)
        except OutputError:
            if place == above:
                raise
            continue  # this may be the folder of parts, below the run's folder
        if stored and "judge" in stored["config"] and "pairs" not in stored["config"]:
            return run, stored
    what = "the run of another job" if stored else "no run of rm_ray"
    raise InputError(f"rewards.path: {run.uri} is {what}; give {give}")


def _planned(
    plan: Sequence[Segment], chosen: Collection[int]
) -> tuple[list[PlannedFile], list[Shard]]:
    """Return the files and shards that some segments of a plan have added.

    A file that a limit had cut short is planned again with more shards. A file that has changed is
    planned again with new shards, which replace the old ones.

    Args:
        plan: all segments of the plan, in order.
        chosen: numbers of the segments, from 0.
    """
    latest: dict[str, PlannedFile] = {}
    added: dict[str, list[tuple[int, Shard]]] = {}
    for number, segment in enumerate(plan):
        for file in segment.files:
            before = latest.get(file.path)
            if before and (before.size, before.version) != (file.size, file.version):
                added[file.path] = []
            known = {shard for _, shard in added.setdefault(file.path, [])}
            added[file.path] += [(number, s) for s in shards_of([file]) if s not in known]
            latest[file.path] = file
    paths = dict.fromkeys(file.path for number in chosen for file in plan[number].files)
    shards = [s for path in paths for number, s in added[path] if number in chosen]
    return [latest[path] for path in paths if not is_gone(latest[path])], shards


def describe_parts(run: ScoredRun, columns: Sequence[str]) -> list[ScoredPart]:
    """Read the footers of a run's parts, in the plan's order.

    Args:
        run: the run.
        columns: columns whose size is asked for.

    Raises:
        InputError: a part is damaged, missing or of another run.
    """
    batches = [
        run.shards[i : i + PARTS_PER_TASK] for i in range(0, len(run.shards), PARTS_PER_TASK)
    ]
    described = results_of(
        _describe_batch,
        batches,
        run.parts,
        run.fingerprint,
        columns,
        cpus=0.25,
        doing="read footers",
        of=run.parts.uri,
    )
    return [part for batch in described for part in batch]


def schema_of(run: ScoredRun) -> pa.Schema:
    """Return the columns of a run's parts, from the first part: all parts have the same.

    Raises:
        InputError: there is no part, or it is damaged.
    """
    if not run.shards:
        raise InputError(f"rewards.path: {run.uri} has no rewards yet")
    try:
        footer, _ = _open(run.parts, run.shards[0].part)
    except OSError as error:
        raise InputError(f"rewards.path: {short(error)}") from None
    return footer.schema.to_arrow_schema().remove_metadata()


def _describe_batch(
    shards: Sequence[Shard], parts: Folder, fingerprint: str, columns: Sequence[str]
) -> list[ScoredPart]:
    def describe(shard: Shard) -> ScoredPart:
        try:
            footer, _ = _open(parts, shard.part)
            _check_fingerprint(footer, parts, shard, fingerprint)
        except (FileNotFoundError, Unreadable) as error:
            raise InputError(f"rewards.path: {short(error)}") from None
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
        size = sum(column_bytes(g, name, compressed=True) for g in groups for name in columns)
        return ScoredPart(shard, _hash_of(footer), footer.num_rows, size)

    return at_once(describe, shards, uri=parts.uri)


def read_rewards(
    parts: Folder, part: ScoredPart, columns: Sequence[str], patience: Patience = A_MINUTE
) -> pa.Table:
    """Read some columns of a part, and always its column `row`.

    Args:
        parts: folder of the parts.
        part: the part, from `describe_parts`.
        columns: names of the columns.
        patience: how long a read is retried.

    Raises:
        Unreadable: the part is damaged, or its rows have changed since it was described.
        FileNotFoundError: the part is gone.
    """
    names = list(dict.fromkeys(["row", *columns]))
    footer, table = _open(replace(parts, patience=patience), part.shard.part, names)
    if _hash_of(footer) != part.hash:
        raise Unreadable(
            f"{parts.uri}/{part.shard.part} has changed since this job was planned: its documents "
            "were scored again",
            bad_file=False,
            may_pass=False,
        )
    return table


def read_counted(
    parts: Folder, shard: Shard, fingerprint: str, columns: Sequence[str]
) -> tuple[dict[str, Any], pa.Table]:
    """Return the counts in a part's footer, and some columns of the part.

    Raises:
        Unreadable: the part is damaged, or of another run.
        FileNotFoundError: the part is gone.
    """
    footer, table = _open(parts, shard.part, columns)
    _check_fingerprint(footer, parts, shard, fingerprint)
    return json.loads((footer.metadata or {})[COUNTS_KEY.encode()]), table


def overlapping(parts: Iterable[ScoredPart], start: int, stop: int) -> list[ScoredPart]:
    """Return the parts that hold rows in [start, stop). All parts are of one file."""
    return [part for part in parts if part.shard.start < stop and start < part.shard.stop]


def _open(
    parts: Folder, name: str, columns: Sequence[str] = ()
) -> tuple[pq.FileMetaData, pa.Table]:
    try:
        return open_part(parts, name, columns)
    except pa.ArrowInvalid as error:
        why = f"{parts.uri}/{name} is damaged: {short(error)}"
        raise Unreadable(why, bad_file=False) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        why = f"cannot read {parts.uri}/{name}: {short(error)}"
        raise Unreadable(why, bad_file=False, may_pass=may_pass(error)) from error


def _check_fingerprint(
    footer: pq.FileMetaData, parts: Folder, shard: Shard, fingerprint: str
) -> None:
    stored = (footer.metadata or {}).get(FINGERPRINT_KEY.encode(), b"").decode()
    if stored != fingerprint:
        raise Unreadable(
            f"{parts.uri}/{shard.part} is of another run", bad_file=False, may_pass=False
        )


def _hash_of(footer: pq.FileMetaData) -> str:
    return str((footer.metadata or {}).get(ROWS_KEY.encode(), b"").decode())
