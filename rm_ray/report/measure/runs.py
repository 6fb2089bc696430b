"""Opening and counting the runs: tonight's run, and the pinned run of the baseline."""

import logging

from rm_ray.errors import ConfigError, InputError, OutputError
from rm_ray.report.config import ReportConfig
from rm_ray.report.measure.measured import Measured, NightPart, PartReader, measure
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import check_group, columns_of
from rm_ray.scored.passes import Pass, in_batches
from rm_ray.scored.run import ScoredRun, open_scored

log = logging.getLogger(__name__)


def pinned_run(config: ReportConfig, run: ScoredRun) -> ScoredRun | None:
    """Open the run to compare with; None if no run is given.

    Raises:
        InputError: the folder holds no run, or a run of another judge.
    """
    asked = config.baseline
    if asked.path is None:
        return None
    try:
        pinned = open_scored(asked.path, asked.storage, asked.segments)
    except (InputError, OutputError) as error:
        raise InputError(f"baseline.path: {str(error).removeprefix('rewards.path: ')}") from None
    if pinned.fingerprint != run.fingerprint:
        settings, pinned_settings = run.stored["fingerprint"], pinned.stored["fingerprint"]
        differ = [
            key
            for key in {**settings, **pinned_settings}
            if settings.get(key) != pinned_settings.get(key)
        ]
        raise InputError(
            f"baseline.path: {pinned.uri} was judged otherwise than {run.uri}, so their rewards "
            f"cannot be compared; different: {', '.join(differ)}"
        )
    return pinned


def count(run: ScoredRun, config: ReportConfig) -> Measured:
    """Count a run's rewards, in one pass over its parts.

    Raises:
        ConfigError: a column is missing, or does not fit its use.
        InputError: a part cannot be read.
    """
    if not run.shards:
        return Measured.none()
    schema = columns_of(run, config.rewards.column)
    partitions = {f.path: f.units[0].partition for f in run.files if f.units}
    by = [ColumnPath(name) for name in config.by]
    own = sorted({path.column for path in by} & set(schema.names))
    for path in by:
        name = path.column
        if name in own:
            check_group("by", path, schema)
        elif bad := [file for file, partition in partitions.items() if name not in partition]:
            raise ConfigError(
                f"by: neither the rewards nor the folders of {bad[0]} have a column {name!r}; the "
                f"rewards have {', '.join(schema.names)} (jobs/score.py copies further columns of "
                f"the corpus with --input.keep {name})"
            )
    rows = {file.path: file.rows for file in run.files}
    sources = [NightPart(s, partitions.get(s.file, {}), rows[s.file]) for s in run.shards]
    reader = PartReader(
        parts=run.parts,
        fingerprint=run.fingerprint,
        column=ColumnPath(config.rewards.column),
        by=by,
        own=own,
        cut=config.page.cut,
    )
    batches = list(in_batches(sources, lambda source: source.shard.stop - source.shard.start))
    log.info("reading the rewards of %d parts of %s", len(sources), run.uri)
    one_pass = Pass(batches, config.tasks.cpus, config.run.progress_s)
    measured: Measured = one_pass.merged(measure, Measured.merge, reader)
    return measured
