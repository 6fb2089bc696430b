"""What files' footers say, and whether they fit the configuration.

A file's footer tells its rows and sizes without reading a row; footers are read by Ray tasks, many
at once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import ray

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.columns import (
    in_the_way,
    is_chat,
    is_text,
    is_tools,
    places,
    text_columns,
    type_at,
)
from rm_ray.corpus.files import (
    InputFile,
)
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import (
    Unreadable,
    as_parquet,
    column_bounds,
    column_bytes,
    compressed_bytes,
    is_bad_file,
    open_file,
)
from rm_ray.errors import ClusterError, InputError, short
from rm_ray.parquet.readable import readable
from rm_ray.store.access import Request
from rm_ray.store.retry import patiently

FILES_PER_TASK = 64


Item = TypeVar("Item")
# What else is asked of an open file; it travels to tasks.
Describe = Callable[[BinaryIO], Any]


@dataclass(frozen=True)
class Footer:
    """What one file's footer says. Lists have one entry a row group.

    `text_bytes`: the size of the documents' columns, uncompressed but as encoded. `bounds`: the
    least and the greatest value of copied columns that are 64-bit integers, where it says.
    `file_bytes`: what all columns take in the file. `unreadable`: columns that pyarrow cannot read,
    which are not in the schema, and why. `described`: what else was asked of the file.
    """

    rows: list[int]
    text_bytes: list[int]
    schema: pa.Schema
    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)
    file_bytes: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    described: Any = None


def read_footers(
    files: Sequence[InputFile], config: CorpusConfig, describe: Describe | None = None
) -> tuple[dict[str, Footer], dict[str, str]]:
    """The footers of the files, by path, read by Ray tasks; and the files skipped, with the reason.

    Raises:
        InputError: a file cannot be read or is not Parquet (and is not to be skipped), or lacks a
            configured column.
        ClusterError: a machine does not find a file that this one finds.
    """
    scoring = config if isinstance(config, InputConfig) else None
    batches = list(_chunks(files, FILES_PER_TASK))
    tasks = [_read_footer_batch.remote(batch, config, describe) for batch in batches]
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for batch, task in zip(batches, tasks, strict=True):
        results: list[Footer | Unreadable] = ray.get(task)
        for file, result in zip(batch, results, strict=True):
            footer = result.seen_from_here() if isinstance(result, NotFound) else result
            if isinstance(footer, Footer):
                if scoring:
                    check_columns(file, footer, scoring)
                footers[file.path] = footer
            elif footer.bad_file and scoring and scoring.on_bad_file == "skip":
                skipped[file.path] = str(footer)
            elif isinstance(footer, NotFound):
                raise ClusterError(str(footer))
            else:
                hint = " (--input.on_bad_file skip goes on without it)"
                raise InputError(f"{footer}{hint if footer.bad_file and scoring else ''}")
    return footers, skipped


def check_columns(file: InputFile, footer: Footer, config: InputConfig) -> None:
    """Refuse a file without the configured columns, or whose text is not text.

    Raises:
        InputError: naming the column, the file and the columns there are.
    """
    schema = footer.schema
    wanted = [*config.documents.items(), *(("input.keep", name) for name in config.keep)]
    wanted += [("input.id", config.id)] if config.id else []
    for key, name in wanted:
        found = places(schema, name)
        if not found:
            check_readable(key, name, file.path, footer.unreadable)
        if len(found) > 1:
            raise InputError(
                f"{key}: {file.path} has {len(found)} columns {name!r}, and which is meant is not "
                "clear; give them different names"
            )
        if found or name in file.partition:
            continue
        if (other := in_the_way(schema, name)) is not None:
            raise InputError(
                f"{key}: {name!r} cannot be read from {file.path}, where {other.name!r} is "
                f"{other.type}; only fields of structs have a value in every row"
            )
        if key in config.documents or config.missing_columns == "fail":
            raise InputError(_say_missing(key, name, file, schema))
    for key, name in config.documents.items():
        place = places(schema, name)
        kind = type_at(schema, place[0]) if place else "a partition"
        holds = {"input.messages": is_chat, "input.tools": is_tools}.get(key, is_text)
        if place and (is_text(kind) or holds(kind)):
            continue
        raise InputError(_say_wrong_type(key, name, kind, file, schema))


def check_readable(key: str, name: str, path: str, unreadable: Mapping[str, str]) -> None:
    """Refuse a column, or a field of one, that is in a file and cannot be read.

    Raises:
        InputError: with the reason.
    """
    for column, why in unreadable.items():
        if f"{name}.".startswith(f"{column}."):
            raise InputError(f"{key}: column {column!r} of {path} {why}")


def _say_wrong_type(key: str, name: str, kind: Any, file: InputFile, schema: pa.Schema) -> str:
    said = f"{key}: column {name!r} of {file.path} is {kind}, not"
    if key == "input.tools":
        return f"{said} lists of structs, or JSON"
    if key == "input.messages":
        fields = kind if isinstance(kind, pa.StructType) else ()
        inner = [field.name for field in fields if is_chat(field.type)]
        hint = f"; name its field, --input.messages {name}.{inner[0]}" if inner else ""
        return f"{said} lists of turns with a role and a content, or JSON of them{hint}"
    return f"{said} text; text columns: {', '.join(text_columns(schema)) or 'none'}"


def _say_missing(key: str, name: str, file: InputFile, schema: pa.Schema) -> str:
    there = [*schema.names, *(one for one in file.partition if one not in schema.names)]
    none = " (--input.id null for none)" if key == "input.id" else ""
    hint = "; --input.missing_columns null writes null where a file has no such column"
    return (
        f"{key}: {file.path} has no column {name!r}{none}; it has {', '.join(there) or 'none'}"
        f"{hint if key in ('input.id', 'input.keep') else ''}"
    )


@ray.remote(num_cpus=0.5, max_retries=3)
def _read_footer_batch(
    files: Sequence[InputFile], config: CorpusConfig, describe: Describe | None
) -> list[Footer | Unreadable]:
    """Footers, or why there is none."""
    return [_read_footer(file, config, describe) for file in files]


def _read_footer(
    file: InputFile, config: CorpusConfig, describe: Describe | None
) -> Footer | Unreadable:
    def read() -> Footer:
        with open_file(file.path, config.storage) as opened:
            metadata, unreadable = readable(opened)
            schema = as_parquet(opened, metadata, 0).schema_arrow
            described = describe(opened) if describe else None
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        documents = config.documents.values() if isinstance(config, InputConfig) else ()
        return Footer(
            rows=[group.num_rows for group in groups],
            text_bytes=[sum(column_bytes(group, name) for name in documents) for group in groups],
            schema=schema.remove_metadata(),
            bounds=_bounds(groups, schema, config) if isinstance(config, InputConfig) else {},
            file_bytes=[compressed_bytes(group) for group in groups],
            unreadable=unreadable,
            described=described,
        )

    try:
        return patiently(read, Request("reading", file.path, config.storage, config.key))
    except pa.ArrowException as error:
        what = f"is not a readable Parquet file ({file.size:,} bytes)"
        return Unreadable(f"{file.path} {what}: {short(error)}", bad_file=True)
    except FileNotFoundError:
        return NotFound(file.path, config.storage)
    except OSError as error:
        message = f"cannot read {file.path}: {short(error)}"
        return Unreadable(message, bad_file=is_bad_file(error))


def _bounds(
    groups: Sequence[Any], schema: pa.Schema, config: InputConfig
) -> dict[str, tuple[int, int]]:
    found = {}
    for name in config.carried.values():
        kinds = {type_at(schema, place) for place in places(schema, name)}
        if kinds <= {pa.int64(), pa.uint64()}:
            values = [value for group in groups for value in column_bounds(group, name)]
            if values:
                found[name] = min(values), max(values)
    return found


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
