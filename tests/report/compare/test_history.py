"""The history: one file a night, the last ones read, others passed over."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from rm_ray.config import StorageConfig
from rm_ray.errors import InputError, OutputError
from rm_ray.report.compare.baseline import Baseline, _came, _floor, _others
from rm_ray.report.compare.history import GroupResult, History, PastGroup, PastNight
from rm_ray.report.measure.nights import OTHER, GroupNight, Night
from tests.report.compare.group_nights import group

LABEL = '["a"]'


def history(folder, **settings) -> History:
    return History.at(str(folder), StorageConfig(), {"fingerprint": "f", **settings})


def write(found: History, night: str, mean=0.0, count=20, said=None, status="ok"):
    rng = np.random.default_rng([*night.encode()])
    one = group(LABEL, rng.normal(mean, 1, count))
    found.write(
        night, status, [(group(None, []), said or GroupResult()), (one, said or GroupResult())]
    )
    return one


def usual_night(found: History, night: str, mean=0.0, **sizes: int) -> None:
    """A night of groups that have so many documents each."""
    rng = np.random.default_rng([*night.encode()])
    groups = [group(f'["{name}"]', rng.normal(mean, 1, count)) for name, count in sizes.items()]
    rows = [GroupNight.total(None, groups), *groups]
    found.write(night, "ok", [(one, GroupResult(0.1)) for one in rows])


def test_a_night_comes_back_as_it_was(tmp_path):
    found = history(tmp_path)
    one = write(
        found, "2026-11-01", said=GroupResult(0.5, ("drift",), ("drift",), ("a",)), status="fail"
    )
    (past,), others = found.before("2026-11-02", 10)
    assert (past.night, past.status, others) == ("2026-11-01", "fail", [])
    assert past.groups[LABEL].said == GroupResult(0.5, ("drift",), ("drift",), ("a",))
    assert (past.groups[LABEL].tokens, past.groups[LABEL].scored) == (20, 20)
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
    with pytest.raises(InputError, match="is not a night of a history"):
        found.before("b", 5)


def _made(found, folder):
    write(found, "a")
    return folder / "night-a.parquet"


def pooled(found, night, nights=7, accept=None) -> Baseline:
    past, _ = found.before(night, 60)
    return Baseline.of_history(found, past, nights, accept or {})


def test_nights_that_alerted_are_in_no_baseline_but_new_ones_are(tmp_path):
    found = history(tmp_path)
    write(found, "n1", said=GroupResult(alerts=("new",)))
    write(found, "n2", mean=9, said=GroupResult(alerts=("drift",)))
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
        write(found, f"n{day:02}", mean=9, said=GroupResult(alerts=("drift",)))
    assert abs(pooled(found, "n99").groups[LABEL].pooled.moments.mean) < 1
    accepted = pooled(found, "n99", accept={"a": "n02"}).groups[LABEL]
    assert (accepted.nights, round(accepted.pooled.moments.mean)) == (1, 9)
    assert pooled(found, "n99", accept={"*": "n02"}).groups[LABEL].nights == 1
    assert pooled(found, "n99", accept={"b": "n02"}).groups[LABEL].pooled.moments.mean < 1


def test_quiet_nights_say_how_much_nights_differ_besides_by_chance(tmp_path):
    found = history(tmp_path)
    for day in range(1, 13):
        write(found, f"n{day:02}", said=GroupResult(day / 100))
    few, many = pooled(found, "n10"), pooled(found, "n99")
    assert (few.groups[LABEL].quiet, few.groups[LABEL].floor) == (9, 0.0)
    assert many.groups[LABEL].quiet == 12
    assert many.groups[LABEL].floor == pytest.approx(np.quantile(np.arange(1, 13) / 100, 0.95))
    assert many.groups[LABEL].names == tuple(f"n{day:02}" for day in range(6, 13))


def test_groups_that_are_counted_together_have_the_floor_of_their_quiet_nights(tmp_path):
    found = history(tmp_path)
    for day in range(1, 11):
        found.write(f"n{day:02}", "ok", [(group(OTHER, [1.0, 2.0]), GroupResult(day / 100))])
    before = pooled(found, "n11").groups[OTHER]
    assert (before.quiet, before.floor) == (10, pytest.approx(0.0955))
    gathered = pooled(found, "n11").gather([]).groups[OTHER]
    assert (gathered.quiet, gathered.floor) == (before.quiet, before.floor)


@pytest.mark.slow
def test_a_baseline_outlives_any_number_of_alerts(tmp_path):
    """Seven quiet nights, and seventy that drift: each says what it was compared with."""
    found = history(tmp_path)
    for day in range(1, 8):
        write(found, f"n{day:03}")
    for day in range(8, 78):
        used = pooled(found, f"n{day:03}").groups[LABEL]
        assert used.names == tuple(f"n{day:03}" for day in range(1, 8))
        write(
            found, f"n{day:03}", mean=9, said=GroupResult(9.0, ("drift",), ("drift",), used.names)
        )


def test_a_night_of_other_settings_is_not_replaced(tmp_path):
    write(history(tmp_path, by=["source"]), "n1")
    with pytest.raises(OutputError, match="holds the night n1 with another by"):
        history(tmp_path, by=["lang"]).check("n1")
    history(tmp_path, by=["source"]).check("n1")
    history(tmp_path, by=["lang"]).check("n2")


def test_how_strong_alerts_were_comes_back_and_older_files_do_not_say(tmp_path):
    found = history(tmp_path)
    write(found, "n1", said=GroupResult(0.5, ("drift", "new"), ("drift",), (), (-0.5, 0.0)))
    (past,), _ = found.before("n2", 1)
    assert past.groups[LABEL].said.strengths == {"drift": -0.5, "new": 0.0}
    file = tmp_path / "night-n1.parquet"
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["alert_effects"]), file)
    (past,), _ = found.before("n2", 1)
    strengths = past.groups[LABEL].said.strengths
    assert list(strengths) == ["drift", "new"] and all(map(np.isnan, strengths.values()))


def test_a_night_that_could_not_be_judged_is_in_no_baseline(tmp_path):
    found = history(tmp_path)
    write(found, "n1")
    empty = GroupNight(LABEL, 20, 0, {"empty": 20})
    found.write("n2", "ok", [(empty, GroupResult())])
    assert pooled(found, "n3").groups[LABEL].names == ("n1",)


def test_nights_that_are_gone_drop_out_and_are_told(tmp_path, caplog):
    found = history(tmp_path)
    names = [f"n{day:03}" for day in range(1, 6)]
    for name in names:
        write(found, name)
    for day in range(6, 80):
        write(
            found, f"n{day:03}", mean=9, said=GroupResult(9.0, ("drift",), ("drift",), tuple(names))
        )
    for name in names[:3]:
        (tmp_path / f"night-{name}.parquet").unlink()
    assert pooled(found, "n080").groups[LABEL].names == ("n004", "n005")
    assert pooled(found, "n080").gone == frozenset()
    for name in names[3:]:
        (tmp_path / f"night-{name}.parquet").unlink()
    baseline = pooled(found, "n080")
    assert LABEL not in baseline.groups and LABEL in baseline.gone
    assert "n001 to n005, are missing from the history; it is compared with nothing" in caplog.text


def test_weekends_are_compared_with_weekends(tmp_path):
    found = history(tmp_path)
    for day in range(1, 29):  # 2026-11-01 is a Sunday
        usual_night(found, f"2026-11-{day:02}", mean=-1.0 if day % 7 < 2 else 0.0, a=50)
    weekend = {5, 6}

    def means(night, **more):
        past, _ = found.before(night, 60)
        baseline = Baseline.of_history(found, past, 7, {}, night, **more)
        return baseline.groups[LABEL].pooled.moments.mean, len(baseline.groups[LABEL].history)

    sunday, monday = means("2026-11-29", weekend=weekend), means("2026-11-30", weekend=weekend)
    assert sunday == (pytest.approx(-1, abs=0.2), 8)
    assert monday == (pytest.approx(0, abs=0.2), 20)
    assert means("2026-11-29")[1] == 28  # nobody has said that weekends are other days
    assert means("2026-11-12", weekend=weekend)[1] == 8


def test_weekends_that_alerted_before_they_were_told_apart_are_not_compared_with_other_days(
    tmp_path,
):
    found = history(tmp_path)
    for day in range(1, 21):
        free = day % 7 < 2
        said = (
            GroupResult(0.5, ("drift",), ("drift",), ("2026-10-30",)) if free else GroupResult(0.1)
        )
        write(found, f"2026-11-{day:02}", mean=-1.0 if free else 0.0, said=said)
    past, _ = found.before("2026-11-21", 60)
    assert LABEL not in Baseline.of_history(found, past, 7, {}, "2026-11-21", {5, 6}).groups
    assert LABEL in Baseline.of_history(found, past, 7, {}, "2026-11-23", {5, 6}).groups


def test_the_others_are_expected_as_they_came_together(tmp_path):
    """Rare sources, each of which comes one night in three."""
    found = history(tmp_path)
    for day in range(1, 10):
        rare = {f"r{number}": 100 for number in range(day % 3, 9, 3)}
        usual_night(found, f"n{day:02}", a=500, **rare)
    baseline = pooled(found, "n10").gather(['["a"]'])
    assert baseline.groups[OTHER].expected == 300
    assert [one.documents for one in baseline.groups[OTHER].history] == [300] * 9
    assert baseline.groups['["a"]'].expected == 500


def test_nights_on_which_a_group_was_not_yet_among_the_others_predict_none_of_them(tmp_path):
    """Of a group that stood for itself and now is one of the others."""
    found = history(tmp_path)
    for day in range(1, 10):
        usual_night(found, f"n{day:02}", a=500, b=40, c=60)
    others = pooled(found, "n10").gather(['["a"]']).groups[OTHER]
    assert [one.documents for one in others.history] == [100] * 9
    assert (others.expected, set(others.came)) == (100, {100})


def test_a_group_that_fails_from_its_first_night_has_a_baseline_all_the_same(tmp_path):
    found = history(tmp_path)
    for day in range(1, 9):
        write(found, f"n{day}", said=GroupResult(None, ("new", "failed"), ("failed",)))
    assert len(pooled(found, "n9").groups[LABEL].history) == 8


def test_quiet_nights_count_however_long_an_alert_stands(tmp_path):
    found = history(tmp_path)
    for day in range(1, 61):
        alerted = (
            GroupResult(0.1, ("rewarded",), ("rewarded",), ("n01",))
            if day > 20
            else GroupResult(0.1)
        )
        write(found, f"n{day:02}", said=alerted)
    assert len(pooled(found, "n61").groups[LABEL].history) == 20


def test_nights_on_which_a_group_stayed_away_count_once_it_has_come_again(tmp_path):
    found = history(tmp_path)
    gone = GroupResult(None, ("missing",), ("missing",))
    for day in range(1, 16):
        here = day % 5 and day < 12
        found.write(f"n{day:02}", "ok", [
            (group(LABEL, [1.0] * 30 if here else []), GroupResult(0.1) if here else gone)
        ])  # fmt: skip
    came = pooled(found, "n16").groups[LABEL].came
    assert came == (30, 30, 30, 30, 0, 30, 30, 30, 30, 0, 30)  # and not the nights since then


def test_a_pinned_run_has_the_counts_of_the_history(tmp_path):
    found = history(tmp_path)
    for day in range(1, 10):
        write(found, f"n{day}", count=20 + day)
    one = group(LABEL, [5.0] * 100)
    night = Night(GroupNight.total(None, [one]), {LABEL: one})
    pinned = Baseline.of_run(night, 1).with_counts(pooled(found, "n99")).groups[LABEL]
    assert [night.documents for night in pinned.history] == list(range(21, 30))
    assert pinned.pooled is one


def past_group(label: str, distance: float = 0.1, *alerts: str, repeated: float | None = None):
    said = GroupResult(distance, alerts)
    return PastGroup(label, 100, 0.0, {}, said, tokens=100, scored=100, repeated=repeated)


def test_an_accepted_night_is_no_quiet_night_of_the_floor():
    """Its distance is from the baseline that the acceptance has ended."""
    names = [f"2026-11-{day:02}" for day in range(1, 13)]
    past = [PastNight(name, "ok", {LABEL: past_group(LABEL)}) for name in names]
    past[0] = PastNight(names[0], "fail", {LABEL: past_group(LABEL, 2.0, "drift")})
    count, floor = _floor(LABEL, names, past)
    assert count == 11 and floor == pytest.approx(0.1)


@pytest.mark.parametrize(("second", "known"), [(40.0, 80.0), (None, None)])
def test_all_others_repeat_as_much_as_their_groups(second, known):
    groups = {'["b"]': past_group('["b"]', repeated=40.0)}
    groups['["c"]'] = past_group('["c"]', repeated=second)
    (night,) = _others([PastNight("2026-11-01", "ok", groups)], {LABEL})
    assert (night.documents, night.repeated) == (200, known)


def came(*documents: int) -> tuple[int, ...]:
    """Nights of a group with so many documents; each without one alerts `missing`."""
    nights = []
    for number, count in enumerate(documents):
        said = GroupResult(0.1, () if count else ("missing",))
        group = PastGroup(LABEL, count, 0.0, {}, said)
        nights.append(PastNight(f"2026-11-{number + 1:02}", "ok", {LABEL: group}))
    return _came(LABEL, nights)


def test_one_outage_is_no_sign_that_a_group_stays_away():
    assert came(9, 0, 0, 8, 7) == (9, 8, 7)
    assert came(9, 0, 8, 0, 7, 0) == (9, 0, 8, 0, 7)
