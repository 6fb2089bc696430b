"""What a night that alerts delivers and holds, and how what is held is released; no Ray."""

import json
import shutil
import socket

import pytest

from rm_ray.errors import Alerted, InputError, OutputError
from rm_ray.nightly.__main__ import main
from rm_ray.nightly.release import release
from rm_ray.report.show.folder import HTML, SUMMARY
from rm_ray.store.folder import Folder
from tests.nightly.days import Days, alert

GROUP = {"filter": {"on_alert": "hold_group"}}


def kept(days: Days) -> dict[str, list[str]]:
    """The documents that readers of delivered nights find, by folder."""
    folders = sorted((days.folder / "kept").glob("night=*"))
    return {
        folder.name.removeprefix("night="): sorted(p.read_text() for p in folder.rglob("*.parquet"))
        for folder in folders
        if (folder / "_SUCCESS").exists()
    }


def decide(days: Days, *words: str) -> int:
    return main(["--output.path", str(days.folder), *words])


def fail(days: Days, night: str, **more) -> None:
    with pytest.raises(Alerted):
        days.run(night, comes=1, **more)


def test_a_night_that_fails_is_held_and_released_once(days, caplog):
    caplog.set_level("INFO")
    days.run("23", comes=1)
    days.fails, days.draws = {"24"}, True
    fail(days, "24")
    assert kept(days) == {"23": ["23 a", "23 b", "23 c"]}
    held = days.folder / "held" / "night=24"
    assert not list(days.folder.glob("held/**/_SUCCESS"))
    assert (held / "corpus" / "day=1" / "part-a.parquet").exists()
    command = f'--output.path {days.folder} --release 24 --because "..."'
    assert command in caplog.text
    page = days.folder / "reports" / "24" / HTML
    assert "Held:" in page.read_text() and str(held) in page.read_text()
    assert "**Held**" in (page.parent / SUMMARY).read_text()
    index = (days.folder / "index.html").read_text()
    assert 'class="held">Held: <bdi>24</bdi>' in index
    assert decide(days, "--release", "24", "--because", "checked") == 0
    assert kept(days) == {night: [f"{night} {g}" for g in "abc"] for night in ("23", "24")}
    assert not held.exists()
    released = days.night("24").delivery.released
    assert released.because == "checked" and released.by.endswith(f"@{socket.gethostname()}")
    assert f"by <bdi>{released.by}</bdi>" in page.read_text()
    assert "Held:" not in page.read_text()
    assert "released by" in (days.folder / "index.html").read_text()
    before = days.tree()
    assert decide(days, "--release", "24", "--because", "once more") == 0
    assert "was released by" in caplog.messages[-1] and ": checked" in caplog.messages[-1]
    assert days.tree() == before
    assert days.nights["24"] == ([1], "fail")


def test_a_night_whose_files_are_as_a_filter_delivers_them(days):
    """The folder that a release makes is the one that a delivery would have made."""
    days.fails = {"24"}
    days.run("23", comes=1, filter={"on_alert": "keep"})
    with pytest.raises(Alerted):
        days.run("24", comes=1, filter={"on_alert": "keep"})
    delivered = days.tree()
    held = Days(days.folder.parent / "other")
    held.fails = {"24"}
    held.run("23", comes=1)
    fail(held, "24")
    shutil.rmtree(held.folder / "reports")
    decide(held, "--release", "24", "--because", "checked")
    assert held.tree() == delivered


@pytest.fixture
def groups(days):
    """A night on which a and b alert."""
    days.alerts = {"24": [alert("a"), alert("b", "spread"), alert(None, folded_into="a: drift")]}
    return days


