"""The closing lines of a scoring run."""

from rm_ray.run.counts import RunProgress
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.summary import totals_text


def closing(**progress) -> str:
    work = ScoreCounts(documents=10, tokens=1000, judge_seconds=9.0)
    progress = RunProgress(work=work, judging_seconds=200.0, start_seconds=30.0, **progress)
    return "\n".join(totals_text(work, progress, ""))


def test_the_tail_is_told_where_there_are_several_engines():
    tail = "the tail, in which some engines had no work left: 10 s, 5% of the time"
    assert tail in closing(engines=2, tail_seconds=10.0)
    assert "the tail" not in closing(engines=1)
