"""Nights that bring again what came before, reported by the real job."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from rm_ray.report.measure import seen
from tests.report.runs import add_night, documents, report


def night(number: int) -> dict:
    rng = np.random.default_rng(number)
    return {name: rng.normal(0, 1, 300) for name in ("a", "b")}


def reported(caplog, folder, name, *words) -> tuple[int, dict]:
    status, log = report(
        caplog, folder, "--rewards.segments", "-1", "--corpus.excerpts",
        "false" if "text" not in words else "true", *words,
        by="source", night=name, history_path=folder / "history",
        output_path=folder / "reports" / name,
    )  # fmt: skip
    assert status in (0, 3), log
    return status, json.loads((folder / "reports" / name / "report.json").read_text())


def alerts(figures) -> dict[tuple[str | None, str], str | None]:
    return {(one["group"], one["rule"]): one["folded_into"] for one in figures["verdict"]["alerts"]}


@pytest.mark.parametrize("by", ["id", "text"])
def test_a_file_that_is_delivered_again_alerts(tmp_path, caplog, by):
    words = ["--repeats.by", by]
    rows = documents(night(1))
    add_night(tmp_path, "1", rows)
    status, figures = reported(caplog, tmp_path, "1", *words)
    assert (status, figures["repeats"]) == (0, {"by": by, "nights": 0, "sampled": 1.0})
    assert figures["whole"]["repeats"] == {"earlier": 0, "within": 0, "margin": 0.0}
    add_night(tmp_path, "2", rows, first="1")
    status, figures = reported(caplog, tmp_path, "2", *words)
    assert status == 3
    assert alerts(figures) == {
        (None, "repeated"): None, ("a", "repeated"): "all documents: repeated",
        ("b", "repeated"): "all documents: repeated",
    }  # fmt: skip
    assert figures["verdict"]["alerts"][0]["sentence"] == (
        "100% of the documents of all documents came before: 600 on earlier nights, and 0% usually"
    )
    assert figures["whole"]["repeats"]["earlier"] == 600
    page = (tmp_path / "reports" / "2" / "report.html").read_text()
    assert "600 on earlier nights" in page
    # the night reported again says the same; its own documents are not earlier ones
    assert reported(caplog, tmp_path, "2", *words)[1]["whole"] == figures["whole"]


def test_a_source_that_always_repeats_alerts_once_and_a_sketch_says_its_error(
    tmp_path, caplog, monkeypatch
):
    """b brings 150 of its 300 documents twice, every night. Of 450 keys 200 are kept."""
    monkeypatch.setattr(seen.Seen.merge.__func__, "__defaults__", (200,))
    for number, expected in ((1, 3), (2, 0)):
        rows = documents(night(number))
        ids = np.array([int(one.removeprefix("doc-")) for one in rows.column("id").to_pylist()])
        is_b = np.array(rows.column("source").to_pylist()) == "b"
        rows = rows.take(np.concatenate([np.flatnonzero(~is_b), np.repeat(ids[is_b][:150], 2)]))
        add_night(tmp_path, str(number), rows)
        status, figures = reported(caplog, tmp_path, str(number))
        assert status == expected
        (b,) = (one for one in figures["groups"] if one["name"] == "b")
        assert b["repeats"]["margin"] > 0 and abs(b["repeats"]["within"] - 150) < 60
        assert 0 < figures["repeats"]["sampled"] < 1
    assert (tmp_path / "history" / "_seen" / "2.parquet").stat().st_size < 3000
    assert "repeated" not in {one["rule"] for one in figures["verdict"]["alerts"]}


def test_what_cannot_be_found_is_refused_or_not_counted(tmp_path, caplog):
    add_night(tmp_path, "1", documents(night(1)))
    _, figures = reported(caplog, tmp_path, "1", "--repeats.by", "none")
    assert figures["repeats"] is None and figures["whole"]["repeats"] is None
    assert not (tmp_path / "history" / "_seen" / "1.parquet").exists()
    reported(caplog, tmp_path, "1")
    (tmp_path / "history" / "_seen" / "1.parquet").write_bytes(b"no")
    add_night(tmp_path, "2", documents(night(2)))
    status, log = report(caplog, tmp_path, by="source", night="2",
                         history_path=tmp_path / "history")  # fmt: skip
    assert status == 2
    assert "_seen/1.parquet cannot be read" in log and "report that night again" in log


def test_texts_of_a_file_that_has_changed_since_it_was_scored_are_not_read(tmp_path, caplog):
    """The same documents in another order, as another program may have written them."""
    add_night(tmp_path, "1", documents(night(1)))
    path = tmp_path / "corpus" / "1.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    status, log = report(caplog, tmp_path, "--repeats.by", "text", by="source", night="1",
                         history_path=tmp_path / "history")  # fmt: skip
    assert status == 2 and "1.parquet has changed since it was planned" in log
    assert not (tmp_path / "history").exists()
