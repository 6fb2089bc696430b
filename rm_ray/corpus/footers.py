"""Read the footers of files, and check that they fit the configuration.

The footer of a file gives its rows and sizes without reading a row. Tasks read many footers at
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
from rm_ray.corpus.tables.fields import (
    FROM_TABLE,
    SAME_NAMES,
    Names,
    Shown,
    renamed_within,
    stored_name,
    stored_names,
    table_name,
)
from rm_ray.errors import InputError
from rm_ray.parquet.readable import readable
from rm_ray.store.at_once import at_once

# Describes an open file in another way; the function is sent to tasks.
Describe = Callable[[BinaryIO], Any]


@dataclass(frozen=True)
class Footer:
    """A Footer holds the facts that one file's footer gives."""

    rows: list[int]
    """Number of rows of each row group."""
    text_bytes: list[int]
    """Bytes of the decoded documents of each row group."""
    schema: pa.Schema
    """Schema of the file, without columns that pyarrow cannot read at all; a file of a table has
    the table's columns, by the table's names."""
    bounds: dict[str, Bounds] = field(default_factory=dict)
    """Least and greatest value by copied column; numbers and times only, if the footer has them."""
    file_bytes: list[int] = field(default_factory=list)
    """Bytes that all columns of each row group take in the file."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Columns that cannot be read as they are, each with the reason."""
    described: Any = None
    """Result of the caller's `describe`; None without one."""
    profiles: dict[int, Profile] = field(default_factory=dict)
    """Spread of the text over the rows, by number of row group, for measured, uneven groups."""
    names: Names = field(default_factory=dict)
    """Names that the file has for the columns of its table, where they differ."""


def read_footers(
    files: Sequence[InputFile],
    config: CorpusConfig,
    describe: Describe | None = None,
    values_of: Sequence[str] = (),
) -> tuple[dict[str, Footer], dict[str, str]]:
    """Read the footers of the files in tasks.

    Args:
        files: the files.
        config: the configuration of the corpus. For scoring, it names the columns that each file
            must have.
        describe: called with each open file; its result is kept in the footer.
        values_of: columns whose values will be read, beside the copied columns.

    Returns:
        The footers by path, and the skipped files by path, each with the reason.

    Raises:
        InputError: a file cannot be read or is not Parquet, and bad files are not skipped; or a
            file lacks a configured column.
        ClusterError: a machine does not find a file that this machine finds.
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
    """Refuse a file that lacks a configured column, or whose documents are not of a text type.

    Raises:
        InputError: the file does not fit; the message names the column, the file and its columns.
    """
    schema = footer.schema
    configured = [*config.documents.items(), *(("input.keep", name) for name in config.keep)]
    configured += [("input.id", config.id)] if config.id else []
    for key, name in configured:
        check_readable(key, name, file.path, footer.unreadable)
        if renamed := renamed_within(footer.names, name):
            raise InputError(
                f"{key}: {name!r} is a struct, and {file.path} has its field {renamed[0]!r} under "
                "another name, or not as the table has it; name the fields one by one"
            )
        found_places = places(schema, name)
        if len(found_places) > 1:
            raise InputError(
                f"{key}: {file.path} has {len(found_places)} columns {name!r}, and it is not clear "
                "which is meant; give them different names"
            )
        if found_places or name in file.partition:
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
    """Refuse a column that cannot be read, or that is a field of a column that cannot be read.

    Raises:
        InputError: the column cannot be read; the message gives the reason.
    """
    for column, why in unreadable.items():
        if f"{name}.".startswith(f"{column}."):
            raise InputError(f"{key}: column {column!r} of {path} {why}")


def _say_wrong_type(key: str, name: str, kind: Any, file: InputFile, schema: pa.Schema) -> str:
    beginning = f"{key}: column {name!r} of {file.path} is {kind}, not"
    if key == "input.tools":
        return f"{beginning} lists of structs, or JSON"
    if key == "input.messages":
        fields = kind if isinstance(kind, pa.StructType) else ()
        inner = [field.name for field in fields if is_chat(field.type)]
        hint = f"; name its field, --input.messages {name}.{inner[0]}" if inner else ""
        return f"{beginning} lists of turns with a role and a content, or JSON of them{hint}"
    return f"{beginning} text; text columns: {', '.join(text_columns(schema)) or 'none'}"


def _say_missing(key: str, name: str, file: InputFile, schema: pa.Schema) -> str:
    names = [*schema.names, *(column for column in file.partition if column not in schema.names)]
    none = " (--input.id null for none)" if key == "input.id" else ""
    hint = "; --input.missing_columns null writes null where a file has no such column"
    return (
        f"{key}: {file.path} has no column {name!r}{none}; it has {', '.join(names) or 'none'}"
        f"{hint if key in ('input.id', 'input.keep') else ''}"
    )


def _read_footers(
    files: Sequence[InputFile],
    config: CorpusConfig,
    describe: Describe | None,
    values_of: Sequence[str],
) -> list[Footer | Unreadable]:
    """Read the footer of each file; an Unreadable if it has none that can be read."""
    return at_once(
        lambda file: _read_footer(file, config, describe, values_of), files, uri=files[0].path
    )


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
            shown = file.table.show(schema, file.partition) if file.table else Shown(schema, {}, {})
            names = shown.names
            checked = stored_names(names, [*copied, *values_of])
            unreadable |= misread_columns(opened, metadata, checked)
            described = describe(opened) if describe else None
            text = text_sizes(opened, metadata, stored_names(names, documents))
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        return Footer(
            rows=[group.num_rows for group in groups],
            text_bytes=text.bytes,
            profiles=text.profiles,
            schema=shown.schema.remove_metadata(),
            bounds=_bounds(groups, schema, copied, names),
            file_bytes=[compressed_bytes(group) for group in groups],
            unreadable={table_name(names, name): why for name, why in unreadable.items()}
            | shown.unreadable,
            described=described,
            names=names,
        )

    return read_or_say(file, config, read)


def _bounds(
    groups: Sequence[Any], schema: pa.Schema, wanted: Iterable[str], names: Names = SAME_NAMES
) -> dict[str, Bounds]:
    """Return the bounds of the columns whose bounds are in the footer."""
    bounds = {}
    for name in wanted:
        stored = stored_name(names, name)
        if stored == FROM_TABLE:
            continue
        if stored is None:
            bounds[name] = ()  # all its values are null
            continue
        kinds = [plain(type_at(schema, place)) for place in places(schema, stored)]
        column_bounds = bounds_of(groups, stored) if kinds and all(map(has_bounds, kinds)) else None
        if column_bounds is not None:
            bounds[name] = column_bounds
    return bounds
