"""The files of the corpus: what a path stands for, and whether a file is still what it was."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.errors import InputError, short
from rm_ray.store.folder import absolute, open_filesystem
from rm_ray.store.retry import BRIEF, patiently


@dataclass(frozen=True)
class InputFile:
    """One Parquet file. `version`: etag or modification time, whatever the store has.

    `partition`: hive partition columns, from the `key=value` folders of its path.
    """

    path: str
    size: int
    version: str
    partition: dict[str, str] = field(default_factory=dict)


def list_files(config: InputConfig) -> list[InputFile]:
    """Every Parquet file of the corpus, each once, sorted by path.

    A folder is searched to any depth; names that begin with `_` or `.` are not data.

    Raises:
        InputError: a path does not exist, cannot be listed, or holds no Parquet file.
    """
    paths = [config.path] if isinstance(config.path, str) else config.path
    if not paths:
        raise InputError("input.path is an empty list")
    files = {file.path: file for path in paths for file in _expand(path, config.storage)}
    return [files[path] for path in sorted(files)]


def file_version(path: str, storage: StorageConfig) -> tuple[int, str]:
    """The size and version that the file has now, as `list_files` would give them."""
    info = open_filesystem(path, storage).info(path)
    return int(info["size"]), _version(info)


def _expand(path: str, storage: StorageConfig) -> Iterator[InputFile]:
    uri = absolute(path)
    try:
        fs = open_filesystem(uri, storage)
        bare = fs._strip_protocol(uri)
        chosen = patiently(lambda: _find(fs, bare, path), BRIEF)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"input.path: cannot list {path}: {short(error)}") from None
    for name, info in chosen.items():
        yield InputFile(
            path=name if "file" in fs.protocol else fs.unstrip_protocol(name),
            size=int(info["size"]),
            version=_version(info),
            partition=_partition(name),
        )


def _find(fs: Any, bare: str, path: str) -> dict[str, Any]:
    """What the store says of each file that a path stands for, by name."""
    if any(sign in bare for sign in "*?["):
        found = fs.glob(bare, detail=True)
        files = {name: info for name, info in found.items() if info["type"] == "file"}
        if not files:
            raise InputError(f"input.path: nothing matches {path}")
        return files
    try:
        info = fs.info(bare)
    except FileNotFoundError:
        raise InputError(f"input.path: {path} does not exist") from None
    if info["type"] == "file":
        return {bare: info}
    files = fs.find(bare, detail=True)
    if not files:
        raise InputError(f"input.path: {path} is an empty folder")
    chosen = {name: info for name, info in files.items() if _is_data(name.removeprefix(bare))}
    if not chosen:
        raise InputError(f"input.path: {path} holds {len(files)} files and none ends in .parquet")
    return chosen


def _is_data(relative: str) -> bool:
    parts = relative.strip("/").split("/")
    hidden = any(part.startswith(("_", ".")) for part in parts)
    return not hidden and parts[-1].endswith((".parquet", ".parq", ".pq"))


def _partition(path: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in path.split("/")[:-1])
    return {key: unquote(value) for key, equals, value in pairs if key and equals}


def _version(info: dict[str, Any]) -> str:
    for key in ("ETag", "etag", "mtime", "LastModified", "last_modified", "created"):
        if info.get(key):
            return str(info[key]).strip('"')
    return ""
