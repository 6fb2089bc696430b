"""The status as metrics: of a run, and of a nightly job."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from rm_ray.run.standing.status import Standing
from rm_ray.status.look import Status
from rm_ray.status.nights import NightStatus
from rm_ray.status.prometheus import NIGHTLY, RUN, as_metrics
from rm_ray.status.table import Seen

LAST = Standing("2026-11-30T00:00:00+00:00", shards=9, shards_left=4, hours=2.0, per_hour=3.5)
RUNNING = Status(
    uri="s3://b/run", kind="scoring", created="", model="m", owner="process 1", complete=False,
    shards=9, left=4, last=LAST, totals={},
)  # fmt: skip


def read(text):
    return {
        (sample.name, sample.labels["run"], sample.labels["kind"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels
    }


def test_a_run_at_work():
    gone = Seen("s3://b/none", None, "no run", exit_status=2)
    said = read(as_metrics([Seen("s3://b/run", RUNNING), gone]))
    assert said == {
        ("rm_ray_run_live", "s3://b/run", "scoring"): 1,
        ("rm_ray_run_complete", "s3://b/run", "scoring"): 0,
        ("rm_ray_run_shards", "s3://b/run", "scoring"): 9,
        ("rm_ray_run_shards_left", "s3://b/run", "scoring"): 4,
        ("rm_ray_run_gpu_hours", "s3://b/run", "scoring"): 2,
        ("rm_ray_run_cost_dollars", "s3://b/run", "scoring"): 7,
    }


def test_the_nights_of_a_nightly_job():
    nights = [
        NightStatus("2026-11-28", "done", verdict="ok", delivery="delivered"),
        NightStatus("2026-11-29", "done", verdict="fail", delivery="held up, web held"),
        NightStatus("2026-11-29.02", "done", verdict="ok", delivery="held back released"),
        NightStatus("2026-11-30", "scored"),
    ]
    job = {**RUNNING.__dict__, "uri": "/n/scored", "nights": nights, "nights_in_all": 40}
    said = read(as_metrics([Seen("/n", Status(**job))]))
    ours = {name: said[name, "/n", "nights"] for name in NIGHTLY}
    assert ours == {
        "rm_ray_nights": 40,
        "rm_ray_nights_unfinished": 1,
        "rm_ray_nights_held": 1,
        "rm_ray_night_failed": 0,
        "rm_ray_night_last_seconds": datetime(2026, 11, 29, tzinfo=UTC).timestamp(),
    }
    assert set(RUN) <= {name for name, *_ in said}
    job["nights"] = [NightStatus("20261129.02", "done", verdict="ok")]
    said = read(as_metrics([Seen("/n", Status(**job))]))
    last = said["rm_ray_night_last_seconds", "/n", "nights"]
    assert last == ours["rm_ray_night_last_seconds"]


def test_nights_with_names_of_their_own_have_no_date():
    nights = [NightStatus("monday", "done", verdict="fail")]
    job = {**RUNNING.__dict__, "uri": "/n/scored", "nights": nights, "nights_in_all": 1}
    said = {
        name: value for (name, *_), value in read(as_metrics([Seen("", Status(**job))])).items()
    }
    assert said["rm_ray_night_failed"] == 1 and "rm_ray_night_last_seconds" not in said
