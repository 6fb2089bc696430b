from datetime import date

import pytest

from rm_ray.report.measure.dates import date_of


@pytest.mark.parametrize(
    ("night", "day"),
    [("2026-11-24", date(2026, 11, 24)), ("20261124.02", date(2026, 11, 24)), ("n17", None)],
)
def test_the_date_in_a_name(night, day):
    assert date_of(night) == day
