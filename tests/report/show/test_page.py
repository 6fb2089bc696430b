"""The page: what is in it, and what a browser makes of it."""

import base64
import hashlib
import json
import re

import pytest

from rm_ray.filter.config import RuleConfig
from rm_ray.filter.rule import fixed_cuts
from rm_ray.report.show.caps import MOST_TEXT
from rm_ray.report.show.formats import count, exact, share
from rm_ray.report.show.page import _counted, page
from rm_ray.report.show.svg import COLOURS
from tests.browser import axe_findings, running_browser
from tests.report.sample import CUT, CUTS, TEXT, figures, six_alerts
from tests.report.show.parsed_page import Parsed

LIMIT = 2_000_000
MADE = {
    "healthy": figures(),
    "failing": figures(status="fail"),
    "six alerts": six_alerts(),
    "many": figures(groups=30, nights=90, status="warn"),
    "first": figures(baseline=False, nights=0),
    "empty": figures(empty=True),
    "nothing": figures(empty=True, baseline=False, nights=1),
    "hostile": figures(groups=10, status="fail", hostile=True),
    "no groups": figures().model_copy(
        update={"groups": [], "by": [], "mix": None, "blind": None, "documents": [], "cut": None}
    ),
}


@pytest.fixture(scope="module")
def html():
    return {kind: page(sample).decode() for kind, sample in MADE.items()}


@pytest.mark.parametrize("kind", MADE)
def test_is_whole_and_fetches_nothing(html, kind):
    parsed = Parsed(html[kind])
    assert not parsed.open
    assert parsed.count("h1") == 1
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    linked = [value for _, attrs in parsed.tags for key, value in attrs.items()
              if key in ("href", "src", "xlink:href")]  # fmt: skip
    assert all(value.startswith("#") or value == "data:," for value in linked)
    assert {value[1:] for value in linked if value.startswith("#")} <= set(ids)
    assert not [attrs for _, attrs in parsed.tags if any(key.startswith("on") for key in attrs)]


@pytest.mark.parametrize("kind", MADE)
def test_is_the_same_each_time(html, kind):
    assert page(MADE[kind]).decode() == html[kind]


@pytest.mark.parametrize("kind", MADE)
def test_colours_are_those_of_the_style(html, kind):
    assert not any(colour in html[kind] for colour in COLOURS)
    style = re.search("<style>(.*?)</style>", html[kind], re.DOTALL)[1]
    assert set(re.findall(r"var\((--[\w-]+)\)", html[kind])) <= set(
        re.findall(r"(--[\w-]+):", style)
    )


