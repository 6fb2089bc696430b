"""The queries of docs/report-and-nightly.md, on the history as it lies."""

import re

import duckdb
import numpy as np
import pytest

from rm_ray.config import StorageConfig
from rm_ray.counts.moments import moments_of
from rm_ray.report.compare.history import GroupResult, History
from rm_ray.report.measure.nights import GroupNight
from tests.conftest import ROOT
from tests.counts.histograms import histogram

QUERIES = re.findall(
    r"```sql\n(.*?)```", (ROOT / "docs" / "report-and-nightly.md").read_text(), re.DOTALL
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two nights; nothing of the second has a reward, and that alerts."""
    folder = tmp_path_factory.mktemp("history")
    history = History.at(str(folder), StorageConfig(), {})
    moments, cells = _rewards()
    forum = GroupNight('["forum"]', 3, 30, {"ok": 3}, moments, cells)
    history.write(
        "2026-01-30", "ok", [(GroupNight(None, 3), GroupResult()), (forum, GroupResult())]
    )
    said = GroupResult(alerts=("rewarded", "failed"), shown=("rewarded",), effects=(-20.7, 1.0))
    empty = GroupNight('["forum"]', 4, 40, {"failed": 4})
    history.write("2026-01-31", "fail", [(GroupNight(None, 4), GroupResult()), (empty, said)])
    return folder


def _rewards():
    """Three rewards of 1."""
    rewards = np.ones(3, np.float32)
    (moments,) = moments_of(np.zeros(3, np.int64), rewards, 1)
    return moments, histogram(rewards)


def rows(folder, number):
    return duckdb.sql(QUERIES[number].replace("HISTORY", str(folder))).fetchall()


def test_a_years_median_is_drawn(folder):
    ((month, reward, bar),) = rows(folder, 0)
    assert (str(month), reward, bar.strip()) == ("2026-01-01", 1.0, "█" * 20)


def test_alerts_by_night_are_those_that_were_shown(folder):
    assert rows(folder, 1) == [("2026-01-31", '["forum"]', "rewarded")]


def test_a_panel_has_a_time_a_metric_and_a_value(folder):
    ((time, metric, value),) = rows(folder, 2)
    assert (time.isoformat(), metric) == ("2026-01-30T00:00:00", '["forum"]')
    assert value == pytest.approx(1, rel=1 / 2000)
    assert len(QUERIES) == 3
