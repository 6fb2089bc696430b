"""The files of the corpus: what a path stands for, and whether a file is still what it was."""

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import unquote

from rm_ray.config import CorpusConfig, OutputConfig, StorageConfig
from rm_ray.corpus import passed_over
from rm_ray.corpus.listing import (
    Listed,
    full_path,
    has_signs,
    list_below,
    list_glob,
    literal_part,
    look_up,
)
from rm_ray.corpus.sniffing import may_be_parquet, parquet_among
from rm_ray.errors import InputError, short
from rm_ray.store.access import Request
from rm_ray.store.filesystem import open_filesystem, say_unversioned, version_of
from rm_ray.store.folder import absolute, place, same_store
from rm_ray.store.retry import patiently

# What Hive names the folder of the rows in which the column is null.
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class InputFile:
    """One Parquet file. `version`: etag or modification time, whatever the store has.

    `partition`: hive partition columns, from the `key=value` folders of its path.
    """

    path: str
    size: int
    version: str
    partition: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """What there is to read, sorted by path; `passed_over`: in words, what was found beside it."""

    files: list[InputFile]
    passed_over: str


Answer = TypeVar("Answer")
Choice = tuple[list[Listed], dict[str, set[str]]]


def check_paths(config: CorpusConfig, output: OutputConfig) -> None:
    """Refuse what can be known to be wrong before anything is listed.

    Raises:
        InputError: an input path is not there, or is the output folder, or in it.
    """
    check_apart(config, output)
    for path in config.paths:
        if not has_signs(path):
            _ask(path, config, look_up)


def check_apart(config: CorpusConfig, output: OutputConfig) -> None:
    """Refuse to read from the folder that is written to; the other way round is well.

    Raises:
        InputError: an input path is the output folder, or in it.
    """
    for path in config.paths:
        where = place(literal_part(path))
        if _is_own(where, config, output):
            raise InputError(
                f"{config.key}.path: {path} lies in this run's own output folder {output.path}; a "
                "run does not read what it writes: give another --output.path"
            )


def list_files(
    config: CorpusConfig, output: OutputConfig | None = None, planned: Collection[str] = ()
) -> Corpus:
    """Every Parquet file of the corpus, each once.

    A folder is searched to any depth; names that begin with `_` or `.` are not data. A file whose
    name tells no kind is read where its first bytes are those of a Parquet file. Output folders
    of runs are passed over, unless a path, or a glob by a name without signs, leads into them.

    Args:
        output: of this run, which no path or glob leads into.
        planned: paths of files planned before; such a file keeps its name where it has others.

    Raises:
        InputError: a path does not exist, cannot be listed, or holds no Parquet file; or a file
            in it whose name tells no kind cannot be read.
    """
    if not config.paths:
        raise InputError(f"{config.key}.path is an empty list")
    found: dict[str, Listed] = {}
    passed: dict[str, set[str]] = defaultdict(set)
    for path in config.paths:
        chosen, beside = _expand(path, config, output)
        found |= {file.path: file for file in chosen}
        for kind, names in beside.items():
            passed[kind] |= names
    files = _each_once(found.values(), planned)
    say_unversioned(file.path for file in files if not file.version)
    read = {*found, *(file.real for file in files), *map(absolute, config.paths)}
    said = {kind: names - read for kind, names in passed.items()}
    said[passed_over.TWICE] = found.keys() - {file.path for file in files}
    return Corpus(
        [InputFile(f.path, f.size, f.version, _partition(f.path)) for f in files],
        passed_over.say(said),
    )


def then_and_now(before: tuple[int | None, str | None], now: tuple[int, str]) -> str:
    """That a file has changed, by its sizes and versions."""
    return f"{before[0]:,} bytes, version {before[1]} then, {now[0]:,} bytes, version {now[1]} now"


def file_version(path: str, storage: StorageConfig) -> tuple[int, str]:
    """The size and version that the file has now, as `list_files` would give them."""
    info = open_filesystem(path, storage).info(path)
    return int(info["size"]), version_of(path, info)


def _is_own(where: str, config: CorpusConfig, output: OutputConfig | None) -> bool:
    """Whether a place, as `place` spells it, is in this run's output folder."""
    if output is None or not same_store(where, config.storage, output.storage):
        return False
    return f"{where}/".startswith(f"{place(output.path).rstrip('/')}/")


def _expand(path: str, config: CorpusConfig, output: OutputConfig | None) -> Choice:
    """The files that a path stands for, and by kind the names of what was found beside them."""
    if has_signs(path):
        return _ask(path, config, lambda fs, name: _of_glob(fs, name, config, output))
    if file := _ask(path, config, look_up):
        return [file], {}
    root, listed = _ask(path, config, lambda fs, name: (full_path(fs, name), list_below(fs, name)))
    return _of_folder(root, listed, config)


