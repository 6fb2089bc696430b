"""Convert what each writer makes in each format, and write the table of docs/convert.md.

    python -m benchmarks.formats [--page docs/convert.md]

Each file is made by the writer itself, converted, and compared with what Python's json reads in the
decoded file. Then a receipt and its files are removed, and the same command has to make them again,
to the byte. `datasets`, `datatrove` and `orjson`, which datatrove needs, have to be installed too.
"""

import argparse
import bz2
import contextlib
import gzip
import io
import json
import logging
import lzma
import math
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import datasets
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from datatrove.data import Document
from datatrove.pipeline.writers import JsonlWriter

from rm_ray.convert.__main__ import main as convert

BEGIN, END = "<!-- made by python -m benchmarks.formats -->", "<!-- end -->"
ADDED = ["extra", "source_file", "line"]
TABLE = pa.table(
    {
        "id": pa.array([*range(3000), 2**63 - 1], pa.int64()),
        "score": pa.array([n / 7 for n in range(3000)] + [None], pa.float64()),
        "text": [f'a "text" {n}\n\té 日本語 😀 \u2028' * (n % 50) for n in range(3001)],
        "ok": [n % 3 == 0 if n % 5 else None for n in range(3001)],
        "tags": [["a", None][: n % 3] for n in range(3001)],
        "meta": [{"url": f"x/{n}", "n": n} if n % 4 else None for n in range(3001)],
    }
)
ROWS = TABLE.to_pylist()


def lines(ascii_only: bool = True) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in ROWS).encode()


def by_duckdb(path: Path, options: str) -> None:
    rows = TABLE
    assert len(rows)
    duckdb.sql(f"COPY (SELECT * FROM rows) TO '{path}' (FORMAT json{options})")


def by_pandas(path: Path, compression: str | None) -> None:
    frame = pd.DataFrame(ROWS)
    frame["id"] = pd.array(TABLE.column("id").to_pylist(), dtype="Int64")
    frame.to_json(path, orient="records", lines=True, compression=compression, double_precision=15)


def by_datasets(path: Path) -> None:
    datasets.disable_progress_bars()
    datasets.Dataset(TABLE).to_json(path)


def by_datatrove(path: Path, compression: str | None) -> None:
    documents = (
        Document(text=row["text"], id=str(number), metadata={**row, "text": number / 7})
        for number, row in enumerate(ROWS)
    )
    with JsonlWriter(str(path.parent), path.name, compression) as writer:
        for document in documents:
            writer.write(document)


def long_window(data: bytes) -> bytes:
    settings = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    return stream.compress(data) + stream.flush()


def with_dictionary(data: bytes) -> bytes:
    trained = zstandard.train_dictionary(4000, [*data.splitlines()])
    return zstandard.ZstdCompressor(dict_data=trained).compress(data)


