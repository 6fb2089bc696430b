"""Documents that an earlier night has delivered are not delivered again."""

import duckdb
import pyarrow.parquet as pq
import pytest

from rm_ray.errors import InputError, OutputError
from rm_ray.nightly.__main__ import main
from rm_ray.nightly.config import NightlyConfig
from rm_ray.nightly.repeats import is_earlier
from tests.nightly.real import Real

DROP = {"filter": {"repeats": "drop", "rule": {"min_reward": -0.5}}}


def kept(real: Real, night: str) -> set[str]:
    found = duckdb.sql(f"SELECT text FROM '{real.folder}/kept/night={night}/corpus/*.parquet'")
    return {text for (text,) in found.fetchall()}


def test_what_an_earlier_night_has_delivered_is_left_out(tmp_path, caplog):
    """And nothing else: not what it has dropped, and not what it holds until that is released."""
    caplog.set_level("INFO")
    real = Real(tmp_path)
    real.again, real.more = 200, DROP
    assert real.run("21") == "quiet"
    first = kept(real, "21")
    old = {text for text in first if text.endswith("of ever")}
    assert 0 < len(old) < 200
    assert real.run("22") == "quiet"
    rewards = duckdb.sql(f"SELECT text FROM '{real.folder}/corpus/22.parquet' WHERE reward >= -0.5")
    expected = {text for (text,) in rewards.fetchall()} - old
    assert kept(real, "22") == expected
    assert "left out by itself" in caplog.text
    left_out = pq.read_table(real.folder / "repeats" / "22.parquet")
    assert len(left_out) == len(old)
    assert real.run("23", b=3.0).startswith("23: fail, held")
    words = ["--output.path", str(real.folder), "--release", "23", "--because", "so"]
    held = real.folder / "held" / "night=23" / "corpus"
    waiting = {text for (text,) in duckdb.sql(f"SELECT text FROM '{held}/*.parquet'").fetchall()}
    assert waiting and not waiting & old
    assert main(words) == 0
    assert kept(real, "23") == waiting
    cached = {path.name for path in (real.folder / "repeats" / "kept").iterdir()}
    assert cached == {"night=21.parquet", "night=22.parquet"}
    real.run("24")
    assert not kept(real, "24") & (old | kept(real, "22") | waiting)


@pytest.mark.parametrize(
    ("entry", "earlier"),
    [
        ("night=2026-11-23", True), ("night=2026-11-24", True),
        ("night=2026-11-24.released", True), ("night=2026-11-24.02", False),
        ("night=2026-11-24.02.released", False), ("night=2026-11-25", False),
    ],
)  # fmt: skip
def test_the_second_night_of_a_day_comes_after_what_the_first_has_released(entry, earlier):
    assert is_earlier(entry, "2026-11-24.02") == earlier


def test_the_texts_of_kept_documents_are_needed():
    words = {"input": {"path": "c"}, "judge": {"model": "m"}, "output": {"path": "o"}}
    filters = {"filter": {"repeats": "drop", "output": {"kind": "ids"}}}
    with pytest.raises(ValueError, match=r"which only output.kind rows has"):
        NightlyConfig.model_validate({**words, **filters})


def test_a_filter_whose_list_of_rows_has_changed_is_refused(tmp_path):
    real = Real(tmp_path)
    real.again, real.more = 200, DROP
    real.run("21")
    real.run("22")
    file = real.folder / "repeats" / "22.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    (real.folder / "kept" / "night=22" / "_SUCCESS").unlink()
    night = real.folder / "nights" / "22.json"
    night.write_text(night.read_text().replace('"status": "ok"', '"status": null'))
    with pytest.raises(OutputError, match="leave_out"):
        real.run("23")
    file.write_bytes(b"no")
    with pytest.raises(InputError, match=r"leave_out.path"):
        real.run("24")
