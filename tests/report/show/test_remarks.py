"""What is said in words of a group's figures and of the nights behind them."""

import pytest

from rm_ray.report.figures import CreepFigures, Outliers, Range
from rm_ray.report.show import remarks
from rm_ray.report.show.formats import count, percent
from tests.report.sample import figures


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (50.0, 250.0, "alert below 50 (−50%) and above 250 (+150%)"),
        (50.0, None, "alert below 50 (−50%)"),
        (None, 250.0, "alert above 250 (+150%)"),
        (None, None, "no change alerts"),
    ],
)
def test_which_changes_would_alert(low, high, said):
    assert remarks.alerts_at(Range(expected=100, low=low, high=high), count) == said


def test_a_share_is_not_said_as_a_change_of_a_share():
    usual = Range(expected=0.97, low=0.873, high=None)
    assert remarks.alerts_at(usual, percent, shares=True) == "alert below 87.3%"


def test_nights_by_number_and_name():
    assert remarks.nights_named(["b", "a", "c"]) == "3 nights, a to c"
    assert remarks.nights_named(["a"]) == "1 night, a"


def test_sums_that_do_not_add_up_are_explained():
    """One of four groups has other nights; with the sum of all, nothing is said."""
    sample = figures()
    total = sum(group.usual.documents.expected for group in sample.groups)
    assert remarks.sums(sample) == (
        f"The usual documents of the groups add up to {total:,.0f}, and those of all documents are "
        f"{sample.whole.usual.documents.expected:,.0f}: not all groups are compared with the same "
        "quiet nights (1 of 4 with others)."
    )
    usual = sample.whole.usual.documents.model_copy(update={"expected": total})
    whole = sample.whole.model_copy(
        update={"usual": sample.whole.usual.model_copy(update={"documents": usual})}
    )
    assert remarks.sums(sample.model_copy(update={"whole": whole})) is None
    assert remarks.sums(sample.model_copy(update={"groups": []})) is None
    assert remarks.sums(figures(baseline=False)) is None


@pytest.mark.parametrize(
    ("tonight", "baseline", "said"),
    [
        (0, 1, "1 reward of the baseline is 65,504; "),
        (1, 0, "1 reward of tonight is 65,504; "),
        (2, 1, "2 rewards of tonight and 1 reward of the baseline lie far out, the farthest at "),
    ],
)
def test_outliers(tonight, baseline, said):
    found = remarks.outliers(
        Outliers(below=-4.5, above=12.3, tonight=tonight, baseline=baseline, farthest=65504.0)
    )
    assert found.startswith(said)
    assert found.endswith("rewards below −4.50 count as −4.50, and rewards above 12.3 as 12.3")


def test_creep():
    def said(**found):
        nothing = {"weeks": 8, "slope": None, "moved": None, "p": None, "remark": None}
        return remarks.creep(CreepFigures.model_validate({**nothing, **found}))

    assert said() is None
    assert said(remark="too few nights") == "too few nights"
    assert said(slope=0.02, moved=0.08, p=0.41) == "+0.020 sd a week over 8 weeks (p 0.410)"
    assert said(slope=-0.02, moved=-0.08, remark="not a Monday") == (
        "−0.020 sd a week over 8 weeks; not a Monday"
    )


def test_the_most_frequent_reasons_come_first():
    group = figures().groups[0].model_copy(
        update={"documents": 1000,
                "statuses": {"ok": 800, "failed": 20, "too_short": 120, "empty": 50, "invalid": 10}}
    )  # fmt: skip
    assert remarks.why_not(group) == "12.0% too short, 5.0% empty, 2.0% failed"
