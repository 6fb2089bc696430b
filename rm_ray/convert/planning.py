"""Plans a conversion: samples the files, chooses one schema, and cuts the files into shards.

This module writes nothing: the caller stores the new segment of the plan, or shows it.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rm_ray.cluster.fit import check_task
from rm_ray.convert.columns import Columns, differ_by_case
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.cutting import cut_plain
from rm_ray.convert.files import folder_below, without_packing
from rm_ray.convert.frames import ZSTD, cut_frames
from rm_ray.convert.kinds import Kind, Seen, json_places, kind_of
from rm_ray.convert.plan import PlannedLines
from rm_ray.convert.sampling import Look, look_at_files
from rm_ray.convert.shard_stage import MIB
from rm_ray.corpus.alone import each_file
from rm_ray.corpus.files import Corpus, InputFile, hive_names
from rm_ray.corpus.groups import printable
from rm_ray.errors import InputError
from rm_ray.run.changed import changed_files, say_changed, tell_of_gone
from rm_ray.run.shard_job import Planning

log = logging.getLogger(__name__)

# Files that one task samples.
FILES_PER_TASK = 8
# More fields than this get no column of their own: they go to the extra column.
MOST_COLUMNS = 1_000
# Places with JSON text that a line of the log names at most.
MOST_TOLD = 8
# Key of the notes of a plan's segment.
FIELDS = "fields"


@dataclass(frozen=True, kw_only=True)
class ConvertPlanning(Planning[PlannedLines]):
    """A ConvertPlanning is the result of planning a conversion."""

    schema: Columns
    """The columns of the output."""
    looks: Mapping[str, Look]
    """Samples of the files that are planned now, by path."""
    all_files: Sequence[PlannedLines]
    """All planned files: the ones planned before, then the new ones."""
    left_out: Sequence[str] = ()
    """Sampled fields that get no column."""


def plan_conversion(
    config: ConvertConfig,
    found: Corpus,
    planned: Sequence[PlannedLines],
    notes: Sequence[Mapping[str, Any]],
) -> ConvertPlanning:
    """Plan the files that are not planned yet.

    Args:
        config: the configuration.
        found: the input files as they are now.
        planned: the files planned before.
        notes: the notes of the plan's segments so far.

    Raises:
        InputError: a planned file has changed, a file is no JSON Lines file, or the types of a
            field conflict and that is refused.
        ClusterError: no machine has room for a task.
    """
    check_task(config.tasks.cpus, "tasks.cpus")
    known = {file.path: file for file in planned}
    if changed := changed_files(found.files, known):
        advice = "Put the old files back, or begin another --output.path"
        raise InputError(say_changed(changed, known, advice))
    new = [file for file in found.files if file.path not in known]
    _check_gone(known, found.files, new)
    if new:
        log.info("sampling %d files, to find the types of their fields", len(new))
    looks, skipped = _look(new, config)
    files = [file for file in new if file.path in looks]
    seen = _merged(looks[file.path] for file in files)
    stored = next((note[FIELDS] for note in notes if note.get(FIELDS) is not None), None)
    fields, left_out = _fields(seen, stored)
    columns = Columns.of(fields, config.output, config.types.extra)
    _check_names(columns)
    if files and not columns.schema.names and any(looks[file.path].lines for file in files):
        raise InputError(
            "the documents have no fields, so the output has no column: give --output.source_file "
            "or --output.line a name, or --types.extra json"
        )
    if config.types.conflicts == "refuse":
        _refuse_conflicts(fields)
    if stored is not None:
        _tell_new_fields(seen, columns)
    else:
        _tell_json_text(fields)
        _tell_case(fields)
    _tell_hive_folders(files, columns, config.input.paths)
    cut = _cut(files, looks, config)
    documents = stored is not None or any(not looks[file.path].blank for file in files)
    return ConvertPlanning(
        files=cut,
        replaced=[],
        skipped=skipped,
        columns={},
        # files of empty lines fix no schema: the first files with documents do
        notes={FIELDS: [[name, kind.stored()] for name, kind in fields]} if documents else {},
        schema=columns,
        looks=looks,
        all_files=[*planned, *cut],
        left_out=left_out,
    )


def _check_gone(
    known: Mapping[str, PlannedLines], found: Sequence[InputFile], new: Sequence[InputFile]
) -> None:
    """Look at converted files that are no longer in the input: new files may hold the same lines.

    Raises:
        InputError: a new file has the name of one that is gone, packed or unpacked.
    """
    gone = known.keys() - {file.path for file in found}
    names = {without_packing(path): path for path in gone}
    for file in new:
        if (before := names.get(without_packing(file.path))) is not None:
            raise InputError(
                f"{before} is planned here and is gone, and {file.path} has its name: its rows "
                "would be there twice; put the old file back, or begin another --output.path"
            )
    tell_of_gone(found, known, "their rows come twice")


def _look(
    files: Sequence[InputFile], config: ConvertConfig
) -> tuple[dict[str, Look], dict[str, str]]:
    """Return samples by path, and why a file is skipped by path."""
    looks: dict[str, Look] = {}
    skipped: dict[str, str] = {}
    sampled = each_file(look_at_files, files, config.input, at_once=FILES_PER_TASK)
    for file, look in sampled:
        if look.problem is None:
            looks[file.path] = look
            continue
        if config.input.on_bad_file == "fail":
            raise InputError(f"{look.problem} (--input.on_bad_file skip goes on without it)")
        log.warning("left out: %s", look.problem)
        skipped[file.path] = look.problem
    return looks, skipped


def _merged(looks: Any) -> Seen:
    seen = Seen()
    for look in looks:
        seen.merge(look.seen)
    return seen


def _fields(
    seen: Seen, stored: Sequence[Any] | None
) -> tuple[list[tuple[str, Kind]], Sequence[str]]:
    """Return the planned fields, which never change after the first segment, and the names of
    sampled fields that get no column.
    """
    if stored is not None:
        return [(name, Kind.of_stored(kind)) for name, kind in stored], ()
    names = list(seen.fields or {})
    chosen = [(name, kind_of((seen.fields or {})[name])) for name in names[:MOST_COLUMNS]]
    return chosen, names[MOST_COLUMNS:]


def _check_names(columns: Columns) -> None:
    """Refuse fields that have the name of an added column, in whatever case.

    Raises:
        InputError: there is such a field.
    """
    planned = {name.casefold(): name for name, _ in columns.fields}
    for key, name in columns.added.items():
        if name.casefold() not in planned:
            continue
        without = ", or null for no such column" if key != "output.extra" else ""
        raise InputError(
            f"the documents have a field {planned[name.casefold()]!r}, and the output adds a "
            f"column {name!r}, which DuckDB takes for the same: give --{key} another "
            f"name{without}"
        )


def _tell_case(fields: Sequence[tuple[str, Kind]]) -> None:
    """Tell of fields that DuckDB takes for one another."""
    pairs = [*differ_by_case(fields)]
    if pairs:
        log.warning(
            "%d fields differ from another one only by case, first %r from %r: they stay two, but "
            "DuckDB gives the first one for both names", len(pairs), pairs[0][1], pairs[0][0],
        )  # fmt: skip


def _refuse_conflicts(fields: Sequence[tuple[str, Kind]]) -> None:
    conflicts = [
        f"{printable(place)} ({kind.why})" for place, kind in json_places(fields) if kind.conflict
    ]
    if conflicts:
        raise InputError(
            f"types.conflicts is refuse, and {len(conflicts)} fields have no common type: "
            f"{'; '.join(conflicts[:20])}"
        )


def _tell_new_fields(seen: Seen, columns: Columns) -> None:
    new = [name for name in seen.fields or {} if name not in columns.by_name]
    if new:
        values = (
            f"values go to the column {columns.extra!r}" if columns.extra else "lines are rejected"
        )
        log.warning(
            "new files have %d fields that this run's schema does not have, first %r: their %s "
            "(types.extra)", len(new), new[0], values,
        )  # fmt: skip


def _tell_hive_folders(files: Sequence[InputFile], columns: Columns, inputs: Sequence[str]) -> None:
    """Tell of `key=value` folders of the output whose key is a column too."""
    names = set(columns.schema.names)
    for file in files:
        for folder, key, _ in hive_names(f"{folder_below(file.path, inputs)}/"):
            if key in names:
                log.warning(
                    "the folder %r of %s has the name of a column: the job score reads the column, "
                    "and other readers may put the folder's value in its place",
                    folder, file.path,
                )  # fmt: skip
                names.remove(key)


def _tell_json_text(fields: Sequence[tuple[str, Kind]]) -> None:
    places = [f"{printable(place)} ({kind.why})" for place, kind in json_places(fields)]
    if places:
        more = f"; and {len(places) - MOST_TOLD} more" if len(places) > MOST_TOLD else ""
        log.info("written as JSON text: %s%s", "; ".join(places[:MOST_TOLD]), more)


def _cut(
    files: Sequence[InputFile], looks: Mapping[str, Look], config: ConvertConfig
) -> list[PlannedLines]:
    of_packing = defaultdict(list)
    for file in files:
        of_packing[looks[file.path].packing].append(file)
    shard_bytes = config.shard.mb * MIB
    cuts = cut_plain(of_packing[None], shard_bytes, config.input)
    cuts |= cut_frames(of_packing[ZSTD], shard_bytes, config.input)
    planned = []
    for file in files:
        edges, lines = cuts.get(file.path, ((0, file.size), (1,)))
        planned.append(
            PlannedLines(
                path=file.path,
                size=file.size,
                version=file.version,
                packing=looks[file.path].packing,
                folder=folder_below(file.path, config.input.paths),
                cuts=edges,
                lines=lines,
            )
        )
    return planned
