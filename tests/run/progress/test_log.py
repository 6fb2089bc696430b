"""Progress lines as a person reads them."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ray

from rm_ray.config import OutputConfig, RunConfig
from rm_ray.run.counts import RunProgress
from rm_ray.run.faults.start_tally import start_tally
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.progress.log import ProgressLog, duration, lost, progress_line
from rm_ray.run.progress.outlook import Whole, standing_of
from rm_ray.run.standing import metrics as measures
from rm_ray.run.standing.metrics import FAILED, FAULTS, Published, run_values
from rm_ray.run.standing.price import Price
from rm_ray.run.standing.status import Standing
from rm_ray.score.counts import ScoreCounts as Counts
from rm_ray.score.summary import speed_text
from rm_ray.store.retry import Retry


def job_with(price):
    return SimpleNamespace(
        spec=SimpleNamespace(price=price, counts=Counts, settings=RunConfig()),
        summary=SimpleNamespace(starting="engines are starting", speed=speed_text),
        work_done=lambda now: now.work.tokens,
    )


TOKENS = job_with(Price(gpus=0))
PAID = job_with(Price(gpus=2, per_hour=3.0))
WHOLE = Whole(parts=2, documents=100, work=12_000)


def line(now, whole, job=TOKENS):
    return progress_line(now, whole, job, standing_of(now, whole, job, {}, hours_before=0.0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (86400 * 2 + 3600 * 5, "2 d 5 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_before_an_engine_is_ready():
    assert line(RunProgress(), WHOLE) == "engines are starting; 0 of 2 shards"


def half_way(**changes):
    work = Counts(documents=50, tokens=6000, parts=1)
    now = RunProgress(engines=3, alive=2, start_seconds=9.0, work=work, judging_seconds=30.0)
    return replace(now, **changes)


def test_half_way_the_time_left_is_the_time_gone():
    assert line(half_way(), WHOLE) == (
        "1 of 2 shards, 50 of 100 documents, 2 engines, 200 tokens/s, 30 s left"
    )


def test_a_document_as_long_as_all_the_others_moves_the_time_left():
    assert line(half_way(), replace(WHOLE, work=18_000)).endswith("1 min 00 s left")
    assert line(half_way(), replace(WHOLE, work=0)).endswith(" 30 s left")


def test_hours_and_money_left_are_those_of_the_engines_so_far():
    """Two engines of two GPUs were ready for 90 s each: half of the work took 0.1 GPU hours."""
    now = half_way(engine_seconds=600.0, ready_seconds=180.0)
    assert line(now, WHOLE, PAID).endswith("200 tokens/s, 30 s, 0.1 GPU hours, $0.30 left")
    here = standing_of(now, WHOLE, PAID, {}, hours_before=1.0)
    assert here.hours == pytest.approx(1 + 600 * 2 / 3600) and here.hours_left == pytest.approx(0.1)
    assert (here.shards, here.shards_left, here.share) == (2, 1, 0.5)
    assert Standing.from_json(here.to_json()) == here
    assert Standing.from_json(b'{"at": "then", "other": 1}') is None


def test_the_last_second_is_not_told_for_a_minute():
    nearly = Counts(documents=99, tokens=11_700, parts=1)
    assert line(half_way(work=nearly), WHOLE).endswith("tokens/s, nearly done")


def test_an_engine_that_has_judged_nothing_yet_is_told_of():
    assert line(RunProgress(engines=1, alive=1), WHOLE) == (
        "0 of 2 shards, 0 of 100 documents, 1 engine"
    )


def test_a_machine_that_is_lost_is_told_of_by_name():
    """Two nodes may have one name: one machine that went and came back."""
    before = {"a": "gpu-7 (10.0.0.7)", "b": "gpu-8 (10.0.0.8)"}
    assert lost(before, {"b": "gpu-8 (10.0.0.8)", "c": "gpu-7 (10.0.0.7)"}) == ["gpu-7 (10.0.0.7)"]
    assert lost(before, before | {"d": "gpu-9"}) == []


def test_a_store_that_was_given_up_is_not_said_to_answer(caplog):
    caplog.set_level("WARNING")
    shown = object.__new__(ProgressLog)
    shown._away = None
    away = Retry("writing s3://out/part", "it is away", 1000.0, 1900.0, 5.0, first=True)
    for answers in (RunProgress(), RunProgress(stopped="cannot write")):
        caplog.clear()
        shown._say_away(RunProgress(retries=(away,)))
        shown._say_away(answers)
        said = [record.message for record in caplog.records]
        assert said[0].startswith("writing s3://out/part fails since")
        assert [line[:23] for line in said[1:]] == (
            [] if answers.stopped else ["the store answers again"]
        )
        shown._away = None


def test_what_another_version_has_written_keeps_what_is_known():
    last = Standing.from_json(
        b'{"at": "2026-11-01T00:00:00+00:00", "shards": 4, "shards_left": 1, '
        b'"hours": 2.5, "something": "new"}'
    )
    assert last is not None and (last.hours, last.shards_left, last.per_hour) == (2.5, 1, None)
    assert Standing.from_json(b'{"at": "2026') is None and Standing.from_json(b"[]") is None


class Told:
    """In place of one of Ray's metrics."""

    def __init__(self, measure):
        self.counter, self.values = measure.counter, {}

    def inc(self, value, tags):
        assert self.counter
        key = tags.get("reason", tags["run"])
        self.values[key] = self.values.get(key, 0) + value


