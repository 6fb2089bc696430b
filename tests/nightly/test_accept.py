"""What is accepted stays accepted, with what it explains; and what cannot be accepted."""

import json

import pytest

from rm_ray.errors import Alerted
from rm_ray.nightly.__main__ import main
from rm_ray.nightly.acceptances import Acceptance, as_of
from rm_ray.nightly.deliveries import Signed
from tests.nightly.days import alert
from tests.nightly.real import Real

SIGNED = Signed("ann@there", "then", "a reason")


def accept(folder, group, *more) -> int:
    words = ["--output.path", str(folder), "--accept", group, "--because", "a new crawler", *more]
    return main(words)


def test_the_last_acceptance_up_to_a_night_counts():
    found = [
        Acceptance("a", "22", SIGNED), Acceptance("a", "24", SIGNED, ("all documents",)),
        Acceptance("b", "26", SIGNED),
    ]  # fmt: skip
    assert as_of("23", found) == {"a": "22"}
    assert as_of("25", found) == {"a": "24", "all documents": "24"}
    assert as_of("26", found)["b"] == "26"


def test_an_acceptance_is_written_once_and_later_nights_know_it(days, caplog):
    caplog.set_level("INFO")
    days.alerts = {"24": [alert("a"), alert(None, folded_into="a: drift")]}
    days.draws = True
    with pytest.raises(Alerted):
        days.run("24", comes=1)
    for _ in range(2):
        assert accept(days.folder, "a") == 0
    (file,) = (days.folder / "nights" / "accepted").iterdir()
    stored = json.loads(file.read_text())
    assert (stored["group"], stored["night"], stored["also"]) == ("a", "24", ["all documents"])
    assert stored["signed"]["because"] == "a new crawler"
    assert "the verdict of 24 stays, and its documents are held: python jobs/" in caplog.text
    assert "a new crawler" in (days.folder / "reports" / "24" / "report.html").read_text()
    assert "a new crawler" in (days.folder / "index.html").read_text()
    assert days.nights == {"24": ([0], "fail")}
    days.run("25", comes=1, report={"baseline": {"accept": {"b": "23", "a": "22"}}})
    assert days.asked["25"] == {"a": "24", "all documents": "24", "b": "23"}
    figures = json.loads((days.folder / "reports" / "25" / "report.json").read_text())
    assert figures["accepted"] == []  # the history of this test's reports has no such night


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["z"], "the report of 24 has no group z; it has all documents, a, b, c"),
        (["c"], "c has no alert on its last night, 24: there is nothing to accept"),
        (["a", "--night", "24"], "the night 24 is done, or lies before one that is done (24), and"),
        (["a", "--night", "23"], "the night 23 is done"),
        (["b"], "the alert of b on 24 is new, and there is nothing to accept"),
        (["z", "--night", "26"], "has no group z"),
    ],
)
def test_what_cannot_be_accepted_is_refused(days, caplog, words, said):
    days.run("23", comes=1)
    days.alerts = {"24": [alert("a"), alert("b", "new", level="warn")]}
    with pytest.raises(Alerted):
        days.run("24", comes=1)
    assert accept(days.folder, *words) == 2
    assert said in caplog.messages[-1]
    assert not (days.folder / "nights" / "accepted").exists()


def test_a_coming_night_is_accepted_beforehand(days):
    days.run("24", comes=1)
    assert accept(days.folder, "a", "--night", "26") == 0
    days.run("25", comes=1)
    days.run("26", comes=1)
    assert (days.asked["25"], days.asked["26"]) == ({}, {"a": "26"})


def test_an_alert_before_an_empty_night_can_be_accepted(days):
    days.alerts = {"24": [alert("a")]}
    for night, comes in (("24", 1), ("25", 0)):
        with pytest.raises(Alerted):
            days.run(night, comes=comes)
    assert accept(days.folder, "a") == 0
    days.run("26", comes=1)
    assert days.asked["26"] == {"a": "24"}


def test_a_damaged_acceptance_is_named(days, caplog):
    days.run("24", comes=1)
    (days.folder / "nights" / "accepted").mkdir()
    (days.folder / "nights" / "accepted" / "24.json").write_text("{")
    assert accept(days.folder, "a", "--night", "26") == 2
    assert "24.json is damaged; restore it" in caplog.messages[-1]


def test_what_an_acceptance_explains_alerts_no_more(tmp_path, caplog):
    """A third of all documents moves so far that all documents move with it. Nobody has to accept
    these too, on the next night or later.
    """
    real = Real(tmp_path)
    assert real.run("21") == "quiet"
    assert real.run("23", b=2.0).startswith("23: fail: 1 new alert (b): ")
    assert ("all documents", "drift", "b: drift") in real.alerts("23")
    folder = tmp_path / "nights"
    assert accept(folder, "b") == 0
    assert real.run("24", b=2.0) == "quiet"
    assert real.alerts("24") == []
    assert "there is no group" not in caplog.text
    page = (folder / "reports" / "24" / "report.html").read_text()
    assert "a new crawler" in page
    # what is beyond the acceptance still alerts
    assert real.run("26", b=4.0).startswith("26: fail: 1 new alert (b): ")


def test_a_group_that_is_accepted_on_its_own_night_is_not_new(tmp_path):
    real = Real(tmp_path)
    real.run("21")
    assert accept(tmp_path / "nights", "b", "--night", "22") == 0
    real.run("22", b=2.0)
    assert ("b", "new") not in [found[:2] for found in real.alerts("22")]
