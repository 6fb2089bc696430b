"""List the files of the corpus that its paths stand for, and give the version a file has now."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any
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
from rm_ray.corpus.paths import ask_about, is_own_output
from rm_ray.corpus.sniffing import may_be_parquet, parquet_among
from rm_ray.corpus.tables.fields import TableFields
from rm_ray.corpus.tables.opening import open_table
from rm_ray.corpus.tables.snapshot import Snapshot, TableFile
from rm_ray.errors import InputError, short
from rm_ray.store.access import Request
from rm_ray.store.at_once import at_once
from rm_ray.store.filesystem import open_filesystem, say_unversioned, version_of
from rm_ray.store.folder import absolute, place
from rm_ray.store.retry import patiently

# Hive's name for the value of a partition folder whose column is null.
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class InputFile:
    """An input file is one Parquet file of the corpus."""

    path: str
    """Path or URI of the file."""
    size: int
    """Size of the file in bytes."""
    version: str
    """Etag or modification time, depending on the store."""
    partition: dict[str, str | None] = field(default_factory=dict)
    """Hive partition columns, from the `key=value` folders of the path, or from the table; None for
    null."""
    table: TableFields | None = None
    """The columns of the table that the file is of; None for a file of no table."""


@dataclass(frozen=True)
class Corpus:
    """A corpus is all files that a run reads."""

    files: list[InputFile]
    """Files to read, sorted by path."""
    passed_over: str
    """Message about the files that were found and are not read; "" if there are none."""
    snapshot: Snapshot | None = None
    """The snapshot of the table; None if the corpus is no table."""


# Files to read, and the names of files and folders that are passed over, by kind.
Choice = tuple[list[Listed], dict[str, set[str]]]
# Chooses the files of a folder, given its path and all files below it.
OfFolder = Callable[[str, list[Listed], CorpusConfig], Choice]


def list_files(
    config: CorpusConfig,
    output: OutputConfig | None = None,
    planned: Collection[str] = (),
    of_folder: OfFolder | None = None,
) -> Corpus:
    """List every Parquet file of the corpus once.

    A folder is searched to any depth; names that begin with `_` or `.` are not data. A file whose
    name does not tell its format is read if its first bytes are the first bytes of a Parquet file.
    Output folders of runs are passed over, unless a path leads into them, or a glob that names
    them literally.

    Args:
        config: the configuration of the corpus.
        output: the output of this run, which no path or glob leads into.
        planned: paths of files that are already planned. Such a file keeps its planned name, even
            if it is found under other names.
        of_folder: chooses the files of a folder, for a corpus of another format; None for Parquet.

    Raises:
        InputError: a path does not exist, cannot be listed, or holds no Parquet file; or a file
            below it, whose name does not tell its format, cannot be read.
    """
    if not config.paths:
        raise InputError(f"{config.key}.path is an empty list")
    if snapshot := open_table(config):
        return Corpus(_of_table(snapshot, config), "", snapshot)
    by_path: dict[str, Listed] = {}
    passed: dict[str, set[str]] = defaultdict(set)
    for path in config.paths:
        chosen, beside = _expand(path, config, output, of_folder or _of_folder)
        by_path |= {file.path: file for file in chosen}
        for kind, names in beside.items():
            passed[kind] |= names
    files = _each_once(by_path.values(), planned)
    _check_unicode(files, config)
    say_unversioned(file.path for file in files if not file.version)
    read = {*by_path, *(file.real for file in files), *map(absolute, config.paths)}
    unread = {kind: names - read for kind, names in passed.items()}
    unread[passed_over.TWICE] = by_path.keys() - {file.path for file in files}
    return Corpus(
        [InputFile(f.path, f.size, f.version, _partition(f.path)) for f in files],
        passed_over.say(unread),
    )


def _check_unicode(files: Iterable[Listed], config: CorpusConfig) -> None:
    """Refuse a path that is no UTF-8, since no output file can name it; and a `key=value` folder
    whose value is no UTF-8, since two such values would become one.

    Raises:
        InputError: there is such a path or folder.
    """
    for file in files:
        shown = file.path.encode("utf-8", "backslashreplace").decode()
        if shown != file.path:
            raise InputError(
                f"{config.key}.path: the name of {shown} is not UTF-8: rename the file"
            )
        for name, _, value in hive_names(file.path) if "%" in file.path else ():
            try:
                unquote(value, errors="strict")
            except UnicodeDecodeError:
                raise InputError(
                    f"{config.key}.path: the value of the folder {name} is not UTF-8, in "
                    f"{file.path}: rename the folder"
                ) from None


def _of_table(snapshot: Snapshot, config: CorpusConfig) -> list[InputFile]:
    """Return the files of a snapshot, with the sizes and versions that they have in the store.

    Raises:
        InputError: a file is gone, or named twice; or the snapshot has no file.
    """
    if not snapshot.files:
        raise InputError(f"{config.key}.path: {snapshot} has no files")
    # one file may stand under two names: ./a.parquet, s3a:// and s3://, links
    named = sorted((place(file.path), file.path) for file in snapshot.files)
    if twice := [path for (at, path), (next_at, _) in pairwise(named) if at == next_at]:
        raise InputError(
            f"{config.key}.path: {snapshot} names {twice[0]} twice, so its rows count twice in the "
            "table; repair the table"
        )

    def look(file: TableFile) -> InputFile:
        request = Request("listing", file.path, config.storage, config.key)
        size, version = patiently(lambda: file_version(file.path, config.storage), request)
        return InputFile(file.path, size, version, file.partition, snapshot.fields)

    try:
        return at_once(look, snapshot.files)
    except FileNotFoundError as error:
        raise InputError(
            f"{config.key}.path: {snapshot} names a file that is gone: {short(error)}; it was "
            f"removed (VACUUM, expire_snapshots): give a newer {config.key}.snapshot"
        ) from None
    except (OSError, ValueError, ImportError) as error:
        raise InputError(
            f"{config.key}.path: cannot read a file of {snapshot}: {short(error)}"
        ) from None


def then_and_now(before: tuple[int | None, str | None], now: tuple[int, str]) -> str:
    """Say how a file has changed: its size and version then, and now."""
    return f"{before[0]:,} bytes, version {before[1]} then, {now[0]:,} bytes, version {now[1]} now"


def file_version(path: str, storage: StorageConfig) -> tuple[int, str]:
    """Return the size and version that the file has now, as `list_files` would give it."""
    info = open_filesystem(path, storage).info(path)
    return int(info["size"]), version_of(path, info)


def _expand(
    path: str,
    config: CorpusConfig,
    output: OutputConfig | None,
    of_folder: OfFolder,
) -> Choice:
    """Return the files that a path stands for, and the names that are passed over, by kind."""
    if has_signs(path):
        return ask_about(path, config, lambda fs, name: _of_glob(fs, name, config, output))
    if file := ask_about(path, config, look_up):
        return [file], {}
    root, listed = ask_about(
        path, config, lambda fs, name: (full_path(fs, name), list_below(fs, name))
    )
    for table, names in ask_about(path, config, _tables_above):
        passed_over.refuse_tables(config.key, table, names)
    return of_folder(root, listed, config)


def _tables_above(fs: Any, folder: str) -> list[tuple[str, list[str]]]:
    """Return the tables that a folder may be a partition of, with the files of their logs.

    A partition of a table holds deleted rows and old versions, as the table's folder does.
    """
    above = re.sub(r"(/[^/=]+=[^/]*)*/*$", "", folder)
    below = folder.rstrip("/") != above
    roots = {above: "_delta_log"} if below else {}
    if above.endswith("/data"):
        roots[above.removesuffix("/data")] = "metadata"
    found = []
    for root, log in roots.items():
        try:
            names = [file.path.rpartition("/")[2] for file in list_below(fs, f"{root}/{log}", 1)]
        except (FileNotFoundError, PermissionError):
            continue  # there is no log, or only the folder itself may be read
        found.append((full_path(fs, root), [f"{log}/{name}" for name in names]))
    return found


def _of_folder(root: str, listed: list[Listed], config: CorpusConfig) -> Choice:
    by_relative = below(root, listed)
    if not by_relative:
        raise InputError(f"{config.key}.path: {root} is an empty folder")
    runs = passed_over.run_folders(by_relative)
    in_runs = tuple(f"{run}/" for run in runs)
    rest = {
        relative: file for relative, file in by_relative.items() if not relative.startswith(in_runs)
    }
    passed_over.refuse_tables(config.key, root, rest)
    chosen = {file for relative, file in rest.items() if passed_over.is_data(relative)}
    named = {file.real for file in chosen}  # a link may name a file that has no ending itself
    chosen |= parquet_among(
        (f for relative, f in rest.items() if may_be_parquet(relative) and f.real not in named),
        config,
    )
    beside: dict[str, set[str]] = defaultdict(set)
    beside[passed_over.RUNS] = {f"{root}/{run}" for run in runs}
    # a run writes files of its own beside its parts
    is_run = "_rm_ray/run.json" in by_relative
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
    by_relative = below(root, listed)
    runs = passed_over.run_folders(by_relative)
    own = {run for run in runs if is_own_output(place(f"{root}/{run}"), config, output)}
    literals = glob.removeprefix(literal_part(glob)).split("/")
    chosen: list[Listed] = []
    left: set[str] = set()
    for relative, file in by_relative.items():
        if not pattern.match(file.path) or passed_over.is_state(relative):
            continue
        run = next((run for run in runs if relative.startswith(f"{run}/")), None)
        if run is None or (run not in own and relative[len(run) + 1 :].split("/")[0] in literals):
            chosen.append(file)
        else:
            left.add(f"{root}/{run}")
    beside = {passed_over.RUNS: left}
    if not chosen:
        addition = f"; passed over: {passed_over.say(beside)}" if left else ""
        raise InputError(f"{config.key}.path: nothing matches {full_path(fs, glob)}{addition}")
    return chosen, beside


def below(root: str, files: Iterable[Listed]) -> dict[str, Listed]:
    """Return the files, by path relative to a folder."""
    return {file.path.removeprefix(root).strip("/"): file for file in files}


def _each_once(files: Iterable[Listed], planned: Collection[str]) -> list[Listed]:
    """Return each file once: under the name by which it was planned, or else its first name.

    The planned name wins even if no listed name is equal to it.
    """
    files, known = list(files), {}
    if any(file.path not in planned for file in files):
        known = {os.path.realpath(path): path for path in planned if "://" not in path}
    names: dict[str, list[Listed]] = defaultdict(list)
    for file in files:
        if file.path not in planned and file.real in known:
            file = replace(file, path=known[file.real])
        names[file.real].append(file)
    chosen = [
        min(same, key=lambda file: (file.path not in planned, file.path)) for same in names.values()
    ]
    return sorted(chosen, key=lambda file: file.path)


def hive_names(path: str) -> Iterator[tuple[str, str, str]]:
    """Yield the name, key and value of each `key=value` folder of a path, as written there."""
    for name in path.split("/")[:-1]:
        key, equals, value = name.partition("=")
        if key and equals:
            yield name, key, value


def value_of(text: str) -> str | None:
    """Return the value that the text of a `key=value` folder stands for; None for null."""
    return None if text == HIVE_NULL else unquote(text)


def _partition(path: str) -> dict[str, str | None]:
    return {key: value_of(value) for _, key, value in hive_names(path)}
