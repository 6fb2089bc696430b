"""The index of all nights: what it says, and that it stays small."""

from datetime import date, timedelta

import pytest

from rm_ray.nightly.acceptances import Acceptance
from rm_ray.nightly.deliveries import Delivery, Signed
from rm_ray.nightly.index import MOST_GROUPS, MOST_NIGHTS, index_page
from rm_ray.nightly.nights import KnownNight
from tests.browser import axe_findings, running_browser
from tests.report.sample import HOSTILE
from tests.report.show.parsed_page import Parsed

SIGNED = Signed("ann@there", "then", "looked at it")


def nights(many: int, text: str = "web") -> list[KnownNight]:
    """Every fifth night fails, and half of the failing nights are released."""
    found = []
    for number in range(many):
        name = (date(2024, 1, 1) + timedelta(number)).isoformat()
        fails = number % 5 == 0
        released = SIGNED if number % 10 == 0 else None
        delivery = Delivery("night", documents=9, released=released) if fails else None
        levels = {text: "fail", f"s{number % 40}": "warn"} if fails else {}
        said = "fail" if fails else "ok"
        found.append(
            KnownNight(name, name, [number], said, f"a sentence of {text}", (), said, levels, 9,
                       delivery)
        )  # fmt: skip
    return found


def test_says_verdicts_deliveries_and_decisions():
    accepted = [Acceptance("web", "2024-01-06", SIGNED, ("all documents",))]
    text = index_page(nights(8), accepted).decode()
    parsed = Parsed(text)
    assert not parsed.open
    linked = [attrs["href"] for tag, attrs in parsed.tags if tag == "a"]
    assert "reports/2024-01-06/report.html" in linked
    assert "8 nights. The last, 2024-01-08 :" in parsed.text
    assert "Held: 2024-01-06 ." in parsed.text
    assert "released by ann@there : looked at it" in parsed.text
    assert "accepted: web , by ann@there : looked at it" in parsed.text
    assert "a sentence of web" in parsed.text


def test_a_night_that_is_not_done_and_one_of_an_older_version():
    old = KnownNight("2024-01-01", "2024-01-01", [0], "fail", "it failed")
    begun = KnownNight("2024-01-02", "2024-01-02")
    parsed = Parsed(index_page([old, begun], []).decode())
    assert "not finished" in parsed.text and "it failed" in parsed.text
    assert "0 nights" in Parsed(index_page([], []).decode()).text


def test_is_bounded_after_a_thousand_nights_and_forgets_nothing_that_is_held():
    small, large = (index_page(nights(many), []) for many in (1000, 3000))
    assert len(small) < len(large) < 600_000
    parsed = Parsed(small.decode())
    assert "Earlier nights, by month" in parsed.text
    assert parsed.count("th") < (MOST_NIGHTS + 300) + MOST_GROUPS + 60
    assert "2024-01-06" in parsed.text  # held since the first week
    months = index_page(nights(1000, "x" * 5000), [])
    assert len(months) < 1.5 * len(small)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_only_text(text):
    accepted = [Acceptance(text, "2024-01-01", Signed(text, text, text))]
    page = index_page(nights(6, text), accepted).decode()
    assert not Parsed(page).open
    assert "<script" not in page and "<img" not in page


def test_everyone_can_read_it_and_nothing_lies_beside_the_screen(tmp_path):
    (tmp_path / "index.html").write_bytes(index_page(nights(400), []))
    with running_browser() as browser:
        page = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 900})
        tab = page.new_page()
        tab.goto(f"file://{tmp_path}/index.html")
        wide = "[...document.querySelectorAll('.scroll')].map(e => e.scrollWidth - e.clientWidth)"
        assert max(tab.evaluate(wide)) <= 1
        assert axe_findings(tab) == []