def test_only_its_script_may_run(html):
    scripts = re.findall("<script>(.*?)</script>", html["healthy"], re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.search('Content-Security-Policy" content="([^"]+)"', html["healthy"])[1]
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_says_what_broke(html):
    text = Parsed(html["failing"]).text
    assert text.index("✕ fail Night 2026-11-12") < text.index("Documents 645,833")
    assert "en/wiki: 0.84 sd from the baseline; chance alone stays below 0.05." in text
    assert text.count("Standing since before.") == 1
    assert "2 further alerts, which these explain" in text
    assert "The rewards hardly vary in en/forum" in text


@pytest.mark.parametrize("group", MADE["many"].groups, ids=lambda group: group.name)
def test_every_group_is_in_the_tables(html, group):
    assert html["many"].count(f"<bdi>{group.name}</bdi></th>") >= 4


def test_figures_are_those_given(html):
    text = Parsed(html["healthy"]).text
    sample = MADE["healthy"]
    for number in (sample.whole.documents, sample.whole.tokens, sample.groups[2].documents,
                   sample.retention[-1].tokens, sample.run.forwarded_tokens):  # fmt: skip
        assert f"{number:,}" in text


def test_counts_stand_beside_what_usually_comes(html):
    text = Parsed(html["failing"]).text
    assert (
        "en/wiki 155,000 usually 159,650 alert below 79,825 (−50%) "
        "115M usually 118M alert below 59.2M (−50%) 741 usually 741 alert below 370 (−50%) "
        "97.0% usually 97.1% alert below 87.4% 2.2% too short, 0.7% empty, 0.1% failed"
    ) in text


def test_every_figure_says_its_nights(html):
    text = Parsed(html["healthy"]).text
    assert (
        "(documents, tokens: usual of 16 quiet nights; rewards: 7 nights, 2026-11-05 to "
        "2026-11-11; 8,400,000 documents)"
    ) in text
    other = "documents, tokens: usual of 12 quiet nights; rewards: 7 nights, 2026-11-01 to"
    assert f"en/books {other} 2026-11-11 77,500" in text
    assert text.count("usual of 16 quiet nights") == 1
    assert "not all groups are compared with the same quiet nights (1 of 4 with others)." in text


def test_cells_of_alerts_are_marked(html):
    text = Parsed(html["six alerts"]).text
    for said in ("✕ fail: 41.0% usually", "▲ warn: 180 usually 741", "✕ fail: 0 usually 79,825",
                 "▲ warn: 17,222 usually 53,216"):  # fmt: skip
        assert said in text
    assert text.count("from 7 quiet nights on, other changes do too") == 1


def test_says_what_cannot_be_told_and_what_counts_as_something_else(html):
    text = Parsed(html["healthy"]).text
    assert "en/forum : cannot be told: the rewards crowd at 2.3 (sd 0.0002), within one" in text
    assert (
        "en/wiki : 1 reward of the baseline is 65,504; rewards below −21.4 count as −21.4, and "
        "rewards above 26.2 as 26.2."
    ) in text


def test_says_whether_the_mean_creeps(html):
    text = Parsed(html["six alerts"]).text
    assert "All documents: −0.012 sd a week over 8 weeks; creep is looked for once a week" in text
    assert "+0.110 (p <0.001)" in text
    assert text.count("the source wanders (nights are alike by 0.46)") == 1


def test_groups_that_alert_are_never_folded_away():
    sample = figures(groups=30)
    small = sample.groups[-1].name
    first, rest = _counted(sample)
    assert (len(first), len(rest)) == (13, 18)
    alert = MADE["failing"].verdict.alerts[0].model_copy(update={"group": small})
    verdict = sample.verdict.model_copy(update={"alerts": [alert]})
    first, rest = _counted(sample.model_copy(update={"verdict": verdict}))
    assert [group.name for group, _, _ in first][-1] == small
    assert (len(first), len(rest)) == (14, 17)


def test_thresholds_are_to_be_copied(html):
    """Typed into --rule.min_reward, each keeps the documents that the page says."""
    text = html["healthy"]
    retention = MADE["healthy"].retention
    data = json.loads(re.search('id="cuts">(.*?)</script>', text)[1])
    table = text[text.index("<caption>What each threshold keeps") :]
    shown = re.findall('<th scope="row" class="group">(.*?)</th>', table[: table.index("</table>")])
    assert len(shown) == 41
    assert [row["threshold"] for row in data["rows"]] == [
        exact(kept.threshold) for kept in retention[::-1]
    ]
    by_text = {exact(kept.threshold): kept.threshold for kept in retention}
    for typed in [*shown, *by_text]:
        typed_cut, same = (
            fixed_cuts(RuleConfig.model_validate({"min_reward": reward}), "float32")
            for reward in (typed, by_text[typed])
        )
        assert typed_cut == same
    assert f"The threshold in use is {CUT:g}." in Parsed(text).text


def test_is_small_whatever_the_corpus():
    sample = figures(50, 90, status="fail", hostile=True, excerpts=70, chunk=500, chunks=8)
    assert len(page(sample)) < 1_200_000
    wide = figures(300, 400, excerpts=200, chunk=4000, chunks=40, hostile=True)
    assert len(page(wide)) < LIMIT
    assert MOST_TEXT < LIMIT / 2


def test_texts_are_only_text(html):
    hostile, healthy = Parsed(html["hostile"]), Parsed(html["healthy"])
    for tag in ("script", "style", "title", "img", "input", "main", "section", "i", "b"):
        assert hostile.count(tag) == healthy.count(tag)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html["hostile"]
    for said in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "]]> --> </title></svg></style>"):
        assert said in hostile.text
    assert not re.search("[\x00-\x08\x0b-\x1f]", html["hostile"])


def test_data_cannot_end_its_script(html):
    data = re.search('<script type="application/json" id="cuts">(.*?)</script>', html["hostile"])[1]
    assert not re.search("[<>&\u2028\u2029]", data)
    rows = json.loads(data)["rows"]
    retention = MADE["hostile"].retention
    assert [row["at"] for row in rows] == [kept.threshold for kept in reversed(retention)]


def test_broken_text_is_shown():
    sample = figures(excerpts=1)
    chunk = sample.documents[0].chunks[0].model_copy(update={"text": "a\ud800\x00\ufffe\u2028b"})
    shown = sample.documents[0].model_copy(update={"chunks": [chunk]})
    made = page(sample.model_copy(update={"documents": [shown]})).decode()
    assert "a\ufffd␀\ufffd\u2028b" in made


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


