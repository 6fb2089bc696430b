"""The schema, and the page in a browser."""

import json

import numpy as np
import pytest

from rm_ray.evaluate.calibrating import halves, reliability, shown
from rm_ray.evaluate.config import FiguresConfig
from rm_ray.evaluate.figures import SCHEMA, Against, Evaluation, Facts, Interval, KeepAgreement
from rm_ray.evaluate.grouping import grouped
from rm_ray.evaluate.labelled import Labelled
from rm_ray.evaluate.markdown import summary
from rm_ray.evaluate.measure import measure
from rm_ray.evaluate.page import page
from rm_ray.evaluate.sources import sources
from rm_ray.evaluate.words import verdict
from rm_ray.report.show.svg import COLOURS
from tests.browser import axe_findings, running_browser
from tests.evaluate.runs import SCHEMA as WRITTEN
from tests.report.sample import HOSTILE
from tests.report.show.parsed_page import Parsed


def test_the_schema_that_is_written_down_is_that_of_the_code():
    """Where it differs on purpose: `python -m rm_ray.evaluate.figures` writes it anew."""
    assert Evaluation.model_json_schema(by_alias=True) == WRITTEN
    assert WRITTEN["properties"]["schema"]["const"] == SCHEMA


def made_of(names: list[str]) -> Evaluation:
    """Figures of 600 pairs, whose kinds and sources have these names."""
    rng = np.random.default_rng(0)
    n = 600
    rewards = rng.normal(size=2 * n) + np.tile([1.5, 0.0], n)
    kinds = np.array([names[i % len(names)] for i in range(n)], object)
    columns = {
        "kind": kinds,
        "source": kinds[::-1],
        "temperature": np.array([0.5, 1.0, None] * (n // 3), object),
        "chunk": rng.integers(0, 90, n).astype(object),
        "length": rng.integers(64, 6000, n).astype(object),
    }
    sample = Labelled(
        of="pairs",
        rewards=rewards,
        good=np.tile([True, False], n),
        documents=np.repeat(np.arange(n) // 3, 2),
        places=[f"a {i}" for i in range(n // 3)],
        keys=[("a", i) for i in range(n)],
        columns={name: np.repeat(values, 2) for name, values in columns.items()},
        left_out={"left_out": 5, "failed": 2},
        files={},
        cut_texts=3,
    )
    config = FiguresConfig(resamples=200)
    whole, groups = measure(sample, list(grouped(sample)), config, zero_means=True)
    facts = Facts(
        of="pairs", path=["pairs"], split="validation", column="reward", model=names[0],
        identity="sha256:m", family="preference", fingerprint="sha256:f", left_out={"failed": 2},
        cut_pairs=3, blind_below=0.6, few_documents=30, resamples=200, seed=0,
        versions={"rm_ray": "1"},
    )  # fmt: skip
    one = Interval(value=0.02, low=-0.01, high=0.05)
    against = Against(
        path="other", model=names[0], common=n, pairwise=one, auc=one, smallest_difference=0.04,
        correlation=0.9, kept=[KeepAgreement(share=0.1, agreement=0.8)],
        sentence="They cannot be told apart.",
    )  # fmt: skip
    found, calibration = sources(sample), shown(sample, halves(sample, 0), None, 0, raw=True)
    return Evaluation(
        made="2026-11-29T00:00:00+00:00", whole=whole, groups=groups, baselines=[],
        baselines_note="Not asked for.", sources=found, calibration=calibration,
        calibration_note="", against=against, facts=facts,
        verdict=verdict(facts, whole, groups, [], found, calibration, against),
    )  # fmt: skip


MADE = {"plain": made_of(["spliced", "mashed"]), "hostile": made_of(list(HOSTILE))}


@pytest.mark.parametrize("kind", MADE)
def test_the_page_is_whole_and_fetches_nothing(kind):
    html = page(MADE[kind]).decode()
    parsed = Parsed(html)
    assert not parsed.open and parsed.count("h1") == 1 and not parsed.count("script")
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    linked = [v for _, attrs in parsed.tags for k, v in attrs.items() if k in ("href", "src")]
    assert {one[1:] for one in linked if one != "data:,"} <= set(ids)
    assert not any(colour in html for colour in COLOURS)
    assert page(MADE[kind]).decode() == html
    assert parsed.text.index(MADE[kind].verdict.sentence) < parsed.text.index("What to know")
    json.dumps(MADE[kind].model_dump(mode="json"), allow_nan=False)


def test_names_are_nothing_but_names_in_the_summary():
    text = summary(MADE["hostile"])
    assert "<script" not in text and "\n\x00" not in text and "[x](" not in text
    assert text.startswith(f"## {MADE['hostile'].verdict.sentence[:12]}")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_scrolling_sideways(browser, tmp_path, width):
    for kind, made in [*MADE.items()][: 1 if width > 390 else 2]:
        file = tmp_path / f"{kind}.html"
        file.write_bytes(page(made))
        context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
        tab = context.new_page()
        wrong = []
        tab.on("console", lambda message, wrong=wrong: wrong.append(message.text))
        tab.goto(file.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert not wrong
        assert width > 390 or not axe_findings(tab)
        context.close()


@pytest.fixture(scope="module")
def browser():
    with running_browser() as running:
        yield running


def test_a_reliability_diagram_by_hand():
    """Ten texts in ten bins: the error is the mean gap of each; exact ones have some by chance."""
    said = np.linspace(0.05, 0.95, 10)
    good = said > 0.5
    found = reliability("raw", said, good, 0)
    assert [one.count for one in found.bins] == [1] * 10
    assert found.ece == pytest.approx(np.minimum(said, 1 - said).mean())
    sure = reliability("raw", np.repeat([0.0, 1.0], 50), np.repeat([False, True], 50), 0)
    assert (sure.ece, sure.by_chance) == (0.0, 0.0)
    half = reliability("raw", np.full(100, 0.5), np.tile([True, False], 50), 0)
    assert half.ece < 0.2 and half.by_chance == pytest.approx(0.125, abs=0.03)
