"""Groups that are not delivered, documents that are left out, and columns that were kept nested."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filter.runs import run
from tests.scored_runs import fabricate

ROWS = 100


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Rewards 0 to 99; half of the documents are English."""
    folder = tmp_path_factory.mktemp("deliver")
    (folder / "corpus").mkdir()
    texts = pa.table({"text": [f"text {row}" for row in range(ROWS)]})
    pq.write_table(texts, folder / "corpus" / "a.parquet")

    def rewards(shard):
        rows = np.arange(shard.start, shard.stop)
        return pa.table({
            "reward": pa.array(rows, pa.float32()), "stars": pa.array(rows // 20, pa.int64()),
            "meta.lang": ["en" if row % 2 else "de" for row in rows],
            "n_tokens": pa.array([1] * len(rows), pa.int64()), "status": ["ok"] * len(rows),
        })  # fmt: skip

    fabricate(folder / "scored", folder / "corpus", rewards, shard_rows=40)
    return folder


def filtered(caplog, scored, out, *extra, **changes):
    words = {"rewards_path": scored / "scored", "output_path": out, "output_kind": "ids"}
    status, log = run(caplog, *extra, **words, **changes)
    assert status == 0, log
    return sorted(pq.read_table(out / "ids", columns=["row"]).column("row").to_pylist()), log


@pytest.mark.parametrize("german", ["de", '["de"]', '[ "de" ]'])
def test_a_group_is_named_by_its_value_or_as_a_list(scored, tmp_path, caplog, german):
    asked = {"deliver_by": "column('meta.lang')", "rule_keep_documents": 50}
    without, log = filtered(caplog, scored, tmp_path / "without", **asked, deliver_without=german)
    assert without == list(range(51, 100, 2))
    assert "kept by the cuts: 50 (50.0%) of the 100 documents" in log
    only, _ = filtered(caplog, scored, tmp_path / "only", **asked, deliver_only=german)
    assert only == list(range(50, 100, 2))


def test_groups_that_nothing_is_in_are_told(scored, tmp_path, caplog):
    asked = {"deliver_by": "meta.lang", "rule_keep_documents": 50, "deliver_without": "fr"}
    kept, log = filtered(caplog, scored, tmp_path / "out", **asked)
    assert len(kept) == 50 and "deliver leaves no kept document out" in log
    words = {"rewards_path": scored / "scored", "output_path": tmp_path / "new"}
    status, log = run(caplog, **words, **asked | {"deliver_without": """['["en","de"]']"""})
    assert status == 2 and 'the group ["en", "de"] has 2 values, and deliver.by names 1' in log


def test_documents_to_leave_out_that_are_none_are_told(scored, tmp_path, caplog):
    file = str(scored / "corpus" / "a.parquet")
    named = {"source_file": [file, file, f"file://{file}"], "row": [99, 300, 98]}
    pq.write_table(pa.table(named), tmp_path / "out.parquet")
    asked = {"rule_keep_documents": 2}
    left_out = ("--leave_out.path", str(tmp_path / "out.parquet"))
    kept, log = filtered(caplog, scored, tmp_path / "kept", *left_out, **asked)
    assert kept == [97, 98] and "names 3 documents, and 1 of them are scored documents" in log
    nulls = pa.table({"source_file": [file, file], "row": pa.array([1, None], pa.int64())})
    pq.write_table(nulls, tmp_path / "out.parquet")
    words = {"rewards_path": scored / "scored", "output_path": tmp_path / "new"}
    status, log = run(caplog, *left_out, **words, **asked)
    assert status == 2 and "has 1 nulls in the columns source_file and row" in log


def test_a_field_that_was_kept_is_read_from_the_rewards(scored, tmp_path, caplog):
    shutil.copytree(scored / "scored", tmp_path / "alone")
    asked = {"rule_by": "meta.lang", "rule_keep_documents": 1}
    words = {"rewards_path": tmp_path / "alone", "output_kind": "ids"}
    status, log = run(caplog, **words, output_path=tmp_path / "out", **asked)
    assert status == 0, log
    kept = pq.read_table(tmp_path / "out" / "ids", columns=["row"]).column("row")
    assert sorted(kept.to_pylist()) == [98, 99]


def test_thresholds_of_whole_numbers_are_shown_one_by_one(scored, tmp_path, caplog, capsys):
    words = {"rewards_path": scored / "scored", "output_path": tmp_path / "out"}
    asked = {"rewards_column": "stars", "rule_keep_fraction": 0.5}
    assert run(caplog, "--dry-run", **words, **asked)[0] == 0
    page = capsys.readouterr().out
    for threshold, documents in ((0, 100), (1, 80), (2, 60), (3, 40), (4, 20)):
        assert f" {threshold} keeps {documents:>13,} documents" in page
