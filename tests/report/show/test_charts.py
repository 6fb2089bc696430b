"""The charts: SVG that takes the page's colours, and shows what it is given."""

import re
import xml.etree.ElementTree as ET
from collections import Counter
from typing import get_args

import matplotlib
import pytest

from rm_ray.report.figures import Rule
from rm_ray.report.show import charts, curves, svg
from rm_ray.report.show.charts import MOST_GROUPS
from tests.report.sample import figures, six_alerts

DRAWN = {
    "distribution": charts.distribution,
    "strips": charts.strips,
    "drift": charts.drift,
    "trend": curves.trend,
    "lengths": curves.lengths,
    "retention": lambda figures: curves.retention(figures, 2.0).svg,
}
NAMESPACES = {"svg": "http://www.w3.org/2000/svg"}


def parsed(drawing):
    return ET.fromstring(str(drawing).replace("<svg ", f'<svg xmlns="{NAMESPACES["svg"]}" ', 1))


def texts(drawing):
    return [
        "".join(text.itertext()) for text in parsed(drawing).iterfind(".//svg:text", NAMESPACES)
    ]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("hostile", [False, True])
def test_is_svg_in_the_colours_of_the_page(draw, hostile):
    sample = figures(groups=10, status="fail", hostile=hostile)
    drawing = draw(sample)
    parsed(drawing)
    assert drawing == draw(sample)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?!-)", re.sub('(href="#|url\\(#)', "", drawing))
    assert "var(--" in drawing
    assert "DejaVu" not in drawing
    assert "<script" not in drawing
    assert "<style" not in drawing


