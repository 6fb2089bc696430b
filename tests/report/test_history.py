"""The history: one file a night, the last ones read, others passed over."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from rm_ray.config import StorageConfig
from rm_ray.errors import InputError, OutputError
from rm_ray.report.baseline import Baseline
from rm_ray.report.history import History, Said
from rm_ray.report.nights import OTHER
from tests.report.test_alerts import group

LABEL = '["a"]'


def history(folder, **settings) -> History:
    return History.at(str(folder), StorageConfig(), {"fingerprint": "f", **settings})


def write(found: History, night: str, mean=0.0, count=20, said=None, status="ok"):
    rng = np.random.default_rng([*night.encode()])
    one = group(LABEL, rng.normal(mean, 1, count))
    found.write(night, status, [(group(None, []), said or Said()), (one, said or Said())])
    return one


def test_a_night_comes_back_as_it_was(tmp_path):
    found = history(tmp_path)
    one = write(found, "2026-11-01", said=Said(0.5, ("drift",), ("drift",), ("a",)), status="fail")
    (past,), others = found.before("2026-11-02", 10)
    assert (past.night, past.status, others) == ("2026-11-01", "fail", [])
    assert past.groups[LABEL].said == Said(0.5, ("drift",), ("drift",), ("a",))
    (back,) = found.group_nights({"2026-11-01": [LABEL]})
    assert (back.moments, back.statuses) == (one.moments, one.statuses)
    assert back.histogram.cells.tolist() == one.histogram.cells.tolist()


def test_only_the_last_nights_before_are_read(tmp_path):
    found = history(tmp_path)
    for day in range(1, 10):
        write(found, f"2026-11-0{day}")
    (tmp_path / "night-2026-11-01.parquet").write_bytes(b"damaged, and not looked at")
    nights, _ = found.before("2026-11-07", 3)
    assert [one.night for one in nights] == ["2026-11-04", "2026-11-05", "2026-11-06"]
    with pytest.raises(InputError, match=r"night-2026-11-01\.parquet cannot be read"):
        found.before("2026-11-02", 3)


def test_a_second_night_of_a_day_comes_after_the_first(tmp_path):
    found = history(tmp_path)
    names = ["2026-11-23", "2026-11-24", "2026-11-24.02", "2026-11-25"]
    for night in names:
        write(found, night)
    assert found.names() == names
    nights, _ = found.before("2026-11-25", 2)
    assert [one.night for one in nights] == names[1:3]


def test_a_night_reported_again_is_replaced(tmp_path):
    found = history(tmp_path)
    write(found, "n", count=20)
    write(found, "n", count=30)
    assert pq.read_table(tmp_path).num_rows == 2
    (past,), _ = found.before("o", 5)
    assert past.groups[LABEL].documents == 30


def test_nights_of_another_judge_are_passed_over(tmp_path):
    write(history(tmp_path, column="other"), "n1")
    mine = history(tmp_path)
    write(mine, "n2")
    nights, others = mine.before("n3", 5)
    assert ([one.night for one in nights], others) == (["n2"], ["n1"])


def test_a_file_that_is_no_night_is_named(tmp_path):
    found = history(tmp_path)
    pq.write_table(pq.read_table(_made(found, tmp_path)).replace_schema_metadata(None),
                   tmp_path / "night-a.parquet")  # fmt: skip
    with pytest.raises(InputError, match="is no night of a history"):
        found.before("b", 5)


def _made(found, folder):
    write(found, "a")
    return folder / "night-a.parquet"


def pooled(found, night, nights=7, accept=None) -> Baseline:
    past, _ = found.before(night, 60)
    return Baseline.of_history(found, past, nights, accept or {})


def test_nights_that_alerted_are_in_no_baseline_but_new_ones_are(tmp_path):
    found = history(tmp_path)
    write(found, "n1", said=Said(alerts=("new",)))
    write(found, "n2", mean=9, said=Said(alerts=("drift",)))
    write(found, "n3")
    baseline = pooled(found, "n4")
    assert baseline.groups[LABEL].nights == 2
    assert abs(baseline.groups[LABEL].pooled.moments.mean) < 1
    assert baseline.names == ["n1", "n3"]
    assert baseline.whole is None


def test_a_group_that_alerts_every_night_keeps_its_last_quiet_ones(tmp_path):
    found = history(tmp_path)
    write(found, "n01")
    for day in range(2, 12):
        write(found, f"n{day:02}", mean=9, said=Said(alerts=("drift",)))
    assert abs(pooled(found, "n99").groups[LABEL].pooled.moments.mean) < 1
    accepted = pooled(found, "n99", accept={"a": "n02"}).groups[LABEL]
    assert (accepted.nights, round(accepted.pooled.moments.mean)) == (1, 9)
    assert pooled(found, "n99", accept={"*": "n02"}).groups[LABEL].nights == 1
    assert pooled(found, "n99", accept={"b": "n02"}).groups[LABEL].pooled.moments.mean < 1


def test_quiet_nights_say_how_much_nights_differ_besides_by_chance(tmp_path):
    found = history(tmp_path)
    for day in range(1, 13):
        write(found, f"n{day:02}", said=Said(day / 100))
    few, many = pooled(found, "n10"), pooled(found, "n99")
    assert (few.groups[LABEL].quiet, few.groups[LABEL].floor) == (9, 0.0)
    assert many.groups[LABEL].quiet == 12
    assert many.groups[LABEL].floor == pytest.approx(np.quantile(np.arange(1, 13) / 100, 0.95))
    assert many.groups[LABEL].names == tuple(f"n{day:02}" for day in range(6, 13))


def test_groups_that_are_counted_together_have_the_floor_of_their_quiet_nights(tmp_path):
    found = history(tmp_path)
    for day in range(1, 11):
        found.write(f"n{day:02}", "ok", [(group(OTHER, [1.0, 2.0]), Said(day / 100))])
    before = pooled(found, "n11").groups[OTHER]
    assert (before.quiet, before.floor) == (10, pytest.approx(0.0955))
    gathered = pooled(found, "n11").gather([]).groups[OTHER]
    assert (gathered.quiet, gathered.floor) == (before.quiet, before.floor)


def test_a_baseline_outlives_any_number_of_alerts(tmp_path):
    """Seven quiet nights, and seventy that drift: each says what it was compared with."""
    found = history(tmp_path)
    for day in range(1, 8):
        write(found, f"n{day:03}")
    for day in range(8, 78):
        used = pooled(found, f"n{day:03}").groups[LABEL]
        assert used.names == tuple(f"n{day:03}" for day in range(1, 8))
        write(found, f"n{day:03}", mean=9, said=Said(9.0, ("drift",), ("drift",), used.names))


def test_a_night_of_other_settings_is_not_replaced(tmp_path):
    write(history(tmp_path, by=["source"]), "n1")
    with pytest.raises(OutputError, match="holds the night n1 by another by"):
        history(tmp_path, by=["lang"]).check("n1")
    history(tmp_path, by=["source"]).check("n1")
    history(tmp_path, by=["lang"]).check("n2")
