"""The summary: what a chat or a log shows."""

import re

import pytest

from rm_ray.report.show.markdown import plain, summary
from tests.report.sample import TEXT, figures, six_alerts

SAMPLES = {
    "healthy": figures(),
    "failing": figures(status="fail"),
    "six alerts": six_alerts(),
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
    assert (
        "| ✕ en/wiki | 155,000; usually 159,650; alert below 79,825 (−50%) "
        "| 115M; usually 118M; alert below 59.2M (−50%) "
        "| 741; usually 741; alert below 370 (−50%) | 97.0%; usually 97.1%; alert below 87.4% "
        "| 1.70 | 2.70 | 0.840 | 0.060 | 0 |"
    ) in said
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows[2:5]] == [
        "**all documents**", "✕ en/wiki", "▲ en/books"
    ]  # fmt: skip


def test_says_what_stands_behind_and_what_cannot_be_told():
    said = summary(SAMPLES["six alerts"]).splitlines()
    assert (
        "- compared with: documents, tokens: usual of 16 quiet nights; rewards: 7 nights, "
        "2026-11-05 to 2026-11-11"
    ) in said
    starts = [
        "- The usual documents of the groups add up to 827,898, and those of all documents are",
        "- creep of all documents: −0.012 sd a week over 8 weeks; creep is looked for once a week",
        "- en/forum: cannot be told: the rewards crowd at 2.3",
        "- en/wiki: 1 reward of the baseline is 65,504;",
        "- en/books: with 3 quiet nights, only a lack of documents, of rewards or of most tokens",
    ]
    assert all(any(line.startswith(start) for line in said) for start in starts)
    (forum,) = [line for line in said if line.startswith("| ✕ en/forum")]
    assert "| 41.0%; usually 97.1%; alert below 87.4% |" in forum
    assert "| cannot be told | – |" in forum


def test_is_short_where_everything_is_wrong():
    sample = figures(groups=50, status="fail")
    odd = {"untold": "cannot be told", "outliers": sample.groups[1].outliers,
           "usual": six_alerts().groups[3].usual}  # fmt: skip
    groups = [group.model_copy(update=odd) for group in sample.groups]
    alerts = sample.verdict.alerts * 10
    said = summary(
        sample.model_copy(
            update={
                "groups": groups,
                "verdict": sample.verdict.model_copy(update={"alerts": alerts}),
            }
        )
    ).splitlines()
    assert len(said) <= 60
    assert sum(line.endswith("(and 48 more groups)") for line in said) == 3


def test_names_are_not_markdown():
    said = summary(SAMPLES["hostile"])
    assert "<" not in said
    assert not re.search("@[a-z]|http:/|\u202e|\x1b", said)
    table = [line for line in said.splitlines() if line.startswith("| ")]
    assert len(table) == 2 + 1 + 10
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {11}


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
