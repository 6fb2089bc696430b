"""How tests run the conversion, and read what it wrote."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.convert.__main__ import main


def run(caplog, *extra: str, **changes) -> tuple[int, str]:
    """Exit status of the job in this process, and the lines it logged; `input_path=...` stands for
    --input.path.
    """
    caplog.clear()
    caplog.set_level("INFO")
    return main([*options(**changes), *extra]), caplog.text


def options(**changes) -> list[str]:
    given = {key.replace("_", ".", 1): str(value) for key, value in changes.items()}
    return [word for key, value in given.items() for word in (f"--{key}", value)]


def table(output: Path, folder: str = "corpus") -> pa.Table:
    """All rows, ordered by file and line."""
    files = sorted((output / folder).rglob("*.parquet"))
    rows = pa.concat_tables(pq.ParquetFile(path).read() for path in files)
    keys = [(name, "ascending") for name in ("source_file", "line") if name in rows.column_names]
    return rows.sort_by(keys) if keys else rows


def rows(output: Path, folder: str = "corpus") -> list[dict]:
    return table(output, folder).to_pylist()


def manifest(output: Path) -> dict:
    return json.loads((output / "manifest.json").read_text())


def written(output: Path) -> dict[str, bytes]:
    """Everything a run has left that does not tell when it ran."""
    data = [*output.rglob("*.parquet"), output / "manifest.json"]
    data += (output / "_rm_ray" / "done").iterdir()
    return {str(path.relative_to(output)): path.read_bytes() for path in data}


def write_lines(path: Path, *documents: object, end: str = "\n") -> bytes:
    """Write documents as JSON Lines; texts and bytes are lines as they stand. Returns the bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b""
    for document in documents:
        if isinstance(document, bytes):
            line = document
        else:
            line = (document if isinstance(document, str) else json.dumps(document)).encode()
        data += line + end.encode()
    path.write_bytes(data)
    return data