def test_faults_and_failed_documents_are_counted_by_reason(monkeypatch):
    made = {}
    monkeypatch.setattr(
        measures, "_made", lambda measure: made.setdefault(measure.name, Told(measure))
    )
    monkeypatch.setattr(measures, "is_connected", lambda: True)
    published = Published("s3://out")
    for ended, failed in ((1, {}), (3, {"raised": 2})):
        now = half_way(faults=4, fault_kinds={"ended": ended, "store": 1})
        here = standing_of(now, WHOLE, TOKENS, failed, hours_before=0.0)
        values = run_values(now, here, has_engines=True)
        published.publish({one: values[one] for one in (FAULTS, FAILED)})
    assert made["rm_ray_faults"].values == {"ended": 3, "store": 1}
    assert made["rm_ray_failed_documents"].values == {"raised": 2}


def test_what_a_lost_tally_had_counted_still_counts():
    """One of two shards and 600 engine seconds, then a new one that has seen 60 s and no shard."""
    first = half_way(engine_seconds=600.0, ready_seconds=180.0, faults=1, first_fault="the first")
    again = RunProgress(engines=1, alive=2, engine_seconds=60.0, work=Counts(documents=10))
    assert again.began_anew(first) and not first.began_anew(first)
    assert not half_way(engine_seconds=601.0, faults=1).began_anew(first)
    now = again.after(first)
    assert (now.engine_seconds, now.ready_seconds, now.faults) == (660, 180, 1)
    assert now.work == Counts(documents=60, tokens=6000, parts=1)
    assert (now.alive, now.engines, now.first_fault) == (2, 3, "the first")
    assert now.after(RunProgress(work=Counts())) == now


@pytest.mark.usefixtures("ray_cluster")
def test_a_tally_that_is_lost_counts_on(tmp_path):
    run = RunFolder(OutputConfig(path=str(tmp_path)), "rewards")
    tally = start_tally(Counts, engines=1, silence_s=60, start_s=60, here=False)
    node = ray.get_runtime_context().get_node_id()
    shown = ProgressLog(tally, TOKENS, run, WHOLE, {})
    tally.call(Tally.started, "a", node, 1.0)
    tally.call(Tally.add, Counts(parts=1, documents=9))
    assert (before := shown.ask()).alive == 1
    ray.kill(tally.actor, no_restart=False)
    while tally.call(Tally.progress).work.parts:
        time.sleep(0.05)  # it is not dead yet
    tally.call(Tally.note_engine, "a", node)
    tally.call(Tally.add, Counts(documents=2))
    now = shown.ask()
    assert (now.work.parts, now.work.documents, now.engines, now.alive) == (1, 11, 1, 1)
    assert now.engine_seconds >= before.engine_seconds
    assert shown.ask().work == now.work
