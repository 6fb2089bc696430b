"""Opening and counting the runs: tonight's run, and the pinned run of the baseline."""

import logging
from typing import Literal

from rm_ray.errors import ConfigError, InputError, OutputError
from rm_ray.report.config import ReportConfig
from rm_ray.report.measure.measured import Measured, NightPart, PartReader, measure
from rm_ray.report.measure.present import present_corpus
from rm_ray.report.measure.seen import Seen
from rm_ray.report.measure.seen_texts import count_texts
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import check_group, columns_of
from rm_ray.scored.passes import Pass, in_batches
from rm_ray.scored.run import ScoredRun, open_scored, schema_of

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


def count(run: ScoredRun, config: ReportConfig, key: str | None = None) -> Measured:
    """Count a run's rewards, in one pass over its parts.

    Args:
        run: the run.
        config: the configuration.
        key: column of the ids, if documents that come again are found by them.

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
    sources = _parts(run)
    reader = _reader(run, config, key)
    batches = list(in_batches(sources, lambda source: source.shard.stop - source.shard.start))
    log.info("reading the rewards of %d parts of %s", len(sources), run.uri)
    one_pass = Pass(batches, config.tasks.cpus, config.run.progress_s)
    measured: Measured = one_pass.merged(measure, Measured.merge, reader)
    return measured


def repeats_key(run: ScoredRun, config: ReportConfig) -> Literal["id", "text"] | None:
    """Return how documents that come again are found in a run; None if they are not.

    Raises:
        ConfigError: the run has no ids, and they are asked for.
    """
    by, has_ids = config.repeats.by, bool(run.shards) and "id" in schema_of(run).names
    if by == "id" and run.shards and not has_ids:
        raise ConfigError(
            f"repeats.by: {run.uri} has no ids; score with --input.id, or give --repeats.by text"
        )
    if by == "auto":
        return "id" if has_ids else "text" if config.corpus.excerpts else None
    return None if by == "none" else by


def see(run: ScoredRun, config: ReportConfig, measured: Measured) -> Seen:
    """Return the sketch of a run's texts, or of its ids if they are counted already.

    Raises:
        InputError: the corpus cannot be read.
    """
    if repeats_key(run, config) != "text" or not run.shards:
        return measured.seen
    columns = judged_columns(run)
    reader = _reader(run, config, None)
    corpus, now = present_corpus(run, config)
    units = {file.path: now(file).to_do() for file in run.files}
    return count_texts(
        units, _parts(run), reader, corpus, columns, config.tasks.cpus, config.run.progress_s
    )


def judged_columns(run: ScoredRun) -> list[str]:
    """Return the columns of the corpus that the judge of a run has read."""
    inputs = run.stored["config"]["input"]
    named = (inputs.get(name) for name in ("text", "prompt", "completion", "messages"))
    return [name for name in named if name]


def _parts(run: ScoredRun) -> list[NightPart]:
    partitions = {f.path: f.units[0].partition for f in run.files if f.units}
    rows = {file.path: file.rows for file in run.files}
    return [NightPart(s, partitions.get(s.file, {}), rows[s.file]) for s in run.shards]


def _reader(run: ScoredRun, config: ReportConfig, key: str | None) -> PartReader:
    by = [ColumnPath(name) for name in config.by]
    own = sorted({path.column for path in by} & set(schema_of(run).names))
    return PartReader(
        parts=run.parts,
        fingerprint=run.fingerprint,
        column=ColumnPath(config.rewards.column),
        by=by,
        own=own,
        cut=config.page.cut,
        key=key,
    )
