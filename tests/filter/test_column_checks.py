"""Columns whose types differ between the files of a corpus."""

import pyarrow as pa
import pytest

from rm_ray.filter.column_checks import _warn_of_two_writings
from rm_ray.scored.column_path import ColumnPath

MS, US = pa.timestamp("ms"), pa.timestamp("us")
TENTHS, HUNDREDTHS = pa.decimal128(10, 1), pa.decimal128(10, 2)


@pytest.mark.parametrize(
    ("one", "other", "warned"),
    [
        (MS, US, True), (TENTHS, HUNDREDTHS, True), (pa.float32(), pa.float64(), True),
        (pa.int32(), pa.int64(), False), (pa.string(), pa.large_string(), False),
        (pa.null(), US, False), (TENTHS, pa.decimal128(20, 1), False),
    ],
)  # fmt: skip
def test_groups_whose_values_two_files_write_otherwise_are_told(one, other, warned, caplog):
    schemas = {pa.schema({"by": kind}): f"{kind}.parquet" for kind in (one, other)}
    _warn_of_two_writings(ColumnPath("by"), schemas)
    assert (f"by is {one} in {one}.parquet" in caplog.text) == (warned and one != TENTHS)
    assert ("make two groups" in caplog.text) == warned
