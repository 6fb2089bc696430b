"""The corpus: which files it has, what their footers say, whether they fit the configuration.

A file's footer tells its rows and sizes without reading a row; footers are read by Ray tasks, many
at once. Knows nothing of shards.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from rm_ray.config import InputConfig, StorageConfig
from rm_ray.errors import InputError
from rm_ray.store.folder import absolute, open_filesystem
from rm_ray.store.retry import BRIEF, patiently

FILES_PER_TASK = 64
# Row groups of more than this are streamed instead of fetched whole.
STREAMED_BYTES = 64 << 20
BUFFER_BYTES = 4 << 20
Item = TypeVar("Item")


@dataclass(frozen=True)
class InputFile:
    """One Parquet file. `version`: etag or modification time, whatever the store has.

    `partition`: hive partition columns, from the `key=value` folders of its path.
    """

    path: str
    size: int
    version: str
    partition: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Footer:
    """What one file's footer says. Lists have one entry a row group.

    `text_bytes`: the text column's size, uncompressed but as encoded.
    """

    rows: list[int]
    text_bytes: list[int]
    schema: pa.Schema


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


def read_footers(
    files: Sequence[InputFile], config: InputConfig
) -> tuple[dict[str, Footer], dict[str, str]]:
    """The footers of the files, by path, read by Ray tasks; and the files skipped, with the reason.

    Raises:
        InputError: a file cannot be read or is not Parquet (and is not to be skipped), or lacks a
            configured column.
    """
    batches = list(_chunks(files, FILES_PER_TASK))
    tasks = [_read_footer_batch.remote(batch, config) for batch in batches]
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for batch, task in zip(batches, tasks, strict=True):
        results: list[Footer | Unreadable] = ray.get(task)
        for file, footer in zip(batch, results, strict=True):
            if isinstance(footer, Footer):
                check_columns(file, footer.schema, config)
                footers[file.path] = footer
            elif footer.bad_file and config.on_bad_file == "skip":
                skipped[file.path] = str(footer)
            else:
                hint = " (--input.on_bad_file skip goes on without it)" if footer.bad_file else ""
                raise InputError(f"{footer}{hint}")
    return footers, skipped


def check_columns(file: InputFile, schema: pa.Schema, config: InputConfig) -> None:
    """Refuse a file without the configured columns, or whose text is not text.

    Raises:
        InputError: naming the column, the file and the columns there are.
    """
    there = [*schema.names, *(name for name in file.partition if name not in schema.names)]
    wanted = {"input.text": [config.text], "input.keep": config.keep}
    wanted["input.id"] = [config.id] if config.id else []
    for key, names in wanted.items():
        for name in names:
            if name not in there:
                hint = " (--input.id null for none)" if key == "input.id" else ""
                raise InputError(
                    f"{key}: {file.path} has no column {name!r}{hint}; "
                    f"it has {', '.join(there) or 'none'}"
                )
    if config.text not in schema.names or not is_text(schema.field(config.text).type):
        kind = schema.field(config.text).type if config.text in schema.names else "a partition"
        raise InputError(
            f"input.text: column {config.text!r} of {file.path} is {kind}, not text; "
            f"text columns: {', '.join(f.name for f in schema if is_text(f.type)) or 'none'}"
        )


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type can hold documents."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


class Unreadable(OSError):
    """A file, or some of it, cannot be read.

    `bad_file`: for what the file is, and not for what the store or the network did. `may_pass`:
    whether trying again may help; a body that was cut short makes a good file look bad.
    """

    def __init__(self, message: str, *, bad_file: bool, may_pass: bool = True) -> None:
        super().__init__(message)
        self.bad_file = bad_file
        self.may_pass = may_pass

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(Unreadable, bad_file=self.bad_file, may_pass=self.may_pass)
        return make, (str(self),)


def is_bad_file(error: Exception) -> bool:
    """Whether an error of reading tells of the file, and not of the store.

    Arrow raises ArrowInvalid, or a bare OSError without a number; those of stores have one.
    """
    bare = type(error) is OSError and error.errno is None
    return isinstance(error, pa.ArrowException | FileNotFoundError) or bare


@contextmanager
def open_parquet(
    path: str, storage: StorageConfig, groups: range | None = None, columns: Sequence[str] = ()
) -> Iterator[pq.ParquetFile]:
    """The file opened for reading those row groups; ranges of small ones are fetched together.

    Large ones are streamed through a buffer, so that memory does not grow with the file.
    """
    fs = open_filesystem(path, storage)
    # Arrow asks for large ranges itself: a read-ahead cache would fetch them twice
    options = {} if "file" in fs.protocol else {"cache_type": "none"}
    with fs.open(path, "rb", **options) as file:
        metadata = pq.read_metadata(file)
        size = sum(
            column_bytes(metadata.row_group(group), name, compressed=True)
            for group in groups or ()
            for name in columns
        )
        whole = size <= STREAMED_BYTES
        yield pq.ParquetFile(
            file, metadata=metadata, pre_buffer=whole, buffer_size=0 if whole else BUFFER_BYTES
        )


def file_version(path: str, storage: StorageConfig) -> tuple[int, str]:
    """The size and version that the file has now, as `list_files` would give them."""
    info = open_filesystem(path, storage).info(path)
    return int(info["size"]), _version(info)


@ray.remote(num_cpus=0.5, max_retries=3)
def _read_footer_batch(
    files: Sequence[InputFile], config: InputConfig
) -> list[Footer | Unreadable]:
    """Footers, or why there is none."""
    return [_read_footer(file, config) for file in files]


def _read_footer(file: InputFile, config: InputConfig) -> Footer | Unreadable:
    def read() -> Footer:
        with open_parquet(file.path, config.storage) as parquet:
            metadata, schema = parquet.metadata, parquet.schema_arrow
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        return Footer(
            rows=[group.num_rows for group in groups],
            text_bytes=[column_bytes(group, config.text) for group in groups],
            schema=schema.remove_metadata(),
        )

    try:
        return patiently(read, BRIEF)
    except pa.ArrowException as error:
        what = f"is not a readable Parquet file ({file.size:,} bytes)"
        return Unreadable(f"{file.path} {what}: {_short(error)}", bad_file=True)
    except OSError as error:
        message = f"cannot read {file.path}: {_short(error)}"
        return Unreadable(message, bad_file=is_bad_file(error))


def column_bytes(group: Any, name: str, *, compressed: bool = False) -> int:
    """Bytes that a column takes in a row group, as encoded."""
    size = "total_compressed_size" if compressed else "total_uncompressed_size"
    columns = (group.column(i) for i in range(group.num_columns))
    # a nested column has many of Parquet's, all below its name
    mine = (c for c in columns if f"{c.path_in_schema}.".startswith(f"{name}."))
    return sum(int(getattr(column, size)) for column in mine)


def _expand(path: str, storage: StorageConfig) -> Iterator[InputFile]:
    uri = absolute(path)
    try:
        fs = open_filesystem(uri, storage)
        bare = fs._strip_protocol(uri)
        chosen = patiently(lambda: _find(fs, bare, path), BRIEF)
    except (OSError, ValueError, ImportError) as error:
        raise InputError(f"input.path: cannot list {path}: {_short(error)}") from None
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


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