@pytest.fixture
def opened(browser, html, tmp_path):
    """Opens a page from its file, and says what it asked for and what went wrong."""
    contexts = []

    def opened(kind, **settings):
        file = tmp_path / f"{kind}.html"
        file.write_text(html[kind])
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        tab = context.new_page()
        asked, wrong = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: wrong.append(message.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("dialog", lambda dialog: wrong.append(dialog.message))
        tab.goto(file.as_uri())
        assert asked == [file.as_uri()]
        return tab, wrong

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize("kind", ["six alerts", "first", "nothing", "hostile", "no groups"])
def test_everyone_can_read_it(opened, kind):
    tab, wrong = opened(kind, color_scheme="light", bypass_csp=True)
    assert axe_findings(tab) == []
    tab.emulate_media(color_scheme="dark")
    assert axe_findings(tab, "color-contrast") == []
    assert wrong == []


@pytest.mark.parametrize("kind", MADE)
def test_fits_a_phone(opened, kind):
    tab, wrong = opened(kind, viewport={"width": 390, "height": 844})
    unfold = "document.querySelectorAll('details').forEach(each => each.open = true)"
    wide = "document.documentElement.scrollWidth"
    assert tab.evaluate(wide) == 390
    tab.evaluate(unfold)
    assert tab.evaluate(wide) == 390
    assert wrong == []


def test_what_came_is_read_on_a_phone_without_scrolling_aside(opened):
    tab, _ = opened("six alerts", viewport={"width": 390, "height": 844})
    places = tab.evaluate(
        "[...document.querySelectorAll('#volume table.stacked td')].map(each => "
        "[each.getBoundingClientRect().left, each.getBoundingClientRect().right])"
    )
    assert len(places) == 8 * 5
    assert all(0 <= left < right <= 390 for left, right in places)
    tallest = "Math.max(...[...document.querySelectorAll('#volume tr')].map(e => e.clientHeight))"
    assert tab.evaluate(tallest) < 844  # a group is on one screen


def test_long_rewards_do_not_run_into_what_stands_beside_them(browser):
    sample = figures()
    shown = [one.model_copy(update={"reward": one.reward + 0.0000123}) for one in sample.documents]
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_content(page(sample.model_copy(update={"documents": shown})).decode())
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    beside = tab.evaluate(
        "[...document.querySelectorAll('[data-at] .doc > summary > .n')].map(each => {"
        "  const range = document.createRange(); range.selectNodeContents(each);"
        "  return [range.getBoundingClientRect().right,"
        "    each.nextElementSibling.getBoundingClientRect().left]; })"
    )
    tab.close()
    assert len(beside) == sum(one.why in ("kept", "dropped") for one in shown)
    assert all(right <= left for right, left in beside)


def test_the_slider_shows_what_a_cut_keeps(opened):
    tab, wrong = opened("healthy")
    sample = MADE["healthy"]
    stops, whole = sample.retention[::-1], sample.whole.tonight
    near = min(range(len(stops)), key=lambda at: abs(stops[at].threshold - sample.cut))
    slider = tab.get_by_label("Threshold", exact=True)

    def shown(at):
        kept = stops[at]
        assert tab.locator("#kept-documents").inner_text() == (
            f"{count(kept.documents)} documents ({share(kept.documents, whole.documents)})"
        )
        assert tab.locator("#kept-tokens").inner_text() == (
            f"{count(kept.tokens)} tokens ({share(kept.tokens, whole.tokens)})"
        )
        assert f"{count(kept.documents)} documents" in slider.get_attribute("aria-valuetext")
        nearest = min(CUTS, key=lambda cut: abs(cut - kept.threshold))
        beside = tab.locator("[data-at]:visible")
        assert [float(each.get_attribute("data-at")) for each in beside.all()] == [nearest]
        assert beside.get_by_text("The tide mill").first.is_visible()

    shown(near)
    slider.focus()
    for key, at in {"ArrowRight": near + 1, "Home": 0, "End": len(stops) - 1}.items():
        before = tab.locator("#kept-chosen").bounding_box()["x"]
        tab.keyboard.press(key)
        shown(at)
        moved = tab.locator("#kept-chosen").bounding_box()["x"] - before
        assert moved < 0 if key == "Home" else moved > 0
    assert wrong == []


def test_without_scripts_all_is_there(opened):
    tab, wrong = opened("healthy", java_script_enabled=False)
    assert not tab.locator("#cut").is_visible()
    assert not tab.locator("#kept-chosen").is_visible()
    beside = tab.locator("[data-at]")
    assert beside.count() == len(CUTS)
    for each in beside.all():
        assert each.is_visible()
        each.locator(":scope > summary").click()
        assert each.get_by_text(TEXT[:30]).first.is_visible()
    table = tab.get_by_text("Table: what thresholds keep")
    table.click()
    tokens = f"{MADE['healthy'].retention[-1].tokens:,}"
    assert tab.get_by_role("region", name="What each threshold").get_by_text(tokens).is_visible()
    assert wrong == []


def test_tables_are_reached_by_keyboard(opened):
    tab, _ = opened("failing")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.get_by_text("Table: documents by status").click()
    for name in ("What came, by lang, source", "Documents by status and group"):
        assert tab.get_by_role("region", name=name).get_attribute("tabindex") == "0"


def test_prints_in_light_colours(opened):
    tab, _ = opened("failing", color_scheme="dark")
    tab.emulate_media(media="print", color_scheme="dark")
    ink = "getComputedStyle(document.body).color"
    assert tab.evaluate(ink) == "rgb(27, 31, 36)"
    assert not tab.locator("#cut").is_visible()


def test_a_text_whose_chunks_are_not_known_has_no_tint():
    sample = figures(excerpts=1, chunks=1)
    chunk = sample.documents[0].chunks[0].model_copy(update={"reward": None})
    shown = sample.documents[0].model_copy(update={"chunks": [chunk]})
    made = page(sample.model_copy(update={"documents": [shown]})).decode()
    assert '<div class="text" dir="auto">The tide mill' in made
    assert 'title="not judged"' not in made
