"""Refuses filters that cannot run, before anything is counted or written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rm_ray.config import CorpusConfig, StorageConfig, as_list
from rm_ray.corpus.files import InputFile, file_version, then_and_now
from rm_ray.corpus.footers import Footer
from rm_ray.corpus.listing import literal_part
from rm_ray.counts.order import least_at
from rm_ray.errors import InputError, OutputError, short
from rm_ray.filter.column_checks import spoken_of
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.notes import Notes
from rm_ray.scored.run import ScoredPart, ScoredRun
from rm_ray.store.access import Request
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import absolute
from rm_ray.store.retry import patiently


def corpus_of(config: FilterConfig, run: ScoredRun) -> CorpusConfig:
    """Return the corpus that the filter's configuration gives, or else the scoring run's.

    Raises:
        InputError: the scoring run was given a relative path, and seems to have run in another
            folder.
    """
    if config.corpus.path is not None:
        return CorpusConfig(path=config.corpus.path, storage=config.corpus.storage)
    scored_input = run.stored["config"]["input"]
    # not checked with rewards.segments: segments name their files, and later segments may have
    # files elsewhere
    known = tuple(file.path for file in run.files) if config.rewards.segments is None else ()
    for path in [] if run.is_of_table else as_list(scored_input["path"]):
        # a relative path, kept as it was typed, means another place in another folder
        if "://" not in path and not Path(path).is_absolute() and known:
            start = absolute(literal_part(path))
            if not any(file.startswith(start) for file in known):
                raise InputError(
                    f"corpus.path: the scoring run was given the relative path {path} in another "
                    f"folder; give the corpus's full path (the run's first file was {known[0]})"
                )
    storage = config.corpus.storage
    if storage == StorageConfig():
        storage = StorageConfig.model_validate(scored_input["storage"])
    return CorpusConfig(path=scored_input["path"], storage=storage)


def scored_files(run: ScoredRun) -> list[InputFile]:
    """Return the files of the scoring run's plan, as the run saw the files; without files that have
    no planned row.
    """
    files = [
        InputFile(f.path, f.size, f.version, f.units[0].partition) for f in run.files if f.units
    ]
    return sorted(files, key=lambda file: file.path)


def check_named(run: ScoredRun, footers: Mapping[str, Footer], needs: str) -> None:
    """Refuse files of a table that have columns under other names, or columns that it dropped.

    A column that a file lacks altogether is fine: plain Parquet may differ in its columns too. A
    partition column that a file has beside the table is fine as well: some writers put it there.

    Args:
        run: the scoring run.
        footers: the footers of the files that are read, by path.
        needs: what needs the columns, in words.

    Raises:
        InputError: a file has such columns; the message says what to do.
    """
    for file in run.files:
        columns = footers[file.path].schema.names if file.path in footers and file.names else ()
        other = [
            name
            for name, stored in file.names.items()
            if stored or (stored is None and name in columns)
        ]
        if columns and other:
            raise InputError(
                f"corpus.path: {file.path} does not have the columns of its table as the table "
                f"has them now (first {min(other)}), so {needs} is not done from its files; copy "
                "the columns to the rewards (--input.keep of the scoring run) and write "
                "--output.kind ids or rewards, or rewrite the table's files"
            )


def as_they_are(files: Sequence[InputFile], corpus: CorpusConfig) -> list[InputFile]:
    """Return the files with their present sizes and versions.

    Raises:
        InputError: a file is gone, or cannot be read.
    """

    def now(file: InputFile) -> InputFile:
        request = Request("reading", file.path, corpus.storage, corpus.key)
        size, version = patiently(lambda: file_version(file.path, corpus.storage), request)
        return replace(file, size=size, version=version)

    try:
        return at_once(now, files)
    except OSError as error:
        raise InputError(
            f"corpus.path: cannot read a file that was scored: {short(error)}"
        ) from None


def by_file(parts: Iterable[ScoredPart]) -> dict[str, list[ScoredPart]]:
    """Group parts by the corpus file of their rows, in order."""
    grouped: dict[str, list[ScoredPart]] = {}
    for part in parts:
        grouped.setdefault(part.shard.file, []).append(part)
    return {
        file: sorted(of_file, key=lambda part: part.shard.start)
        for file, of_file in grouped.items()
    }


def check_threshold(config: FilterConfig, run: ScoredRun) -> None:
    """Refuse to cut an adaptive run elsewhere than at its threshold.

    Raises:
        InputError: the cut would be elsewhere. Each document was judged only until its side of the
            threshold was clear, so its reward is an estimate.
    """
    adaptive = run.stored["fingerprint"].get("judge.adaptive")
    if not adaptive or config.rewards.allow_partial:
        return
    threshold, rule = _threshold(adaptive), config.rule
    if threshold is None:
        raise InputError(
            f"rewards.path: {run.uri} judged each document only until it was clear on which side "
            "of a cut its reward lies, and the cut was known only as a band: jobs/select.py makes "
            "the exact cut; give --rewards.allow_partial to cut estimates"
        )
    cut = {"reward", "reward_stderr", "chunk_rewards"} & spoken_of(rule).keys()
    keeps_all = rule.choice is None and not config.output.buckets and not cut
    plain_reward = len(config.rewards.paths) == 1 and config.rewards.column == "reward"
    at = least_at("float32", threshold)  # rewards are float32, and so is a threshold that cuts them
    there = rule.min_reward is not None and least_at("float32", rule.min_reward) == at
    if not keeps_all and not (plain_reward and there and not cut):
        raise InputError(
            f"rewards.path: {run.uri} judged each document only until it was clear on which side "
            f"of {at:.9g} its reward lies, so only a cut at {at:.9g} is reliable: give "
            f"--rule.min_reward {at:.9g}, or --rewards.allow_partial to cut estimates"
        )


def _threshold(adaptive: Mapping[str, Any]) -> float | None:
    """Return the threshold that an adaptive run decided by; None if it had no single one.

    Runs of rm_ray before 0.10 name it; since then it is a band of no width.
    """
    if "threshold" in adaptive:
        return float(adaptive["threshold"])
    ends = {end for band in adaptive["bands"].values() for end in band}
    (only,) = ends if len(ends) == 1 else (None,)
    return None if only is None else float(only)


def check_same_files(
    found: Sequence[InputFile], runs: Sequence[ScoredRun], config: FilterConfig
) -> None:
    """Refuse rewards of another corpus, or of files that have changed.

    Args:
        found: the corpus's files as they are now.
        runs: the scoring runs.
        config: the filter's configuration.

    Raises:
        InputError: a file does not fit the rewards; the message names the file.
    """
    for run in runs:
        scored = {file.path: file for file in run.files}
        unknown = [file.path for file in found if file.path not in scored]
        if unknown and not config.rewards.allow_incomplete:
            none_scored = len(unknown) == len(found)
            problem = "are of another corpus" if none_scored else "do not cover the whole corpus"
            raise InputError(
                f"rewards.path: the rewards in {run.uri} {problem}: {len(unknown)} of {len(found)} "
                f"corpus files were not scored there, first {unknown[0]}; score these files first "
                "(the scoring run's command, given again, scores new files), or give "
                "--rewards.allow_incomplete"
            )
        for file in (file for file in found if file.path in scored):
            before = scored[file.path]
            if (file.size, file.version) != (before.size, before.version):
                raise InputError(
                    f"corpus.path: {file.path} has changed since {run.uri} scored it: "
                    f"{then_and_now((before.size, before.version), (file.size, file.version))}; "
                    "put the old file back, or score it again "
                    "(--run.rescore_changed) and filter into a new --output.path"
                )
    skipped = (runs[0].totals or {}).get("skipped_files", {}).keys()
    accounted_for = {file.path for file in found} | skipped
    with_rows = {file.path for file in runs[0].files if file.units}
    if config.corpus.path is None and (gone := with_rows - accounted_for):
        raise InputError(
            f"corpus.path: {len(gone)} files that {runs[0].uri} scored are gone, first "
            f"{min(gone)}; put them back, or name the files to filter in corpus.path"
        )


def check_unmoved(
    before: Sequence[Notes],
    found: Sequence[InputFile],
    parts: Sequence[Parts],
    runs: Sequence[ScoredRun],
    config: FilterConfig,
) -> None:
    """Refuse to go on if the rewards are not the rewards that the filter was planned with.

    Args:
        before: the notes of the plan's segments.
        found: the corpus's files as they are now.
        parts: the parts of each run, as they are now.
        runs: the scoring runs.
        config: the filter's configuration.

    Raises:
        OutputError: a file or part has changed, or more has been scored; the message names these.
    """
    if not before:
        return
    elsewhere = "the output so far was chosen by the old rewards: give a new --output.path"
    planned = {path: state for segment in before for path, state in segment.files.items()}
    for file in found:
        if (was := planned.get(file.path, (file.size, file.version))) != (file.size, file.version):
            raise OutputError(
                f"corpus.path: {file.path} has changed since this filter was planned: "
                f"{then_and_now(was, (file.size, file.version))}; give a new --output.path"
            )
    for number, run in enumerate(runs):
        read = {name: hash_ for segment in before for name, hash_ in segment.parts[number].items()}
        now = {part.shard.part: part for of_file in parts[number].values() for part in of_file}
        changed = [name for name, old in read.items() if name not in now or now[name].hash != old]
        added = [part for n, part in now.items() if part.shard.file in planned and n not in read]
        if changed:
            raise OutputError(
                f"rewards.path: {len(changed)} parts in {run.parts.uri} have changed since this "
                f"filter was planned ({', '.join(sorted(changed)[:3])}): documents were scored "
                f"again; {elsewhere}"
            )
        if added:
            raise OutputError(
                f"rewards.path: more rows of files that this filter has planned were scored since, "
                f"first {added[0].shard}; {_stay(before, runs)}give a new --output.path"
            )
    new = [file.path for file in found if file.path not in planned]
    relative = config.rule.relative or config.output.buckets or len(runs) > 1
    if new and relative:
        raise OutputError(
            f"output.path: {len(new)} files are new to this filter, first {new[0]}, and they would "
            f"change what is kept of the others; {_stay(before, runs)}give a new --output.path"
        )


def _stay(before: Sequence[Notes], runs: Sequence[ScoredRun]) -> str:
    """Tell how to leave out newly scored rows, if these are in segments of their own; else ""."""
    read = before[-1].segments
    if read == [run.segments for run in runs]:
        return ""
    segments = ",".join(map(str, read[0])) if len(read) == 1 else f"'{json.dumps(read)}'"
    return f"use only what was scored then: --rewards.segments {segments}, or "
