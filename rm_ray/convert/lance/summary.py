"""The texts of a conversion of a Lance dataset: its dry run, its closing lines, manifest.json."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from typing_extensions import override

from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.fingerprint import lance_output
from rm_ray.convert.lance.columns import added
from rm_ray.convert.lance.counts import LanceCounts
from rm_ray.convert.lance.planning import LancePlanning
from rm_ray.convert.shard_stage import MIB
from rm_ray.corpus.groups import printable
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.summary import RunSummary


class LanceSummary(RunSummary[LancePlanning]):
    """A LanceSummary writes the conversion's part of a run's reports."""

    @override
    def speed(self, progress: RunProgress) -> str:
        return f"{progress.work.documents / progress.judging_seconds:,.0f} rows/s"

    @override
    def closing(
        self, totals: RunCounts, progress: RunProgress, planning: LancePlanning
    ) -> list[str]:
        counts = LanceCounts() + totals
        return [
            f"{counts.rows:,} rows of version {planning.version} converted",
            f"written: {counts.files:,} files of {counts.bytes / MIB:,.1f} MiB",
        ]


def dry_run_text(planning: LancePlanning, config: ConvertConfig) -> str:
    """Return the page of a dry run: the version, its fragments and rows, and the columns."""
    return "\n".join(_dry_run_lines(planning, config))


def _dry_run_lines(planning: LancePlanning, config: ConvertConfig) -> Iterator[str]:
    fragments = planning.fragments
    size, deleted = sum(one.size for one in fragments), sum(one.deleted for one in fragments)
    yield f"dataset     {planning.address}, version {planning.version}"
    yield f"fragments   {len(fragments):,} of {size / MIB:,.1f} MiB"
    yield f"rows        {sum(one.rows for one in fragments):,}" + (
        f"; {deleted:,} deleted rows are left out" if deleted else ""
    )
    yield f"shards      {sum(len(one.units) for one in fragments):,}" + (
        "" if planning.files else ", planned before"
    )
    yield "columns"
    by_name = {name: key for key, name in added(config.output).items()}
    for field in planning.schema:
        said = f"added ({by_name[field.name]})" if field.name in by_name else str(field.type)
        yield f"    {printable(field.name)}: {printable(said)}"


def manifest(
    config: ConvertConfig,
    planning: LancePlanning,
    totals: LanceCounts,
    versions: Mapping[str, str],
) -> bytes:
    """Return manifest.json: what was read, and what was written.

    Args:
        config: the configuration.
        planning: the plan.
        totals: the counts of all shards.
        versions: versions of packages when the run began.
    """
    names = added(config.output)
    fields = [field for field in planning.schema if field.name not in names.values()]
    content: dict[str, Any] = {
        "format": 1,
        "dataset": {"path": planning.address, "version": planning.version},
        "totals": totals.stored(),
        "columns": [{"name": field.name, "type": str(field.type)} for field in fields],
        "added": names,
        "output": lance_output(config.output),
        "versions": dict(versions),
        "fragments": [
            {
                "fragment": one.fragment,
                "size": one.size,
                "rows": one.rows,
                "deleted": one.deleted,
                "shards": len(one.units),
            }
            for one in planning.fragments
        ],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
