"""Columns of decoded rows, by the names that the configuration has for them."""

import pyarrow as pa
import pytest

from rm_ray.corpus.decoding import columns_of
from rm_ray.corpus.parquet import Unreadable


def test_fields_of_structs_are_columns_and_a_column_that_is_not_there_is_named():
    rows = pa.table({"id": [1, 2], "meta": [{"text": "a"}, None]})
    text, number = columns_of(rows, ["meta.text", "id"], "a.parquet")
    assert (text.to_pylist(), number.to_pylist()) == (["a", None], [1, 2])
    with pytest.raises(Unreadable, match=r"a\.parquet has no column 'meta\.title'"):
        columns_of(rows, ["id", "meta.title"], "a.parquet")