def _ask(path: str, config: CorpusConfig, question: Callable[[Any, str], Answer]) -> Answer:
    """What the path's filesystem answers, asked about the path as it spells it."""
    uri = absolute(path)
    try:
        fs = open_filesystem(uri, config.storage)
        request = Request("listing", path, config.storage, config.key)
        return patiently(lambda: question(fs, fs._strip_protocol(uri)), request)
    except FileNotFoundError:
        raise InputError(f"{config.key}.path: {path} does not exist") from None
    except (OSError, ValueError, ImportError) as error:
        hint = ""
        if uri.startswith("hf://"):
            hint = (
                " (hf:// needs the package huggingface_hub and a way to huggingface.co on every "
                "machine; without, give the folder of a download)"
            )
        raise InputError(f"{config.key}.path: cannot list {path}: {short(error)}{hint}") from None


def _of_folder(root: str, listed: list[Listed], config: CorpusConfig) -> Choice:
    found = _below(root, listed)
    if not found:
        raise InputError(f"{config.key}.path: {root} is an empty folder")
    runs = passed_over.run_folders(found)
    in_runs = tuple(f"{run}/" for run in runs)
    rest = {relative: file for relative, file in found.items() if not relative.startswith(in_runs)}
    passed_over.refuse_tables(config.key, root, rest)
    chosen = {file for relative, file in rest.items() if passed_over.is_data(relative)}
    named = {file.real for file in chosen}  # a link may name a file that has no ending itself
    chosen |= parquet_among(
        (f for relative, f in rest.items() if may_be_parquet(relative) and f.real not in named),
        config,
    )
    beside: dict[str, set[str]] = defaultdict(set)
    beside[passed_over.RUNS] = {f"{root}/{run}" for run in runs}
    is_run = "_rm_ray/run.json" in found  # which writes files of its own beside its parts
    for relative, file in rest.items():
        kind = None if file in chosen else passed_over.kind_of(relative)
        if kind and not (is_run and "/" not in relative):
            beside[kind].add(file.path)
    if not chosen:
        raise InputError(f"{config.key}.path: {passed_over.say_no_parquet(root, rest, beside)}")
    return list(chosen), beside


def _of_glob(fs: Any, glob: str, config: CorpusConfig, output: OutputConfig | None) -> Choice:
    root = full_path(fs, literal_part(glob))
    listed, pattern = list_glob(fs, glob)
    found = _below(root, listed)
    runs = passed_over.run_folders(found)
    own = {run for run in runs if _is_own(place(f"{root}/{run}"), config, output)}
    said = glob.removeprefix(literal_part(glob)).split("/")
    chosen: list[Listed] = []
    left: set[str] = set()
    for relative, file in found.items():
        if not pattern.match(file.path) or passed_over.is_state(relative):
            continue
        run = next((run for run in runs if relative.startswith(f"{run}/")), None)
        if run is None or (run not in own and relative[len(run) + 1 :].split("/")[0] in said):
            chosen.append(file)
        else:
            left.add(f"{root}/{run}")
    beside = {passed_over.RUNS: left}
    if not chosen:
        but = f"; passed over: {passed_over.say(beside)}" if left else ""
        raise InputError(f"{config.key}.path: nothing matches {full_path(fs, glob)}{but}")
    return chosen, beside


def _below(root: str, files: Iterable[Listed]) -> dict[str, Listed]:
    """The files by their paths as seen from a folder."""
    return {file.path.removeprefix(root).strip("/"): file for file in files}


def _each_once(files: Iterable[Listed], planned: Collection[str]) -> list[Listed]:
    """Of the names that lead to one file the first, or the one by which it was planned, though that
    is not among them.
    """
    files, known = list(files), {}
    if any(file.path not in planned for file in files):
        known = {os.path.realpath(path): path for path in planned if "://" not in path}
    names: dict[str, list[Listed]] = defaultdict(list)
    for file in files:
        if file.path not in planned and file.real in known:
            file = replace(file, path=known[file.real])
        names[file.real].append(file)
    first = [
        min(same, key=lambda file: (file.path not in planned, file.path)) for same in names.values()
    ]
    return sorted(first, key=lambda file: file.path)


def hive_names(path: str) -> Iterator[tuple[str, str, str]]:
    """The `key=value` folders of a path, with key and value as they are written."""
    for name in path.split("/")[:-1]:
        key, equals, value = name.partition("=")
        if key and equals:
            yield name, key, value


def _partition(path: str) -> dict[str, str | None]:
    return {
        key: None if value == HIVE_NULL else unquote(value) for _, key, value in hive_names(path)
    }
