"""The whole job: each line is a row or a rejected line, with its file and its number."""

import bz2
import gzip
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from rm_ray.config import StorageConfig
from rm_ray.convert.blocks import KEPT_BYTES
from rm_ray.convert.columns import JSON_KEY
from rm_ray.store.filesystem import open_filesystem
from tests.convert.lines import manifest, options, rows, run, table, write_lines, written

ZSTD = zstandard.ZstdCompressor().compress
GOOD = [{"id": n, "text": f"document {n} é", "m": {"u": "x", "s": [n, None]}} for n in range(40)]
TEXTS = [json.dumps(document).encode() for document in GOOD]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Files of every kind, with the same forty documents each."""
    root = tmp_path_factory.mktemp("corpus")
    lines = b"\n".join(TEXTS)
    first, rest = b"\n".join(TEXTS[:7]) + b"\n", b"\n".join(TEXTS[7:]) + b"\n"
    contents = {
        "plain.jsonl": lines + b"\n",
        "no_end.ndjson": lines,
        "lang=de/windows.json": b"\xef\xbb\xbf" + b"\r\n".join(TEXTS) + b"\r\n",
        "a b/lang=en/members.jsonl.gz": gzip.compress(first) + gzip.compress(rest),
        "frames.JSONL.ZST": ZSTD(first) + ZSTD(rest),
        "b.jsonl.bz2": bz2.compress(lines),
        "x.jsonl.xz": lzma.compress(lines),
        "misnamed.jsonl": gzip.compress(lines),
        "empty.jsonl": b"",
        "blank.jsonl": b"\n \n\r\n",
        "README.md": b"# not data",
        "_hidden.jsonl": b"{}\n",
    }
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_every_line_of_every_kind_of_file(corpus, tmp_path, caplog):
    status, log = run(caplog, input_path=corpus, output_path=tmp_path / "out")
    assert status == 0, log
    found = rows(tmp_path / "out")
    assert len(found) == 8 * 40
    for number in range(8):
        of_file = found[40 * number : 40 * number + 40]
        assert len({row["source_file"] for row in of_file}) == 1
        assert [row["line"] for row in of_file] == list(range(1, 41))
        assert [{n: row[n] for n in ("id", "text", "m")} for row in of_file] == GOOD
    folders = {path.parent.name for path in (tmp_path / "out/corpus").rglob("*.parquet")}
    assert folders == {"corpus", "lang=de", "lang=en"}
    assert manifest(tmp_path / "out")["totals"] == {
        "documents": 320, "rows": 320, "statuses": {"converted": 320}, "empty_lines": 3,
        "rejected": {}, "unplanned": {}, "misfits": {}, "files": 8, "reject_files": 0,
        "bytes": sum(path.stat().st_size for path in (tmp_path / "out/corpus").rglob("*.parquet")),
    }  # fmt: skip
    assert "1 JSON Lines files that are hidden" in log and "README.md" in log


def test_spans_of_a_plain_file_know_their_lines(tmp_path, caplog):
    documents = [{"n": n, "text": "x" * (n * 37 % 400)} for n in range(500)]
    data = write_lines(tmp_path / "in/a.jsonl", *documents, b"", *documents, b"{", b"x" * 5000)
    words = {"input_path": tmp_path / "in", "run_max_rejected_fraction": 1}
    for name, mb in (("whole", 256), ("cut", 0.01)):
        status, log = run(caplog, output_path=tmp_path / name, shard_mb=mb, **words)
        assert status == 0, log
    assert table(tmp_path / "cut").equals(table(tmp_path / "whole"))
    assert rows(tmp_path / "cut", "rejects") == rows(tmp_path / "whole", "rejects")
    assert [row["line"] for row in rows(tmp_path / "cut")] == [*range(1, 501), *range(502, 1002)]
    shards = json.loads((tmp_path / "cut/_SUCCESS").read_text())["shards"]
    assert len(data) // 10_500 - 1 <= shards <= len(data) // 10_500 + 1


BAD = {
    b'{"id":': "invalid JSON", b"[1]": "not an object", b'{"id":1,"id":2}': "duplicate key",
    b'{"m":{"u":"a","u":"b"}}': "duplicate key", b'{"id":NaN}': "NaN or infinity",
    b'{"x":1e400}': "number beyond double", b'{"text":"\xff"}': "invalid UTF-8",
    b'{"text":"\\ud800"}': "lone surrogate", b"x" * (2 << 20): "line too long",
}  # fmt: skip


@pytest.fixture(scope="module")
def hurt(tmp_path_factory):
    root = tmp_path_factory.mktemp("hurt")
    lines = [line for pair in zip(TEXTS, [*BAD, *[b""] * 40], strict=False) for line in pair]
    write_lines(root / "d/a.jsonl", *lines)
    # a quarter is lost: the lines before are whole
    data = gzip.compress(b"".join(b'{"id":%d,"text":"%d"}\n' % (n, n * n) for n in range(30_000)))
    (root / "short.jsonl.gz").write_bytes(data[: len(data) * 3 // 4])
    return root


def test_wrong_lines_are_rejected_one_by_one_and_end_with_status_one(hurt, tmp_path, caplog):
    out = tmp_path / "out"
    words = {"input_path": hurt, "output_path": out, "input_max_line_mb": 1}
    status, log = run(caplog, **words)
    assert status == 1
    assert "10 of " in log and "lines were rejected" in log and "2 duplicate key" in log
    rejects = rows(out, "rejects")
    assert [(r["line"], r["reason"]) for r in rejects if r["source_file"].endswith("a.jsonl")] == [
        (2 * number, reason) for number, reason in enumerate(BAD.values(), 1)
    ]
    for reject, line in zip(rejects, BAD, strict=False):
        assert (reject["raw"], reject["bytes"]) == (line[:KEPT_BYTES], len(line))
    short = [row for row in rows(out) if row["source_file"].endswith("short.jsonl.gz")]
    assert len(short) > 10_000
    assert [(r["line"], r["id"], r["text"]) for r in short] == [
        (n + 1, n, str(n * n)) for n in range(len(short))
    ]
    assert (rejects[-1]["line"], rejects[-1]["reason"]) == (len(short) + 1, "damaged file")
    assert "cut short" in rejects[-1]["detail"]
    totals = manifest(out)["totals"]
    assert totals["documents"] == totals["rows"] + 10 and totals["empty_lines"] == 31
    assert totals["rejected"] == {reason: 2 if reason == "duplicate key" else 1
                                  for reason in [*BAD.values(), "damaged file"]}  # fmt: skip

    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    status, log = run(caplog, **words, run_max_rejected_fraction=0.01)
    assert status == 0, log
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before


def test_types_are_chosen_over_all_files_and_nothing_is_changed(tmp_path, caplog):
    big = 2**60 + 1
    write_lines(
        tmp_path / "in/a.jsonl",
        {"n": big, "x": 1, "d": "2024-01-02", "mixed": "a", "huge": 1, "none": None, "e": {}},
        '{"n":1,"mixed":{"a":1.10},"l":[1,"x"],"huge":18446744073709551616,"s":{"b":1,"a":"t"}}',
    )
    write_lines(tmp_path / "in/b.jsonl", {"x": 0.5, "s": {"a": None, "c": [True]}, "z": 1})
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0, log
    found = table(tmp_path / "out")
    assert [str(field.type) for field in found.schema] == [
        "int64", "double", "string", "string", "string", "string", "string",
        "list<element: string>", "struct<b: int64, a: string, c: list<element: bool>>", "int64",
        "string", "string", "int64",
    ]  # fmt: skip
    assert found.schema.names == [
        "n", "x", "d", "mixed", "huge", "none", "e", "l", "s", "z", "extra", "source_file", "line"
    ]  # fmt: skip
    first, second, third = found.drop_columns(["extra", "source_file", "line"]).to_pylist()
    assert (first["n"], first["x"], first["d"], first["e"]) == (big, 1.0, "2024-01-02", "{}")
    assert (first["mixed"], second["mixed"]) == ('"a"', '{"a":1.10}')
    assert (first["huge"], second["huge"]) == ("1", "18446744073709551616")
    assert second["l"] == ["1", '"x"'] and third["s"] == {"b": None, "a": None, "c": [True]}
    reason = found.schema.field("mixed").metadata[JSON_KEY.encode()]
    assert reason == b"the values are text and objects"
    assert {entry["place"] for entry in manifest(tmp_path / "out")["json_text"]} == {
        "mixed", "huge", "none", "e", "l.[]"
    }  # fmt: skip
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "no"}
    status, log = run(caplog, **words, types_conflicts="refuse")
    assert status == 2 and not (tmp_path / "no").exists()
    assert "3 fields have no common type: mixed (the values are text and objects); huge" in log


def test_what_the_sample_did_not_have_is_kept_and_told(tmp_path, caplog):
    # more than the head that is sampled
    filler = [{"a": n, "s": {"u": "x" * 60_000}} for n in range(50)]
    late = ['{"a": "text", "b":[1.10]}', '{"s":{"u":"y","v":0},"a":7}', '{"a":9007199254740993}']
    (tmp_path / "in").mkdir()
    data = b"".join(json.dumps(document).encode() + b"\n" for document in filler)
    (tmp_path / "in/a.jsonl.zst").write_bytes(ZSTD(data + "\n".join(late).encode()))
    out = tmp_path / "out"
    status, log = run(caplog, input_path=tmp_path / "in", output_path=out)
    assert status == 0, log
    assert "fields that no sampled line had are in the column 'extra' as JSON text: 1 b" in log
    assert "in the column 'extra' as JSON text, and null in their own: 1 a, 1 s" in log
    last = [(row["a"], row["s"], row["extra"], row["line"]) for row in rows(out)[50:]]
    assert last == [
        (None, None, '{"a":"text","b":[1.10]}', 51), (7, None, '{"s":{"u":"y","v":0}}', 52),
        (2**53 + 1, None, None, 53),
    ]  # fmt: skip
    totals = manifest(out)["totals"]
    assert (totals["unplanned"], totals["misfits"]) == ({"b": 1}, {"a": 1, "s": 1})
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "strict"}
    status, log = run(caplog, **words, types_extra="reject")
    assert status == 1 and "2 value does not fit" in log
    assert [row["raw"].decode() for row in rows(tmp_path / "strict", "rejects")] == late[:2]


def test_files_and_row_groups_are_bounded_and_lose_nothing(tmp_path, caplog):
    documents = [{"id": n, "text": f"{n} " * 500} for n in range(600)]
    write_lines(tmp_path / "in/a.jsonl", *documents)
    words = {"input_path": tmp_path / "in", "output_row_group_mb": 0.1, "output_file_mb": 0.01}
    status, log = run(caplog, output_path=tmp_path / "out", **words, input_max_line_mb=0.01)
    assert status == 0, log
    files = sorted((tmp_path / "out/corpus").iterdir())
    assert len(files) > 3 and files[1].name.endswith("-0001.parquet")
    in_order = pa.concat_tables(pq.read_table(path) for path in files)
    assert in_order.column("id").to_pylist() == list(range(600))
    assert manifest(tmp_path / "out")["totals"]["files"] == len(files)
    sizes = [pq.ParquetFile(path).metadata.row_group(0).total_byte_size for path in files]
    assert max(sizes) < 300_000


def test_a_corpus_without_rows_is_an_empty_table(tmp_path, caplog):
    write_lines(tmp_path / "in/a.jsonl")
    assert run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")[0] == 0
    assert table(tmp_path / "out").schema.names == ["extra", "source_file", "line"]
    assert len(table(tmp_path / "out")) == 0


def test_a_dry_run_shows_the_schema_and_writes_nothing(hurt, tmp_path, capsys):
    from rm_ray.convert.__main__ import main

    assert main([*options(input_path=hurt, output_path=tmp_path / "out"), "--dry-run"]) == 0
    page = capsys.readouterr().out
    assert "2 to convert" in page and "1 gzip" in page and "would be rejected" in page
    assert "m: struct<u: string, s: list<element: int64>>" in page
    assert "x: double" not in page and not (tmp_path / "out").exists()


def test_on_a_store(s3_bucket, tmp_path, caplog):
    fs, bucket = open_filesystem("s3://", StorageConfig()), f"{s3_bucket}/lines"
    fs.pipe_file(f"{bucket}/in/k=1/a.jsonl.gz", gzip.compress(b"\n".join(TEXTS)))
    words = {"input_path": f"s3://{bucket}/in", "output_path": f"s3://{bucket}/out"}
    status, log = run(caplog, **words)
    assert status == 0, log
    (file,) = fs.glob(f"{bucket}/out/corpus/k=1/*.parquet")
    with fs.open(file) as opened:
        found = pq.read_table(opened)
    assert found.column("id").to_pylist() == list(range(40))
    assert set(found.column("source_file").to_pylist()) == {f"s3://{bucket}/in/k=1/a.jsonl.gz"}


def test_the_same_on_a_cluster(corpus, tmp_path, caplog, ray_cluster):
    status, log = run(caplog, input_path=corpus, output_path=tmp_path / "ray")
    assert status == 0, log
    found = rows(tmp_path / "ray")
    assert len(found) == 320 and [r["id"] for r in found] == 8 * list(range(40))
    assert len(written(tmp_path / "ray")) == 8 + 9 + 1
