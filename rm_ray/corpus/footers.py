"""What files' footers say, and whether they fit the configuration.

A file's footer tells its rows and sizes without reading a row; footers are read by Ray tasks, many
at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import pyarrow as pa
import ray

from rm_ray.config import InputConfig
from rm_ray.corpus.files import (
    InputFile,
)
from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import (
    Unreadable,
    column_bytes,
    is_bad_file,
    open_parquet,
)
from rm_ray.errors import ClusterError, InputError, short
from rm_ray.store.retry import BRIEF, patiently

FILES_PER_TASK = 64


Item = TypeVar("Item")


@dataclass(frozen=True)
class Footer:
    """What one file's footer says. Lists have one entry a row group.

    `text_bytes`: the text column's size, uncompressed but as encoded.
    """

    rows: list[int]
    text_bytes: list[int]
    schema: pa.Schema


def read_footers(
    files: Sequence[InputFile], config: InputConfig
) -> tuple[dict[str, Footer], dict[str, str]]:
    """The footers of the files, by path, read by Ray tasks; and the files skipped, with the reason.

    Raises:
        InputError: a file cannot be read or is not Parquet (and is not to be skipped), or lacks a
            configured column.
        ClusterError: a machine does not find a file that this one finds.
    """
    batches = list(_chunks(files, FILES_PER_TASK))
    tasks = [_read_footer_batch.remote(batch, config) for batch in batches]
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for batch, task in zip(batches, tasks, strict=True):
        results: list[Footer | Unreadable] = ray.get(task)
        for file, result in zip(batch, results, strict=True):
            footer = result.seen_from_here() if isinstance(result, NotFound) else result
            if isinstance(footer, Footer):
                check_columns(file, footer.schema, config)
                footers[file.path] = footer
            elif footer.bad_file and config.on_bad_file == "skip":
                skipped[file.path] = str(footer)
            elif isinstance(footer, NotFound):
                raise ClusterError(str(footer))
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
        return Unreadable(f"{file.path} {what}: {short(error)}", bad_file=True)
    except FileNotFoundError:
        return NotFound(file.path, config.storage)
    except OSError as error:
        message = f"cannot read {file.path}: {short(error)}"
        return Unreadable(message, bad_file=is_bad_file(error))


def _chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