def test_groups_that_alert_are_held_and_the_others_delivered(groups):
    fail(groups, "24", **GROUP)
    assert kept(groups) == {"24": ["24 c"]}
    delivery = groups.night("24").delivery
    assert (delivery.names, delivery.documents) == (("a", "b"), 20)
    assert str(delivery) == "a, b held"
    before = groups.tree()
    assert decide(groups, "--release", "24", "--because", "fine") == 0
    assert kept(groups) == {"24": ["24 c"], "24.released": ["24 a", "24 b"]}
    # what was delivered has not changed
    old = {name: data for name, data in before.items() if name.startswith("kept/night=24/")}
    assert {name: groups.tree()[name] for name in old} == old


@pytest.mark.parametrize(
    ("alerts", "on_alert", "said"),
    [
        ([alert("a")], "keep", "delivered"),
        ([alert("a")], "hold_night", "held"),
        ([alert("a"), alert(None, "volume")], "hold_group", "held"),
        ([alert("a", level="warn")], "hold_group", "delivered"),
        ([alert("z", "missing")], "hold_group", "delivered"),
        ([alert("a"), alert("b"), alert("c")], "hold_group", "held"),
        ([alert("(all others)").model_copy(update={"label": "*"})], "hold_group", "held"),
        ([alert("a", standing=True)], "hold_group", "a held"),
        ([alert("a", folded_into="b: drift")], "hold_group", "delivered"),
    ],
)
def test_what_is_held(days, alerts, on_alert, said):
    """Alerts that stand hold too, and what is held is never quiet."""
    days.alerts = {"24": alerts}
    fails = any(each.level == "fail" and not each.standing for each in alerts)
    if fails or said.endswith("held"):
        fail(days, "24", filter={"on_alert": on_alert})
    else:
        days.run("24", comes=1, filter={"on_alert": on_alert})
    assert str(days.night("24").delivery) == said
    assert (days.folder / "held").exists() == said.endswith("held")


@pytest.mark.parametrize("what", ["night", "group"])
def test_a_release_that_is_killed_anywhere_ends_in_the_same_folders(groups, monkeypatch, what):
    """Killed at its first write, at its second, and so on, and then done again."""
    more = GROUP if what == "group" else {}
    fail(groups, "24", **more)
    undisturbed = Days(groups.folder.parent / "undisturbed")
    undisturbed.alerts = groups.alerts
    fail(undisturbed, "24", **more)
    decide(undisturbed, "--release", "24", "--because", "first")
    shutil.rmtree(groups.folder / "reports")  # a page that is written again takes long
    writes = {name: getattr(Folder, name) for name in ("create", "overwrite", "remove")}
    left = [0]

    def dying(write):
        def called(*words):
            if "probe-" not in str(words):
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt
            return write(*words)

        return called

    ended = 0
    for after in range(100):
        one = Days(groups.folder.parent / f"killed-{after}")
        shutil.copytree(groups.folder, one.folder)
        left[0] = after
        with monkeypatch.context() as patched:
            for name, write in writes.items():
                patched.setattr(Folder, name, dying(write))
            try:
                release(one.output, "24", "first")
            except KeyboardInterrupt:
                ended += 1
        # nobody takes a folder that is not complete for one that is
        found = kept(one).get("24" if what == "night" else "24.released")
        assert found in (None, kept(undisturbed).popitem()[1])
        release(one.output, "24", "second")
        assert one.tree() == undisturbed.tree()
        assert one.night("24").delivery.released.because == ("first" if after else "second")
        if left[0] >= 0:
            break
    assert ended == after > 10


def test_an_interrupted_release_is_gone_on_with_in_the_next_night(days, caplog):
    days.fails = {"24"}
    fail(days, "24")
    record = days.folder / "nights" / "released" / "24.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"by": "ann@there", "at": "then", "because": "checked"}))
    days.run("25", comes=1)
    assert kept(days).keys() == {"24", "25"}
    assert days.night("24").delivery.released.by == "ann@there"
    assert not (days.folder / "held" / "night=24").exists()


