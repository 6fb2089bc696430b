"""The texts of a conversion: its dry run, its closing lines, and manifest.json."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from typing_extensions import override

from rm_ray.convert.columns import Columns, arrow_type
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.kinds import Kind, json_places
from rm_ray.convert.planning import MOST_COLUMNS, ConvertPlanning
from rm_ray.convert.shard_stage import MIB
from rm_ray.convert.stage import REJECTED
from rm_ray.corpus.groups import printable
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.summary import RunSummary

# Names that a line of the log lists at most.
LISTED = 8


class ConvertSummary(RunSummary[ConvertPlanning]):
    """A ConvertSummary writes the conversion's part of a run's reports."""

    @override
    def speed(self, progress: RunProgress) -> str:
        work = ConvertCounts() + progress.work
        speed = work.bytes_read / MIB / progress.judging_seconds
        return f"{speed:,.0f} MiB/s of input files"

    @override
    def closing(
        self, totals: RunCounts, progress: RunProgress, planning: ConvertPlanning
    ) -> list[str]:
        counts = ConvertCounts() + totals
        empty = f", {counts.empty_lines:,} empty lines" if counts.empty_lines else ""
        lines = [
            f"{counts.documents:,} lines: {counts.rows:,} converted, "
            f"{counts.statuses.get('rejected', 0):,} rejected{empty}",
            f"written: {counts.files:,} files of {counts.bytes / MIB:,.1f} MiB",
        ]
        if counts.rejected:
            lines.append(f"rejected: {listed(counts.rejected)}; see the folder {REJECTED}")
        return lines


def said(name: str) -> str:
    """Return the name of a field as messages show it."""
    return printable(name) or '""'


def listed(counts: Mapping[str, int]) -> str:
    """List counts by name, the largest first; the rest in one number."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count:,} {said(name)}" for name, count in ordered[:LISTED]]
    rest = ordered[LISTED:]
    if rest:
        words.append(f"{sum(count for _, count in rest):,} of {len(rest):,} others")
    return ", ".join(words)


def warnings(counts: ConvertCounts, columns: Columns) -> Iterator[str]:
    """Yield a sentence for each kind of value that is in the extra column."""
    if counts.unplanned:
        full = len(columns.fields) >= MOST_COLUMNS
        beyond = f", or beyond the first {MOST_COLUMNS:,} fields," if full else ""
        yield (
            f"fields that no sampled line had{beyond} are in the column {columns.extra!r} as JSON "
            "text: "
            f"{listed(counts.unplanned)}"
        )
    if counts.misfits:
        yield (
            f"values that do not fit their column are in the column {columns.extra!r} as JSON "
            f"text, and null in their own: {listed(counts.misfits)}"
        )


def dry_run_text(planning: ConvertPlanning) -> str:
    """Return the page of a dry run: files, bytes, rows, and the sampled schema."""
    return "\n".join(_dry_run_lines(planning))


def _dry_run_lines(planning: ConvertPlanning) -> Iterator[str]:
    new = planning.files
    before = len(planning.all_files) - len(new)
    yield f"files       {len(new):,} to convert" + (
        f", {before:,} planned before" if before else ""
    )
    by_packing: dict[str, list[int]] = {}
    for file in new:
        by_packing.setdefault(file.packing or "not compressed", []).append(file.size)
    for name, sizes in sorted(by_packing.items()):
        yield f"            {len(sizes):,} {name}, {sum(sizes) / MIB:,.1f} MiB"
    looks = planning.looks
    rows = sum(
        file.size * looks[file.path].ratio / looks[file.path].bytes_per_line
        for file in new
        if looks[file.path].lines
    )
    sampled = sum(look.lines for look in looks.values())
    bad = sum(look.bad for look in looks.values())
    yield f"lines       about {rows:,.0f}; {sampled:,} were sampled" + (
        f", and {bad:,} of these would be rejected" if bad else ""
    )
    yield f"shards      {sum(len(file.units) for file in new):,}"
    if planning.skipped:
        first = next(iter(planning.skipped.values()))
        yield f"left out    {len(planning.skipped):,} files, first: {first}"
    yield "columns"
    for name, kind in planning.schema.fields:
        yield f"    {said(name)}: {printable(_said(kind))}"
    for key, name in planning.schema.added.items():
        yield f"    {name}: added ({key})"
    if planning.left_out:
        yield (
            f"    {len(planning.left_out):,} more fields have no column of their own, and go to "
            f"{planning.schema.extra or 'the rejected lines'}"
        )
    places = list(json_places(planning.schema.fields))
    if places:
        yield "JSON text, and why"
        yield from (f"    {printable(place)}: {kind.why}" for place, kind in places)


def _said(kind: Kind) -> str:
    return "JSON text" if kind.name == "json" else str(arrow_type(kind))


def manifest(
    config: ConvertConfig,
    planning: ConvertPlanning,
    totals: ConvertCounts,
    versions: Mapping[str, str],
) -> bytes:
    """Return manifest.json: what was read, what was written, and what was rejected.

    Args:
        config: the configuration.
        planning: the plan.
        totals: the counts of all shards.
        versions: versions of packages when the run began.
    """
    schema = planning.schema
    content: dict[str, Any] = {
        "format": 1,
        "totals": totals.stored(),
        "columns": [{"name": name, "type": _said(kind)} for name, kind in schema.fields],
        "added": schema.added,
        "json_text": [
            {"place": place, "why": kind.why} for place, kind in json_places(schema.fields)
        ],
        "types": config.types.model_dump(mode="json"),
        "output": config.output.model_dump(mode="json", exclude={"storage", "path", "row_address"}),
        "versions": dict(versions),
        "files": [
            {
                "path": file.path,
                "size": file.size,
                "version": file.version,
                "compression": file.packing,
                "shards": len(file.units),
            }
            for file in planning.all_files
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
