"""Decide which listed files a run does not read, and say so.

A file that could be data is never left out in silence. Pure functions.
"""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from rm_ray.errors import InputError

PARQUET = (".parquet", ".parq", ".pq")
# The job that converts JSON Lines, as `READERS` names it, and endings of what it unpacks.
CONVERT = "jobs/convert.py"
UNPACKED = {"", "gz", "zst", "bz2", "xz"}
# Endings of other formats that could be data. DuckDB reads some, with the functions named here.
READERS = {
    **dict.fromkeys(("jsonl", "ndjson", "json"), CONVERT),
    **dict.fromkeys(("csv", "tsv"), "read_csv"),
}
FORMATS = {*READERS, "arrow", "feather", "ipc", "orc", "avro", "tar", "lance"}
# Endings of compressed files.
PACKED = {"gz", "zst", "bz2", "xz", "lz4", "zip"}

# The kinds of files that are passed over, as messages name them.
OTHERS = "files that are not Parquet"
HIDDEN = "Parquet files that are hidden (_ or .)"
RUNS = "folders of runs"
TWICE = "files that are read under another name"

# For each kind of table: the path of a file that only this kind has, and DuckDB's function that
# reads the table. A Lance dataset is converted by this project's own job.
TABLES = {
    "a Delta table": (re.compile(r"(.*/)?_delta_log/.+"), "delta_scan"),
    "an Iceberg table": (re.compile(r"(.*/)?metadata/[^/]+\.metadata\.json"), "iceberg_scan"),
    "a Lance dataset": (re.compile(r"(.*/)?_versions/[^/]+\.manifest"), CONVERT),
}


# The beginning of the address of a table, by the function that reads it.
KINDS = {"delta_scan": "delta", "iceberg_scan": "iceberg"}


def is_data(relative: str) -> bool:
    """Return True if a file below an input folder is read."""
    return is_parquet(relative) and not is_hidden(relative)


def is_parquet(name: str) -> bool:
    """Return True if a file's name ends like the name of a Parquet file."""
    return name.lower().endswith(PARQUET)


def is_hidden(relative: str) -> bool:
    """Return True if the name, or a folder on the way to the file, begins with `_` or `.`."""
    return any(part.startswith(("_", ".")) for part in relative.split("/"))


def is_state(relative: str) -> bool:
    """Return True if the file lies in the `_rm_ray` folder, where a run keeps its own state."""
    return "_rm_ray" in relative.split("/")


def kind_of(relative: str) -> str | None:
    """Return the kind of data that a skipped file could be: `HIDDEN` or `OTHERS`.

    None for a file that is read, and for a file that is not data.
    """
    if is_parquet(relative):
        return HIDDEN if is_hidden(relative) and not is_state(relative) else None
    *stem, ending = endings = relative.rpartition("/")[2].lower().split(".")
    could_be = not stem or ending in FORMATS | PACKED or "parquet" in endings
    return OTHERS if could_be and not is_hidden(relative) else None


def run_folders(relatives: Iterable[str]) -> set[str]:
    """Return the folders that are the output of a run, but for the root, which holds all files."""
    matches = (re.fullmatch(r"(.+)/_rm_ray/run\.json", name) for name in relatives)
    return {match[1] for match in matches if match}


def refuse_tables(key: str, folder: str, relatives: Iterable[str]) -> None:
    """Refuse a folder that holds a table whose rows differ from the rows of its Parquet files.

    Args:
        key: the name of the section of the configuration that gives the folder.

    Raises:
        InputError: the folder holds a table; the message says what to do.
    """
    for name in relatives:
        for table, (file, reader) in TABLES.items():
            if match := file.fullmatch(name):
                where = f"{folder}/{match[1] or ''}".rstrip("/")
                raise InputError(f"{key}.path: {where} is {table}, {_way_out(key, reader, where)}")


def say_no_parquet(
    folder: str, relatives: Collection[str], beside: Mapping[str, Collection[str]]
) -> str:
    """Say that a folder holds nothing to read, and what converts its files: this project's own job
    for JSON Lines, DuckDB for some other formats.

    Args:
        folder: the path of the folder.
        relatives: the paths of its files, relative to the folder.
        beside: the files of the folder that were passed over, by kind.
    """
    message = f"{folder} holds {len(relatives)} files and no Parquet file"
    if also := say({kind: names for kind, names in beside.items() if kind != OTHERS}):
        return f"{message} that is to be read; passed over: {also}"
    endings = Counter(filter(None, map(_convertible, relatives)))
    if not endings:
        return message
    ending = endings.most_common(1)[0][0]
    nested = any("/" in name for name in relatives if name.endswith(ending))
    line = how_to_convert(ending, folder)
    if line is None:
        reader = READERS.get(ending.split(".")[1].lower(), "read_json")
        line = _duckdb(reader, f"{folder}/{'**/' if nested else ''}*{ending}")
    return f"{message}; only Parquet is read, and this converts its {ending} files: {line}"


def how_to_convert(name: str, path: str) -> str | None:
    """Return the command that converts JSON Lines, and the path to give then; None for files of
    another name.

    Args:
        name: the name of a file, or its ending.
        path: the input path.
    """
    parts = name.rpartition("/")[2].lower().split(".")
    packed = parts.pop() if parts[-1] in PACKED else ""
    if READERS.get(parts[-1]) != CONVERT or packed not in UNPACKED:
        return None
    return convert_command(path)


def convert_command(path: str) -> str:
    """Return the command that converts a path, and the path to give then."""
    words = ["python", CONVERT, "--input.path", path, "--output.path", "converted"]
    return f"{shlex.join(words)} (then --input.path converted/corpus)"


def say(passed: Mapping[str, Collection[str]]) -> str:
    """Say how many files of each kind were passed over, and the first name; "" if none were."""
    return "; ".join(
        f"{len(names):,} {kind}, first {min(names)}" for kind, names in passed.items() if names
    )


def _convertible(relative: str) -> str | None:
    """Return the ending (.jsonl.gz) of a file that DuckDB reads; None for other files."""
    base = relative.rpartition("/")[2]
    endings = base.split(".")[1:]
    kinds = [ending.lower() for ending in endings]
    packed = bool(kinds) and kinds[-1] in PACKED - {"zip"}
    if len(kinds) > packed and kinds[-1 - packed] in READERS:
        return "." + ".".join(endings[-1 - packed :])
    return f".{endings[-1]}" if kinds[-1:] == ["gz"] else None


def _way_out(key: str, reader: str, table: str) -> str:
    """Say why the files of a table are not read as they are, and what to do instead."""
    if reader == CONVERT:
        return f"whose files are not Parquet; this converts it: {convert_command(f'lance:{table}')}"
    named = f"name it as a table, --input.path {KINDS[reader]}:{table}; or " * (key == "input")
    return (
        f"whose files hold deleted rows and old versions too: {named}write it out as plain Parquet "
        f"({_duckdb(reader, table)}), or name its files one by one or by a glob"
    )


def _duckdb(reader: str, source: str) -> str:
    source = source.replace("'", "''")
    copy = f"COPY (FROM {reader}('{source}')) TO 'corpus.parquet' (FORMAT parquet)"
    return f'duckdb -c "{copy}"'
