"""Which figure of a run stands under which name of its metrics."""

import pytest

from rm_ray.run.counts import RunProgress
from rm_ray.run.standing.metrics import run_values
from rm_ray.run.standing.status import Standing
from rm_ray.score.counts import ScoreCounts
from rm_ray.score.summary import measures

NOW = RunProgress(
    work=ScoreCounts(documents=7, windows=40, tokens=2600, prompt_tokens=9000,
                     forwarded_tokens=4500, judge_seconds=8.0, model_seconds=6.0),
    fault_kinds={"engine died": 2}, judging_seconds=10.0,
)  # fmt: skip
HERE = Standing(
    at="2026-11-29T00:00:00+00:00", shards=9, shards_left=4, documents=7, engines=3,
    seconds_left=12.5, hours=2.0, gpus=1.0, per_hour=3.5, failed={"died": 1},
)  # fmt: skip


def test_every_name_has_its_own_figure():
    known = run_values(NOW, HERE, has_engines=True) | measures(NOW)
    values = {one.name: value for one, value in known.items()}
    assert values == {
        "rm_ray_documents": 7,
        "rm_ray_faults": {"engine died": 2},
        "rm_ray_failed_documents": {"died": 1},
        "rm_ray_store_away": 0,
        "rm_ray_engines": 3,
        "rm_ray_shards_done": 5,
        "rm_ray_shards_left": 4,
        "rm_ray_seconds_left": 12.5,
        "rm_ray_gpu_hours": 2.0,
        "rm_ray_cost_dollars": 7.0,
        "rm_ray_chunks": 40,
        "rm_ray_document_tokens": 2600,
        "rm_ray_forwarded_tokens": 4500,
        "rm_ray_cache_hit_rate": pytest.approx(0.5),
        "rm_ray_busy_share": pytest.approx(0.75),
    }


def test_what_is_not_known_has_no_value():
    here = Standing(at="2026-11-29T00:00:00+00:00", shards=9, shards_left=9)
    names = {one.name for one in run_values(RunProgress(), here, has_engines=False)}
    assert not names & {"rm_ray_seconds_left", "rm_ray_cost_dollars", "rm_ray_engines"}
