"""INT96: what microseconds hold of it."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.corpus.int96 import misread_columns
from rm_ray.parquet.bare import bare
from rm_ray.parquet.footer import StoredFooter
from rm_ray.parquet.readable import readable


def misread(path, *names):
    with path.open("rb") as file:
        return misread_columns(file, readable(file)[0], names)


def test_digits_below_a_microsecond_are_found_wherever_they_lie(tmp_path):
    ns = pa.timestamp("ns")
    second = 1_700_000_000 * 10**9
    table = pa.table({
        "whole": pa.array([second, None, second + 1000], ns),
        "fine": pa.array([second, None, second + 1], ns),
        "far": pa.array([datetime.datetime(9999, 12, 31)] * 3, pa.timestamp("us")),
        "early": pa.array([-1000, -(10**18), None], ns),
        "null": pa.nulls(3, ns),
        "meta": pa.array(
            [{"x": 1000, "l": [1, 2]}, None, {"x": 0, "l": []}],
            pa.struct([("x", ns), ("l", pa.list_(ns))]),
        ),
        "seen": pa.array([[("k", 5)], None, []], pa.map_(pa.string(), ns)),
        "n": [1, 2, 3],
    })  # fmt: skip
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, use_deprecated_int96_timestamps=True)
    assert misread(path, "whole", "far", "early", "null", "meta.x", "n") == {}
    found = misread(path, "fine", "meta", "meta.l", "seen", "whole")
    assert list(found) == ["fine", "meta", "meta.l", "seen"]
    assert "they do not hold 2023-11-14T22:13:20.000000001; write it" in found["fine"]
    assert "do not hold 1970-01-01T00:00:00.000000001;" in found["meta.l"]
    pq.write_table(table, path)
    assert misread(path, "fine", "meta") == {}


@pytest.mark.parametrize(
    ("day", "nanoseconds", "held"),
    [
        (2_440_588, 0, True),
        (2_440_588 + 106_751_989, 0, True),
        (2_440_588 + 106_751_992, 0, False),  # 2**63 microseconds are 106,751,991.2 days
        (2_440_588, 2**63 + 1000, False),
        (2**32 - 1, 0, False),
        (0, 0, True),  # the year -4712
    ],
)
def test_moments_that_64_bits_do_not_hold(tmp_path, day, nanoseconds, held):
    path = tmp_path / "a.parquet"
    marker = pa.array([123_456_789_000], pa.timestamp("ns"))
    pq.write_table(
        pa.table({"t": marker}), path, use_deprecated_int96_timestamps=True, use_dictionary=False,
        compression="none", write_statistics=False,
    )  # fmt: skip
    with path.open("rb") as file:
        metadata = bare(StoredFooter.read(file)).metadata()
        (stored,) = pq.ParquetFile(file, metadata=metadata).read()["t"].to_pylist()
    assert stored == (123_456_789_000).to_bytes(8, "little") + (2_440_588).to_bytes(4, "little")
    other = nanoseconds.to_bytes(8, "little") + day.to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(stored, other))
    assert (misread(path, "t") == {}) == held
