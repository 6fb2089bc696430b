"""What files' footers say, and whether they fit the configuration.

A file's footer tells its rows and sizes without reading a row; footers are read by tasks, many at
once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa

from rm_ray.config import CorpusConfig, InputConfig
from rm_ray.corpus.alone import each_file, read_or_say
from rm_ray.corpus.bounds import Bounds, bounds_of, has_bounds
from rm_ray.corpus.columns import (
    in_the_way,
    is_chat,
    is_text,
    is_tools,
    places,
    plain,
    text_columns,
    type_at,
)
from rm_ray.corpus.files import (
    InputFile,
)
from rm_ray.corpus.int96 import misread_columns
from rm_ray.corpus.parquet import (
    Unreadable,
    as_parquet,
    compressed_bytes,
    open_file,
)
from rm_ray.corpus.profile import Profile
from rm_ray.corpus.sizes import text_sizes
from rm_ray.errors import InputError
from rm_ray.parquet.readable import readable

# What else is asked of an open file; it travels to tasks.
Describe = Callable[[BinaryIO], Any]


@dataclass(frozen=True)
class Footer:
    """What one file's footer says. Lists have one entry a row group.

    `text_bytes`: the size of the documents, decoded. `profiles`: where it lies in row groups whose
    rows are uneven, by number, as far as it was measured. `bounds`: of copied columns of numbers
    and times, where the footer says them. `file_bytes`: what all columns take in the file.
    `unreadable`: columns that cannot be read as they are, and why; those that pyarrow cannot read
    at all are not in the schema. `described`: what else was asked of the file.
    """

    rows: list[int]
    text_bytes: list[int]
    schema: pa.Schema
    bounds: dict[str, Bounds] = field(default_factory=dict)
    file_bytes: list[int] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    described: Any = None
    profiles: dict[int, Profile] = field(default_factory=dict)


def read_footers(
    files: Sequence[InputFile],
    config: CorpusConfig,
    describe: Describe | None = None,
    values_of: Sequence[str] = (),
) -> tuple[dict[str, Footer], dict[str, str]]:
    """The footers of the files, by path, read by tasks; and the files skipped, with the reason.

    Args:
        files: whose footers are read.
        config: of the corpus. For scoring, it names the columns that each file must have.
        describe: what else is asked of each open file.
        values_of: columns whose values will be read, beside the copied ones.

    Raises:
        InputError: a file cannot be read or is not Parquet (and is not to be skipped), or lacks a
            configured column.
        ClusterError: a machine does not find a file that this one finds.
    """
    footers: dict[str, Footer] = {}
    skipped: dict[str, str] = {}
    for file, footer in each_file(_read_footers, files, config, describe, values_of):
        if isinstance(footer, Unreadable):
            skipped[file.path] = str(footer)
            continue
        if isinstance(config, InputConfig):
            check_columns(file, footer, config)
        footers[file.path] = footer
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
        check_readable(key, name, file.path, footer.unreadable)
        found = places(schema, name)
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
        raise InputError(_say_wrong_type(key, name, kind=kind, file=file, schema=schema))


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


def _read_footers(
    files: Sequence[InputFile],
    config: CorpusConfig,
    describe: Describe | None,
    values_of: Sequence[str],
) -> list[Footer | Unreadable]:
    """Footers, or why there is none."""
    return [_read_footer(file, config, describe, values_of) for file in files]


def _read_footer(
    file: InputFile,
    config: CorpusConfig,
    describe: Describe | None = None,
    values_of: Sequence[str] = (),
) -> Footer | Unreadable:
    scoring = config if isinstance(config, InputConfig) else None
    documents = scoring.documents.values() if scoring else ()
    copied = scoring.carried.values() if scoring else ()

    def read() -> Footer:
        with open_file(file.path, config.storage) as opened:
            metadata, unreadable = readable(opened)
            schema = as_parquet(opened, metadata, 0).schema_arrow
            unreadable |= misread_columns(opened, metadata, [*copied, *values_of])
            described = describe(opened) if describe else None
            text = text_sizes(opened, metadata, documents)
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        return Footer(
            rows=[group.num_rows for group in groups],
            text_bytes=text.bytes,
            profiles=text.profiles,
            schema=schema.remove_metadata(),
            bounds=_bounds(groups, schema, copied),
            file_bytes=[compressed_bytes(group) for group in groups],
            unreadable=unreadable,
            described=described,
        )

    return read_or_say(file, config, read)


def _bounds(groups: Sequence[Any], schema: pa.Schema, names: Iterable[str]) -> dict[str, Bounds]:
    """The bounds of the columns that have them, where the footer says them."""
    found = {}
    for name in names:
        kinds = [plain(type_at(schema, place)) for place in places(schema, name)]
        said = bounds_of(groups, name) if kinds and all(map(has_bounds, kinds)) else None
        if said is not None:
            found[name] = said
    return found
