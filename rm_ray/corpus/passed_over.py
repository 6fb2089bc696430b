"""What a listing holds and a run does not read: which files those are, and how that is said.

Nothing that could be data is left out in silence. Pure.
"""

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from rm_ray.errors import InputError

PARQUET = (".parquet", ".parq", ".pq")
# Endings of files of other kinds that could be data, and of packed ones; DuckDB reads some.
READERS = {
    **dict.fromkeys(("jsonl", "ndjson", "json"), "read_json"),
    **dict.fromkeys(("csv", "tsv"), "read_csv"),
}
FORMATS = {*READERS, "arrow", "feather", "ipc", "orc", "avro", "tar", "lance"}
PACKED = {"gz", "zst", "bz2", "xz", "lz4", "zip"}

# The kinds, as they are said.
OTHERS = "files that are not Parquet"
HIDDEN = "Parquet files that are hidden (_ or .)"
RUNS = "folders of runs"
TWICE = "files that are read under another name"

# For each kind of table: the path of a file that only such a table has, and the function that reads
# the table. The function is one of DuckDB, or of pylance, the Python package of Lance.
LANCE = "lance.dataset"
TABLES = {
    "a Delta table": (re.compile(r"(.*/)?_delta_log/.+"), "delta_scan"),
    "an Iceberg table": (re.compile(r"(.*/)?metadata/[^/]+\.metadata\.json"), "iceberg_scan"),
    "a Lance dataset": (re.compile(r"(.*/)?_versions/[^/]+\.manifest"), LANCE),
}


def is_data(relative: str) -> bool:
    """Whether a file below an input folder is read."""
    return is_parquet(relative) and not is_hidden(relative)


def is_parquet(name: str) -> bool:
    """Whether a file's name ends as those of Parquet files do."""
    return name.lower().endswith(PARQUET)


def is_hidden(relative: str) -> bool:
    """Whether a name, or a folder's on the way to it, begins with `_` or `.`."""
    return any(part.startswith(("_", ".")) for part in relative.split("/"))


def is_state(relative: str) -> bool:
    """Whether a file is what a run keeps for itself."""
    return "_rm_ray" in relative.split("/")


def kind_of(relative: str) -> str | None:
    """What a file that is not read could be; None for one that is read, and for what is no data."""
    if is_parquet(relative):
        return HIDDEN if is_hidden(relative) and not is_state(relative) else None
    *stem, ending = endings = relative.rpartition("/")[2].lower().split(".")
    could_be = not stem or ending in FORMATS | PACKED or "parquet" in endings
    return OTHERS if could_be and not is_hidden(relative) else None


def run_folders(relatives: Iterable[str]) -> set[str]:
    """The folders among them that are a run's output, but for the one they are all in."""
    found = (re.fullmatch(r"(.+)/_rm_ray/run\.json", name) for name in relatives)
    return {match[1] for match in found if match}


def refuse_tables(key: str, folder: str, relatives: Iterable[str]) -> None:
    """Refuse a folder with tables whose rows are not those of its Parquet files.

    Args:
        key: the name of the section of the configuration that gives the folder.

    Raises:
        InputError: with what to do.
    """
    for name in relatives:
        for table, (file, reader) in TABLES.items():
            if match := file.fullmatch(name):
                where = f"{folder}/{match[1] or ''}".rstrip("/")
                raise InputError(f"{key}.path: {where} is {table}, {_way_out(reader, where)}")


def say_no_parquet(
    folder: str, relatives: Collection[str], beside: Mapping[str, Collection[str]]
) -> str:
    """That a folder holds nothing to read, and how to get it read where DuckDB can.

    Args:
        relatives: its files, from the folder on.
        beside: what was passed over in it, by kind.
    """
    said = f"{folder} holds {len(relatives)} files and no Parquet file"
    if also := say({kind: names for kind, names in beside.items() if kind != OTHERS}):
        return f"{said} that is to be read; passed over: {also}"
    endings = Counter(filter(None, map(_convertible, relatives)))
    if not endings:
        return said
    ending = endings.most_common(1)[0][0]
    nested = any("/" in name for name in relatives if name.endswith(ending))
    reader = READERS.get(ending.split(".")[1].lower(), "read_json")
    line = _duckdb(reader, f"{folder}/{'**/' if nested else ''}*{ending}")
    return f"{said}; only Parquet is read, and this converts its {ending} files: {line}"


def say(passed: Mapping[str, Collection[str]]) -> str:
    """How many of each kind were passed over, and the first; "" for none."""
    return "; ".join(
        f"{len(names):,} {kind}, first {min(names)}" for kind, names in passed.items() if names
    )


def _convertible(relative: str) -> str | None:
    """The ending (.jsonl.gz) of a file that DuckDB reads."""
    base = relative.rpartition("/")[2]
    endings = base.split(".")[1:]
    kinds = [ending.lower() for ending in endings]
    packed = bool(kinds) and kinds[-1] in PACKED - {"zip"}
    if len(kinds) > packed and kinds[-1 - packed] in READERS:
        return "." + ".".join(endings[-1 - packed :])
    return f".{endings[-1]}" if kinds[-1:] == ["gz"] else None


def _way_out(reader: str, table: str) -> str:
    """Say why a table's files are not read as they are, and what to do."""
    if reader == LANCE:
        return (
            "whose files are not Parquet: write it out as plain Parquet into a folder corpus "
            f"({_pylance(table)}; its packages are pylance and pyarrow)"
        )
    return (
        "whose files hold deleted rows and old versions too: write it out as plain Parquet "
        f"({_duckdb(reader, table)}), or name its files one by one or by a glob"
    )


def _pylance(table: str) -> str:
    # it passes batches, since pyarrow crashes when it writes what `scanner()` of pylance returns
    source = json.dumps(table, ensure_ascii=False)
    code = (
        f"import lance, pyarrow.dataset as p; t = {LANCE}({source}); "
        'p.write_dataset(t.to_batches(), "corpus", schema=t.schema, format="parquet")'
    )
    return shlex.join(["python", "-c", code])


def _duckdb(reader: str, source: str) -> str:
    source = source.replace("'", "''")
    copy = f"COPY (FROM {reader}('{source}')) TO 'corpus.parquet' (FORMAT parquet)"
    return f'duckdb -c "{copy}"'
