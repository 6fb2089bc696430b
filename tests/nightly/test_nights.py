"""Which night has what, whatever ends the job and wherever: scoring plans, reports say; no Ray."""

import pytest

from rm_ray.config import OutputConfig
from rm_ray.errors import Alerted, ClusterError, Incomplete, InputError
from rm_ray.nightly.config import NIGHTS
from rm_ray.nightly.nights import KnownNight, Nights
from tests.nightly.days import Days


def interrupted(days: Days, night: str, comes: int = 0) -> None:
    days.ends = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        days.run(night, comes)
    days.ends = None


def test_nights_are_in_the_order_of_their_names(tmp_path):
    nights = Nights.at(OutputConfig(path=str(tmp_path)), NIGHTS)
    names = ["2026-11-23", "2026-11-24", "2026-11-24.02", "2026-11-25"]
    for name in reversed(names):
        nights.begin(KnownNight(name, name[:10]))
    assert [one.night for one in nights.all()] == names


@pytest.mark.parametrize("verdict", ["ok", "fail"])
def test_a_night_that_only_went_on_with_another_repeats_its_verdict(days, verdict):
    interrupted(days, "24", comes=1)
    interrupted(days, "25")
    days.fails = {"24"} if verdict == "fail" else set()
    for _ in range(2):
        if verdict == "fail":
            with pytest.raises(Alerted, match=r"^24: fail, held: it is fail$"):
                days.run("25")
        else:
            days.run("25")
        assert days.nights == {"24": ([0], verdict)}
    days.fails = set()
    days.run("25", comes=1)
    assert days.nights == {"24": ([0], verdict), "25": ([1], "ok")}
    assert days.reported == [("24", [0]), ("25", [1])]


def test_a_night_without_documents_is_said_where_the_one_before_had_planned_nothing(days):
    interrupted(days, "24")
    with pytest.raises(Alerted, match=r"^25: fail: it is fail$"):
        days.run("25")
    assert days.nights == {"25": ([], "fail")}


def test_what_a_second_run_of_a_day_had_planned_stays_its_own(days):
    days.run("24", comes=1)
    interrupted(days, "24", comes=1)
    assert days.nights == {"24": ([0], "ok"), "24.02": (None, None)}
    days.run("25", comes=1)
    assert days.nights == {"24": ([0], "ok"), "24.02": ([1], "ok"), "25": ([2], "ok")}


@pytest.mark.parametrize("ends", [None, InputError("no")])
def test_a_second_run_of_a_day_with_nothing_new_leaves_nothing(days, ends):
    days.run("24", comes=1)
    days.ends = ends
    if ends:
        with pytest.raises(InputError):
            days.run("24")
    else:
        days.run("24")
    assert days.nights == {"24": ([0], "ok")}
    assert days.reported == [("24", [0])]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Incomplete("a part is gone"), Incomplete), (OSError("a part is gone"), Incomplete),
     (ClusterError("a part is gone"), ClusterError)],
)  # fmt: skip
def test_a_night_that_cannot_be_finished_stops_no_other(days, caplog, error, kind):
    days.reports = {"24": error}
    with pytest.raises(kind):
        days.run("24", comes=1)
    days.fails = {"25"}
    with pytest.raises(kind, match=r"^24: not finished: a part is gone$"):
        days.run("25", comes=1)
    lines = [line for line in caplog.messages if line.startswith(("24:", "25:"))]
    assert lines == ["25: fail, held: it is fail"]
    assert days.nights == {"24": ([0], None), "25": ([1], "fail")}


def test_a_filter_that_is_refused_can_be_left_out(days):
    days.filters = {"24": InputError("too few"), "25": Incomplete("the store is away")}
    with pytest.raises(
        InputError,
        match=r"^24: ok, not filtered \(too few; .* --skip_filter 24\): it",
    ):
        days.run("24", comes=1)
    with pytest.raises(Incomplete, match=r"^24: ok, not filtered \(the store is away\): it is ok$"):
        days.filters["24"] = days.filters["25"]
        days.run("24")
    days.run("24", skip_filter=["24"])
    assert days.nights == {"24": ([0], "ok")}
    assert days.reported == [("24", [0])]  # once: its verdict was stored


def test_a_filter_that_is_refused_hides_no_failing_verdict(days):
    days.fails, days.filters = {"24"}, {"24": InputError("too few")}
    with pytest.raises(InputError, match=r"^24: fail, not filtered \(too few; .*\): it is fail$"):
        days.run("24", comes=1)
    assert (days.night("24").status, days.night("24").said) == (None, "fail")


def test_each_night_of_a_command_has_a_line_and_the_worst_has_the_last_word(days, caplog):
    caplog.set_level("INFO")
    for night in ("22", "23", "24"):
        interrupted(days, night, comes=1)
    days.fails = {"23", "24"}
    with pytest.raises(Alerted, match=r"^23: fail, held: it is fail$"):
        days.run("25", comes=1)
    lines = [line for line in caplog.messages if line[:4] in ("22: ", "23: ", "24: ", "25: ")]
    assert lines == ["22: ok, delivered: it is ok", "24: fail, held: it is fail",
                     "25: ok, delivered: it is ok"]  # fmt: skip