def halves(pack: Callable[[bytes], bytes]) -> bytes:
    data = lines()
    cut = data.index(b"\n", len(data) // 2) + 1
    return pack(data[:cut]) + pack(data[cut:])


def put(data: Callable[[], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data())

    return write


zstd = zstandard.ZstdCompressor().compress
CASES: list[tuple[str, str, str, Callable[[Path], None]]] = [
    ("plain", "DuckDB", "a.json", lambda path: by_duckdb(path, "")),
    ("plain", "Polars", "a.jsonl", lambda path: pl.from_arrow(TABLE).write_ndjson(path)),
    ("plain", "pandas", "a.jsonl", lambda path: by_pandas(path, None)),
    ("plain", "datasets", "a.jsonl", by_datasets),
    ("plain", "datatrove", "a.jsonl", lambda path: by_datatrove(path, None)),
    ("plain, ASCII", "Python's json", "a.jsonl", put(lines)),
    ("plain, UTF-8", "Python's json", "a.jsonl", put(lambda: lines(False))),
    ("byte order mark, `\\r\\n`", "Python's json", "a.jsonl",
     put(lambda: b"\xef\xbb\xbf" + lines().replace(b"\n", b"\r\n"))),
    ("no last line end, empty lines", "Python's json", "a.jsonl",
     put(lambda: lines().replace(b"\n", b"\n\n").rstrip(b"\n"))),
    ("gzip", "DuckDB", "a.json.gz", lambda path: by_duckdb(path, ", COMPRESSION gzip")),
    ("gzip", "pandas", "a.jsonl.gz", lambda path: by_pandas(path, "gzip")),
    ("gzip", "datasets", "a.jsonl.gz", by_datasets),
    ("gzip", "datatrove", "a.jsonl.gz", lambda path: by_datatrove(path, "gzip")),
    ("gzip of two members", "Python's gzip", "a.jsonl.gz", put(lambda: halves(gzip.compress))),
    ("zstd", "DuckDB", "a.json.zst", lambda path: by_duckdb(path, ", COMPRESSION zstd")),
    ("zstd", "pandas", "a.jsonl.zst", lambda path: by_pandas(path, "zstd")),
    ("zstd", "datatrove", "a.jsonl.zst", lambda path: by_datatrove(path, "zstd")),
    ("zstd of two frames", "zstandard", "a.jsonl.zst", put(lambda: halves(zstd))),
    ("zstd, window of 1 GiB", "zstandard", "a.jsonl.zst", put(lambda: long_window(lines()))),
    ("bzip2", "Python's bz2", "a.jsonl.bz2", put(lambda: bz2.compress(lines()))),
    ("xz", "Python's lzma", "a.jsonl.xz", put(lambda: lzma.compress(lines()))),
    ("gzip, cut short", "Python's gzip", "a.jsonl.gz",
     put(lambda: gzip.compress(lines())[:-4000])),
    ("zstd, cut short", "zstandard", "a.jsonl.zst", put(lambda: zstd(lines())[:-4000])),
    ("zstd with a dictionary", "zstandard", "a.jsonl.zst", put(lambda: with_dictionary(lines()))),
    ("one JSON array", "pandas", "a.json",
     lambda path: pd.DataFrame(ROWS[:9]).to_json(path, orient="records")),
    ("pretty-printed", "Python's json", "a.json",
     put(lambda: json.dumps(ROWS[0], indent=1).encode())),
    ("UTF-16", "Python's json", "a.jsonl", put(lambda: lines().decode().encode("utf-16"))),
    ("lz4", "`lz4` frame", "a.jsonl", put(lambda: bytes.fromhex("04224d18") + lines())),
]  # fmt: skip


def decoded(path: Path) -> list[dict]:
    """The documents of a file, by other means than the conversion's."""
    data = path.read_bytes()
    openers = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
    if path.suffix == ".zst":
        limits = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        data = limits.stream_reader(io.BytesIO(data), read_across_frames=True).read()
    elif path.suffix in openers:
        data = openers[path.suffix](data)
    text = data.decode("utf-8-sig")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def run(source: Path, out: Path) -> tuple[int, str]:
    """Exit status, and the last line of the log."""
    words = ["--input.path", str(source), "--output.path", str(out)]
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            return convert([*words, "--output.row_group_mb", "0.2"]), heard.getvalue()
    finally:
        logging.getLogger().removeHandler(handler)


def bytes_of(out: Path) -> dict[str, bytes]:
    data = [*out.rglob("*.parquet"), *(out / "_rm_ray/done").iterdir()]
    return {str(path.relative_to(out)): path.read_bytes() for path in data}


def same(value: object, other: object) -> bool:
    if isinstance(value, float) and isinstance(other, int | float):
        return math.isclose(value, other, rel_tol=0, abs_tol=0)
    return value == other


def judged(source: Path, out: Path) -> str:
    """The cells of one row: rows, types, resume; or why the file is refused."""
    status, log = run(source, out)
    (file,) = source.iterdir()
    if status == 2:
        reason = log.strip().splitlines()[-1].replace(str(file), "the file")
        return f"| refused | | | {reason.split('(--input')[0].strip().replace('|', '/')} |"
    table = pq.read_table(out / "corpus", partitioning=None)
    rejects = [row for path in (out / "rejects").rglob("*.parquet")
               for row in pq.read_table(path).to_pylist()]  # fmt: skip
    found = table.drop_columns(ADDED).to_pylist() if len(table.schema) > 3 else []
    documents = ROWS if rejects else decoded(file)
    types = {field.name: str(field.type) for field in table.schema if field.name not in ADDED}
    said = ("right" if types == types_of(documents) else "WRONG") if found else ""
    if rejects:
        verdict = "the lines before the damage" if found == ROWS[: len(found)] else "WRONG"
        reason = f"exit status {status}; {rejects[0]['reason']}: {rejects[0]['detail']}"
        return f"| {verdict} ({len(found):,}) | {said} | {again(source, out)} | {reason} |"
    right = len(found) == len(documents) and all(
        same(row.get(name), document.get(name))
        for row, document in zip(found, documents, strict=True)
        for name in row
    )
    return f"| {'right' if right else 'WRONG'} | {said} | {again(source, out)} | |"


def types_of(documents: list[dict]) -> dict[str, str]:
    """The types that pyarrow gives to documents, by column."""
    fields = pa.array(documents).type
    return {field.name: str(field.type).replace("item", "element") for field in fields}


def again(source: Path, out: Path) -> str:
    """Lose a receipt and its files, run again, and compare."""
    before = bytes_of(out)
    receipt = sorted((out / "_rm_ray/done").iterdir())[0]
    for name in json.loads(receipt.read_text())["files"]:
        (out / name).unlink()
    receipt.unlink()
    run(source, out)
    return "the same bytes" if bytes_of(out) == before else "WRONG"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    rows = [
        "| format | writer | rows | types | resumed | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        for number, (kind, writer, name, make) in enumerate(CASES):
            source = Path(scratch) / f"{number}"
            source.mkdir()
            make(source / name)
            rows.append(f"| {kind} | {writer} {judged(source, source.with_suffix('.out'))}")
            print(rows[-1], flush=True)
    writers = {"DuckDB": duckdb, "Polars": pl, "pandas": pd, "datasets": datasets}
    versions = ", ".join(f"{name} {module.__version__}" for name, module in writers.items())
    versions += f", datatrove {version('datatrove')}"
    text = "\n".join([BEGIN, "", *rows, "", f"Writers: {versions}.", "", END])
    if arguments.page:
        page = arguments.page.read_text()
        start, stop = page.index(BEGIN), page.index(END) + len(END)
        arguments.page.write_text(page[:start] + text + page[stop:])


if __name__ == "__main__":
    main()
