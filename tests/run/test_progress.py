"""Progress lines as a person reads them."""

from types import SimpleNamespace

import pytest

from rm_ray.run.counts import RunProgress
from rm_ray.run.progress import duration, progress_line
from rm_ray.score.counts import ScoreCounts as Counts
from rm_ray.score.summary import speed_text

TOKENS = SimpleNamespace(starting="engines are starting", speed=speed_text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3600, "1 h 00 min"),
     (86400 * 2 + 3600 * 5, "2 d 5 h")],
)  # fmt: skip
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_before_an_engine_is_ready():
    assert progress_line(RunProgress(), 10, 2, TOKENS) == "engines are starting; 0 of 2 shards"


def test_half_way_the_time_left_is_the_time_gone():
    work = Counts(documents=50, tokens=6000, parts=1)
    now = RunProgress(engines=2, start_seconds=9.0, work=work, judging_seconds=30.0)
    assert progress_line(now, 100, 2, TOKENS) == (
        "1 of 2 shards, 50 of 100 documents, 2 engine starts, 200 tokens/s, 30 s left"
    )


def test_an_engine_that_has_judged_nothing_yet_is_told_of():
    assert progress_line(RunProgress(engines=1), 100, 2, TOKENS) == (
        "0 of 2 shards, 0 of 100 documents, 1 engine start"
    )