def test_ids_do_not_clash():
    ids = [
        found for draw in DRAWN.values() for found in re.findall(r'\bid="([^"]+)"', draw(figures()))
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_refers_to_what_it_has(draw):
    drawing = draw(figures(status="fail"))
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', drawing))
    assert referred <= set(re.findall(r'\bid="([^"]+)"', drawing))


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_has_a_label_and_a_description(draw):
    root = parsed(draw(figures()))
    assert root.get("role") == "img"
    named = [root.find(f".//*[@id='{ident}']") for ident in root.get("aria-labelledby").split()]
    assert [element.tag.rpartition("}")[2] for element in named] == ["title", "desc"]
    assert all(element.text for element in named)


def test_names_are_text():
    shown = texts(charts.strips(figures(groups=10, hostile=True)))
    assert "<script>al…ript>" in shown
    assert "$x^2$ \\fra…{0} $" in shown
    assert "(empty)" in shown


def test_a_chart_of_groups_shows_the_largest():
    drawing = charts.strips(figures(groups=50))
    assert sum("/" in text for text in texts(drawing)) == MOST_GROUPS
    assert float(drawing.split('viewBox="0 0 ')[1].split('"')[0].split()[1]) < 1100


def test_the_farthest_group_comes_first():
    rows = [text for text in texts(charts.drift(figures(status="fail"))) if "/" in text]
    assert rows[0] == "en/wiki"


def test_from_where_on_drift_alerts_is_a_line():
    sample = figures()
    lines = {
        above: charts.drift(sample.model_copy(update={"drift_above": above}))
        for above in (0.1, 0.3)
    }
    assert all(f"stroke: {svg.COLOURS[svg.INK]}" in line for line in lines.values())
    assert lines[0.1] != lines[0.3]


def test_beyond_chance_and_no_alert_says_why():
    sample = six_alerts()
    drawing = charts.drift(sample)
    assert [text for text in texts(drawing) if text.startswith("p ")] == ["p 0.022"]
    described = parsed(drawing).find(".//svg:desc", NAMESPACES).text
    assert "en/papers: 0.350, by chance up to 0.087, beyond chance, not sure enough" in described
    assert "(p 0.022)" in described
    further = charts.drift(sample.model_copy(update={"drift_above": 0.4}))
    assert not [text for text in texts(further) if text.startswith("p ")]


def test_what_cannot_be_told_has_a_row():
    shown = texts(charts.drift(figures()))
    assert shown.count("cannot be told") == 1
    assert [text for text in shown if "/" in text][-1] == "en/forum"


def test_numbers_at_an_axis_are_not_rounded():
    """A tick of 0.122 is no threshold of 0.12."""
    sample = figures()
    near = [
        kept.model_copy(update={"threshold": 0.12 + 0.0001 * at})
        for at, kept in enumerate(sample.retention[::-1])
    ][::-1]
    sample = sample.model_copy(update={"retention": near, "cut": None})
    shown = texts(curves.retention(sample, 0.122).svg)
    assert {"0.12", "0.122", "0.124"} <= set(shown)
    assert shown.count("0.12") == 1


def marks(drawing):
    """How often each shape is drawn, by its path."""
    root = parsed(drawing)
    link = "{http://www.w3.org/1999/xlink}href"
    shapes = {
        path.get("id"): path.get("d") for path in root.iterfind(".//svg:path[@id]", NAMESPACES)
    }
    used = [
        use.get(link, use.get("href", ""))[1:] for use in root.iterfind(".//svg:use", NAMESPACES)
    ]
    return Counter(shapes[one] for one in used if one in shapes)


@pytest.mark.parametrize("rule", get_args(Rule))
def test_each_rule_has_a_row_and_a_mark_of_its_own(rule):
    """Three nights of one rule draw three marks that no other rule's nights have."""
    quiet = [night.model_copy(update={"status": "ok", "alerts": []}) for night in figures().trend]

    def drawn(of):
        alerts = [
            *quiet[:5],
            *(n.model_copy(update={"alerts": [f"a: b: {of}"]}) for n in quiet[5:8]),
        ]
        return curves.trend(figures().model_copy(update={"trend": [*alerts, *quiet[8:]]}))

    drawing, before = (
        drawn(rule),
        marks(curves.trend(figures().model_copy(update={"trend": quiet}))),
    )
    added = marks(drawing) - before
    assert list(added.values()) == [3]
    assert rule in texts(drawing)
    assert f"{rule} on 3" in parsed(drawing).find(".//svg:desc", NAMESPACES).text
    for other in set(get_args(Rule)) - {rule}:
        assert other not in texts(drawing)
    assert len(set(curves.MARKS.values())) == len(get_args(Rule)) == len(curves.MARKS)


def test_a_night_without_rewards_is_seen():
    """It has a dashed line; its verdict stands at the foot, where there is no median."""
    sample = figures(nights=20, empty=True)
    drawing = curves.trend(sample)
    assert [night.scored for night in sample.trend].count(0) == 2
    assert drawing.count("stroke-dasharray") == 2
    described = parsed(drawing).find(".//svg:desc", NAMESPACES).text
    assert "2026-08-20: no reward" in described
    assert "Nights without a reward: 2." in described
    failed = [use for use in re.findall("<use[^>]*>", drawing) if "var(--fail)" in use]
    assert len(failed) == sum(night.status == "fail" for night in sample.trend) == 2
    places = [float(re.search(' y="([^"]+)"', use)[1]) for use in failed]
    assert places[0] < 120 < 160 < places[1]
    assert "stroke-dasharray" not in curves.trend(figures(nights=4))


def test_places_of_thresholds():
    sample = figures()
    curve = curves.retention(sample, sample.retention[30].threshold)
    assert len(curve.places) == len(sample.retention)
    assert list(curve.places) == sorted(curve.places, reverse=True)
    assert all(0 < place < svg.WIDTH for place in curve.places)
    assert curve.chosen == curve.places[30]
    mark = parsed(curve.svg).find(".//*[@id='kept-chosen']")[0].get("d")
    assert float(mark.split()[1]) == pytest.approx(curve.chosen, abs=0.1)


def test_nothing_to_draw():
    empty = figures(empty=True, baseline=False, nights=0)
    for draw in (*list(DRAWN.values())[:5], lambda f: curves.retention(f, 0.0)):
        assert draw(empty) is None


def test_one_value_only():
    """A judge that gives all documents one reward, in one night of one group."""
    sample = figures(groups=1, nights=1)
    same = sample.whole.tonight.model_copy(
        update={"sd": 0.0, "minimum": 1.0, "maximum": 1.0,
                "quantiles": dict.fromkeys(sample.whole.tonight.quantiles, 1.0)}
    )  # fmt: skip
    group = sample.groups[0].model_copy(update={"tonight": same, "baseline": None, "drift": None})
    sample = sample.model_copy(update={"groups": [group], "retention": sample.retention[:1]})
    for draw in (charts.strips, curves.trend, DRAWN["retention"]):
        parsed(draw(sample))


def test_settings_of_matplotlib_stay_as_they_are():
    before = dict(matplotlib.rcParams)
    charts.distribution(figures())
    assert dict(matplotlib.rcParams) == before


def test_spark_has_gaps_and_stays_inside():
    path = curves.spark([1.0, 1.1, None, 0.9, 99.0], 2.0)
    assert path.count("M") == 2
    numbers = [float(number) for number in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
    assert all(1 <= number <= 19 for number in numbers)
    assert curves.spark([None, None], 2.0) == ""
