"""What a filter is refused for, before it counts or writes anything."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rm_ray.config import CorpusConfig, StorageConfig, as_list
from rm_ray.corpus.files import InputFile, file_version, then_and_now
from rm_ray.corpus.listing import literal_part
from rm_ray.errors import InputError, OutputError, short
from rm_ray.filter.column_checks import spoken_of
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.notes import Notes
from rm_ray.scored.run import ScoredPart, ScoredRun
from rm_ray.store.access import Request
from rm_ray.store.folder import absolute
from rm_ray.store.retry import patiently

# Files looked at at once.
_THREADS = 16


def corpus_of(config: FilterConfig, run: ScoredRun) -> CorpusConfig:
    """Where the corpus is: as the filter is told, or as the scoring run was.

    Raises:
        InputError: the scoring run was told a path as seen from another folder.
    """
    if config.corpus.path is not None:
        return CorpusConfig(path=config.corpus.path, storage=config.corpus.storage)
    told = run.stored["config"]["input"]
    # segments know their files, and later ones may lie elsewhere
    known = tuple(file.path for file in run.files) if config.rewards.segments is None else ()
    for path in as_list(told["path"]):
        # as it was typed, which is another place from another folder
        if "://" not in path and not Path(path).is_absolute() and known:
            start = absolute(literal_part(path))
            if not any(file.startswith(start) for file in known):
                raise InputError(
                    f"corpus.path: the scoring run was given {path}, as seen from another folder; "
                    f"say where that is (its first file was {known[0]})"
                )
    storage = config.corpus.storage
    if storage == StorageConfig():
        storage = StorageConfig.model_validate(told["storage"])
    return CorpusConfig(path=told["path"], storage=storage)


def scored_files(run: ScoredRun) -> list[InputFile]:
    """The corpus as the scoring run saw it, but for files that it has planned no row of."""
    files = [
        InputFile(f.path, f.size, f.version, f.units[0].partition) for f in run.files if f.units
    ]
    return sorted(files, key=lambda file: file.path)


def as_they_are(files: Sequence[InputFile], corpus: CorpusConfig) -> list[InputFile]:
    """The files with the sizes and versions that they have now.

    Raises:
        InputError: one is gone, or cannot be read.
    """

    def now(file: InputFile) -> InputFile:
        request = Request("reading", file.path, corpus.storage, corpus.key)
        size, version = patiently(lambda: file_version(file.path, corpus.storage), request)
        return replace(file, size=size, version=version)

    try:
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(now, files))
    except OSError as error:
        raise InputError(
            f"corpus.path: cannot read a file that was scored: {short(error)}"
        ) from None


def by_file(parts: Iterable[ScoredPart]) -> dict[str, list[ScoredPart]]:
    """Parts by the corpus file of their rows."""
    found: dict[str, list[ScoredPart]] = {}
    for part in parts:
        found.setdefault(part.shard.file, []).append(part)
    return {
        file: sorted(theirs, key=lambda part: part.shard.start) for file, theirs in found.items()
    }


def check_threshold(config: FilterConfig, run: ScoredRun) -> None:
    """Refuse to cut an adaptive run elsewhere than at its threshold.

    Raises:
        InputError: documents were judged only until their side of it was clear.
    """
    adaptive = run.stored["fingerprint"].get("judge.adaptive")
    if not adaptive or config.rewards.allow_partial:
        return
    threshold, rule = adaptive["threshold"], config.rule
    cut = {"reward", "reward_stderr", "chunk_rewards"} & spoken_of(rule).keys()
    whole = rule.choice is None and not config.output.buckets and not cut
    alone = len(config.rewards.paths) == 1 and config.rewards.column == "reward"
    if not whole and not (alone and rule.min_reward == threshold and not cut):
        raise InputError(
            f"rewards.path: {run.uri} judged each document only until it was clear on which side "
            f"of {threshold:g} its reward lies, so only a cut there means what it says: give "
            f"--rule.min_reward {threshold:g}, or --rewards.allow_partial to cut estimates"
        )


def check_same_files(
    found: Sequence[InputFile], runs: Sequence[ScoredRun], config: FilterConfig
) -> None:
    """Refuse rewards of another corpus, or of files that have changed.

    Raises:
        InputError: naming the file.
    """
    for run in runs:
        scored = {file.path: file for file in run.files}
        unknown = [file.path for file in found if file.path not in scored]
        if unknown and not config.rewards.allow_incomplete:
            none = len(unknown) == len(found)
            what = "are rewards of another corpus" if none else "do not have all of it"
            raise InputError(
                f"rewards.path: the rewards in {run.uri} {what}: {len(unknown)} of {len(found)} "
                f"corpus files were not scored there, first {unknown[0]}; score them first (the "
                "same command scores what is new), or give --rewards.allow_incomplete"
            )
        for file in (file for file in found if file.path in scored):
            before = scored[file.path]
            if (file.size, file.version) != (before.size, before.version):
                raise InputError(
                    f"corpus.path: {file.path} has changed since {run.uri} scored it: "
                    f"{then_and_now((before.size, before.version), (file.size, file.version))}; "
                    "put it back, or score it again "
                    "(--run.rescore_changed) and filter into a new --output.path"
                )
    skipped = (runs[0].totals or {}).get("skipped_files", {}).keys()
    there = {file.path for file in found} | skipped
    with_rows = {file.path for file in runs[0].files if file.units}
    if config.corpus.path is None and (gone := with_rows - there):
        raise InputError(
            f"corpus.path: {len(gone)} files that {runs[0].uri} scored are gone, first "
            f"{min(gone)}; put them back, or name those that are to be filtered"
        )


def check_unmoved(
    before: Sequence[Notes],
    found: Sequence[InputFile],
    parts: Sequence[Parts],
    runs: Sequence[ScoredRun],
    config: FilterConfig,
) -> None:
    """Refuse to go on with rewards that are not those that the filter was planned with.

    Raises:
        OutputError: naming the parts, or the files that have come.
    """
    if not before:
        return
    elsewhere = "what was filtered here is of the old rewards: give a new --output.path"
    planned = {path: what for each in before for path, what in each.files.items()}
    for file in found:
        if (was := planned.get(file.path, (file.size, file.version))) != (file.size, file.version):
            raise OutputError(
                f"corpus.path: {file.path} has changed since this filter was planned: "
                f"{then_and_now(was, (file.size, file.version))}; give a new --output.path"
            )
    for number, run in enumerate(runs):
        read = {name: said for each in before for name, said in each.parts[number].items()}
        now = {part.shard.part: part for theirs in parts[number].values() for part in theirs}
        moved = [name for name, said in read.items() if name not in now or now[name].hash != said]
        more = [part for n, part in now.items() if part.shard.file in planned and n not in read]
        if moved:
            raise OutputError(
                f"rewards.path: {len(moved)} parts in {run.parts.uri} are not those that this "
                f"filter was planned with ({', '.join(sorted(moved)[:3])}): documents were scored "
                f"again since; {elsewhere}"
            )
        if more:
            raise OutputError(
                f"rewards.path: more rows of files that this filter has planned were scored since, "
                f"first {more[0].shard}; {_stay(before, runs)}give a new --output.path"
            )
    new = [file.path for file in found if file.path not in planned]
    relative = config.rule.relative or config.output.buckets or len(runs) > 1
    if new and relative:
        raise OutputError(
            f"output.path: {len(new)} files are new to this filter, first {new[0]}, and what is "
            f"kept of the others depends on them; {_stay(before, runs)}give a new --output.path"
        )


def _stay(before: Sequence[Notes], runs: Sequence[ScoredRun]) -> str:
    """How to leave out what was scored since, if it lies in segments of its own."""
    read = before[-1].segments
    if read == [run.segments for run in runs]:
        return ""
    said = ",".join(map(str, read[0])) if len(read) == 1 else f"'{json.dumps(read)}'"
    return f"stay with what was there: --rewards.segments {said}, or "
