"""Which night has what, whatever ends the job and wherever: scoring plans, reports say; no Ray."""

from types import SimpleNamespace

import pytest

from rm_ray.config import OutputConfig
from rm_ray.errors import Alerted, ClusterError, Incomplete, InputError
from rm_ray.nightly import job
from rm_ray.nightly.config import NIGHTS, NightlyConfig
from rm_ray.nightly.nights import KnownNight, Nights
from rm_ray.report.figures import NightVerdict
from rm_ray.run.output.folder import REWARDS, RunFolder


class Days:
    """Stands for scoring, reports and filters, of which only the plan is written.

    `comes`: segments that there are to plan. `ends`: what ends scoring, once it has planned.
    `reports` and `filters`: what they raise, by night; `fails`: nights that alert.
    """

    def __init__(self, folder) -> None:
        self.folder = folder
        self.comes, self.ends = 0, None
        self.reports, self.filters, self.fails = {}, {}, set()
        self.reported = []

    def run(self, night: str, comes: int = 0, **more) -> None:
        self.comes = comes
        told = {"input": {"path": "corpus"}, "judge": {"model": "m"}, "filter": {}}
        output = {"path": str(self.folder)}
        job.nightly(
            NightlyConfig.model_validate({**told, "output": output, "night": night, **more})
        )

    def score(self, config) -> None:
        if isinstance(self.ends, InputError):
            raise self.ends
        for _ in range(self.comes):
            RunFolder(config.output, REWARDS).segments.add([], {})
        self.comes = 0
        if self.ends is not None:
            raise self.ends

    def report(self, config):
        self.reported.append((config.night, config.rewards.segments))
        if config.night in self.reports:
            raise self.reports[config.night]
        status = "fail" if config.night in self.fails or not config.rewards.segments else "ok"
        verdict = NightVerdict(status=status, sentence=f"it is {status}", alerts=[])
        return SimpleNamespace(verdict=verdict, whole=SimpleNamespace(documents=1))

    def filter_corpus(self, config) -> None:
        night = config.output.path.rpartition("=")[2]
        if night in self.filters:
            raise self.filters[night]

    @property
    def nights(self) -> dict[str, tuple[list[int] | None, str | None]]:
        found = Nights.at(OutputConfig(path=str(self.folder)), NIGHTS).all()
        return {one.night: (one.segments, one.status) for one in found}


@pytest.fixture
def days(tmp_path, monkeypatch) -> Days:
    found = Days(tmp_path)
    for name in ("score", "report", "filter_corpus"):
        monkeypatch.setattr(job, name, getattr(found, name))
    return found


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
            with pytest.raises(Alerted, match="24: it is fail"):
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
    with pytest.raises(Alerted, match="25: it is fail"):
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
def test_a_night_that_cannot_be_finished_stops_no_other(days, error, kind):
    days.reports = {"24": error}
    with pytest.raises(kind):
        days.run("24", comes=1)
    days.fails = {"25"}
    said = r"^1 nights could not be finished, the first is 24: a part is gone; and 25: it is fail$"
    with pytest.raises(kind, match=said):
        days.run("25", comes=1)
    assert days.nights == {"24": ([0], None), "25": ([1], "fail")}


def test_a_filter_that_is_refused_can_be_left_out(days):
    days.filters = {"24": InputError("too few"), "25": Incomplete("the store is away")}
    with pytest.raises(InputError, match=r"24: too few; correct this, .* --skip_filter 24$"):
        days.run("24", comes=1)
    with pytest.raises(Incomplete, match=r"24: the store is away$"):
        days.filters["24"] = days.filters["25"]
        days.run("24")
    days.run("24", skip_filter=["24"])
    assert days.nights == {"24": ([0], "ok")}