@pytest.mark.parametrize("words", [("--release", "24"), ("--accept", "web")])
def test_a_folder_that_is_not_that_of_the_nights_is_refused_and_stays(tmp_path, caplog, words):
    folder = tmp_path / "mistyped"
    assert main(["--output.path", str(folder), *words, "--because", "so"]) == 2
    assert f"there is no night in {folder}/nights" in caplog.text and not folder.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--release", "24"], "recorded with its reason"),
        (["--because", "so"], "give one of them"),
        (["--release", "24", "--accept", "a", "--because", "so"], "two commands"),
        (
            ["--release", "25", "--because", "so"],
            "no night 25; the last nights are 23, 24",
        ),
        (
            ["--release", "23", "--because", "so"],
            "of the night 23 is held: it is delivered",
        ),
        (["--release", "24", "--because", "so", "--dry-run"], "--dry-run is for a night"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(days, caplog, words, said):
    days.run("23", comes=1)
    days.fails = {"24"}
    fail(days, "24")
    before = days.tree()
    assert decide(days, *words) == 2
    assert said in caplog.messages[-1]
    assert days.tree() == before


def test_what_is_held_and_not_whole_is_not_released(days):
    days.fails = {"24"}
    fail(days, "24")
    held = days.folder / "held" / "night=24"
    (held / "corpus" / "day=1" / "part-a.parquet").unlink()
    with pytest.raises(OutputError, match="has 2 files, and 3 were written"):
        release(days.output, "24", "so")
    (held / "_HELD").unlink()
    with pytest.raises(OutputError, match="has no _HELD"):
        release(days.output, "24", "so")
    assert kept(days) == {}


def test_a_decision_in_a_file_is_refused(days, tmp_path, caplog):
    file = tmp_path / "nightly.yaml"
    words = {"input": {"path": "c"}, "judge": {"model": "m"}, "output": {"path": "o"}}
    file.write_text(json.dumps({**words, "release": "24", "because": "so"}))
    assert main(["--config", str(file)]) == 2
    assert "release belongs on the command line" in caplog.messages[-1]


def test_with_a_configuration_the_folder_is_its_own(days, tmp_path):
    days.fails = {"24"}
    fail(days, "24")
    file = tmp_path / "nightly.yaml"
    words = {"input": {"path": "c"}, "judge": {"model": "m"}, "output": {"path": str(days.folder)}}
    file.write_text(json.dumps(words))
    assert main(["--config", str(file), "--release", "24", "--because", "so"]) == 0
    assert kept(days).keys() == {"24"}


def test_a_night_that_goes_on_delivers_as_it_was_decided(days):
    """Its verdict is that of its first report, whatever was configured or accepted since."""
    days.fails, days.filters = {"24"}, {"24": InputError("too few")}
    with pytest.raises(InputError):
        days.run("24", comes=1)
    days.fails, days.filters = set(), {}
    with pytest.raises(Alerted, match=r"^24: fail, held"):
        days.run("24", filter={"on_alert": "keep"})
    assert days.reported == [("24", [0])]


def test_nights_of_an_older_version_are_gone_on_with(days):
    """Their files have no delivery; one whose filter had begun is delivered as before."""
    (days.folder / "nights").mkdir(parents=True)
    old = {"night": "23", "asked": "23", "segments": [0], "status": "fail", "sentence": "it failed"}
    (days.folder / "nights" / "23.json").write_text(json.dumps({**old, "also": []}))
    begun = {**old, "night": "24", "asked": "24", "segments": [1], "status": None, "also": []}
    (days.folder / "nights" / "24.json").write_text(json.dumps(begun))
    (days.folder / "kept" / "night=24" / "_rm_ray").mkdir(parents=True)
    days.fails, days.comes = {"24"}, 3
    with pytest.raises(Alerted, match=r"^24: fail, delivered: it is fail$"):
        days.run("25", comes=3)
    assert kept(days).keys() == {"24", "25"}
    assert decide(days, "--release", "23", "--because", "so") == 2
    assert "23" in (days.folder / "index.html").read_text()
    assert days.night("23").delivery is None
