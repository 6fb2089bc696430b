"""The summary: what a chat or a log shows."""

import re

import pytest

from rm_ray.report.markdown import plain, summary
from tests.report.sample import TEXT, figures

SAMPLES = {
    "healthy": figures(),
    "failing": figures(status="fail"),
    "many": figures(groups=50, nights=90, status="warn"),
    "first": figures(baseline=False, nights=0),
    "empty": figures(empty=True),
    "hostile": figures(groups=10, status="fail", hostile=True),
    "no groups": figures().model_copy(update={"groups": [], "blind": None, "documents": []}),
}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_is_short_and_has_no_text_of_documents(sample):
    said = summary(sample)
    assert len(said.splitlines()) <= 60
    assert TEXT[:20] not in said
    assert said == summary(sample)


def test_says_what_broke():
    said = summary(figures(status="fail"))
    assert said.startswith("## ✕ fail: night 2026-11-12\n")
    assert "- ✕ **fail** en/wiki: 0.84 sd from the baseline" in said
    assert "(standing since before)" in said
    assert "| ✕ en/wiki | 155,000 (−2.9%) | 1.70 | 2.70 | 0.840 | 0.060 |" in said
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows[2:5]] == [
        "**all documents**", "✕ en/wiki", "▲ en/books"
    ]  # fmt: skip


def test_names_are_not_markdown():
    said = summary(SAMPLES["hostile"])
    assert "<" not in said
    assert not re.search("@[a-z]|http:/|\u202e|\x1b", said)
    table = [line for line in said.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + 1 + 10
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {7}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a_b*c`d|e", r"a\_b\*c\`d\|e"),
        ("[x](y)", r"\[x\](y)"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("# head\n---", r"\# head ---"),
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("0.84 sd", "0.84 sd"),
    ],
)
def test_plain(text, said):
    assert plain(text) == said
