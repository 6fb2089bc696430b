"""Spans of the frames of a zstd file have every line once, and its number."""

import io
import json
import random
from itertools import pairwise

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.convert import frames
from rm_ray.convert.config import LinesConfig
from rm_ray.convert.frames import count_line_ends, lines_that_begin
from rm_ray.convert.packing import read_pieces, unpacked
from tests.convert.lines import rows, run

SKIPPED = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"


def frame(data: bytes) -> bytes:
    """A frame that does not tell its size, as a writer of a stream makes it."""
    stream = zstandard.ZstdCompressor().compressobj()
    return stream.compress(data) + stream.flush()


def read_span(data: bytes, start: int, stop: int) -> bytes:
    file = io.BytesIO(data)
    file.seek(start)
    rest = unpacked(read_pieces(file, at_once=5), "zstd")
    pieces = unpacked(read_pieces(file, stop, at_once=7), "zstd")
    return b"".join(lines_that_begin(pieces, rest, start == 0))


@given(
    texts=st.lists(st.text("ab\n", max_size=12).map(str.encode), min_size=1, max_size=9),
    skipped=st.sampled_from([b"", SKIPPED]),
    shard_bytes=st.integers(1, 20),
)
def test_every_line_once(texts, skipped, shard_bytes):
    data = b"".join(skipped + frame(text) for text in texts)
    spans = count_line_ends(iter([data]), shard_bytes)
    cuts, numbers = frames._cuts(spans, len(data))
    found = [read_span(data, start, stop) for start, stop in pairwise(cuts)]
    assert b"".join(found) == b"".join(texts)
    for number, before in zip(numbers, range(len(found)), strict=True):
        assert number == 1 + b"".join(found[:before]).count(b"\n")
    assert all(one.endswith(b"\n") for one in found[:-1])


def test_a_span_is_as_large_as_asked_for():
    data = b"".join(frame(b"x" * 9 + b"\n") for _ in range(10))
    size = len(frame(b"x" * 9 + b"\n"))
    spans = count_line_ends(iter([data]), 25)
    assert spans == [(0, 3), (3 * size, 3), (6 * size, 3), (9 * size, 1)]


def test_a_large_first_frame_is_not_unpacked_to_its_end():
    read = []

    def pieces():
        data = frame(bytes(range(97, 123)) * 100_000)
        for start in range(0, len(data), 10):
            read.append(data[start : start + 10])
            yield read[-1]

    assert count_line_ends(pieces(), 100_000) == []
    assert sum(map(len, read)) < len(frame(bytes(range(97, 123)) * 100_000)) / 2


def test_a_frame_that_tells_a_large_size_is_not_read(tmp_path, monkeypatch):
    config = LinesConfig(path=str(tmp_path))
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(b"{}\n" * 100))
    assert frames.find_spans([str(path)], 300, config) == [(0, 100)]
    monkeypatch.setattr(frames, "count_line_ends", None)
    assert frames.find_spans([str(path)], 299, config) == []


def test_a_file_of_frames_is_converted_in_shards_to_the_same_rows(tmp_path, caplog):
    rng = random.Random(0)
    documents = [{"n": n, "text": rng.randbytes(50).hex()} for n in range(2000)]
    data = b"".join(json.dumps(one).encode() + b"\n" for one in documents)
    cuts = [*range(0, len(data), 7777), len(data)]  # in the middle of lines
    several = tmp_path / "several.jsonl.zst"
    several.write_bytes(b"".join(frame(data[a:b]) for a, b in pairwise(cuts)))
    (tmp_path / "one.jsonl.zst").write_bytes(frame(data))
    outs = []
    for name in ("one", "several"):
        outs.append(tmp_path / f"out-{name}")
        status, _ = run(
            caplog, input_path=tmp_path / f"{name}.jsonl.zst", output_path=outs[-1], shard_mb=0.05
        )
        assert status == 0
    one, other = ([row | {"source_file": ""} for row in rows(out)] for out in outs)
    assert other == one
    assert [row["line"] for row in one] == [*range(1, 2001)]
    receipts = [len(list((out / "_rm_ray/done").iterdir())) for out in outs]
    assert receipts[0] == 1
    assert receipts[1] == 1 + len(data) // (7 * 7777)  # seven frames make 0.05 MiB


def test_lines_behind_damage_are_one_reject(tmp_path, caplog):
    rng = random.Random(0)
    line = b'{"text": "%s"}\n'
    packed = [
        frame(b"".join(line % rng.randbytes(250).hex().encode() for _ in range(10)))
        for _ in range(20)
    ]
    damaged = bytearray(b"".join(packed))
    damaged[sum(map(len, packed[:15])) - 9] ^= 0x55
    (tmp_path / "a.jsonl.zst").write_bytes(damaged)
    status, _ = run(
        caplog, input_path=tmp_path / "a.jsonl.zst", output_path=tmp_path / "out", shard_mb=0.005
    )
    assert status == 1
    (reject,) = rows(tmp_path / "out", "rejects")
    assert reject["reason"] == "damaged file"
    assert reject["line"] == 1 + len(rows(tmp_path / "out"))
    assert 140 <= len(rows(tmp_path / "out")) < 150
    assert len(list((tmp_path / "out/_rm_ray/done").iterdir())) == 7  # two frames each
