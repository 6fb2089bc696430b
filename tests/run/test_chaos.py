"""Faults on clusters of several machines. The long ones are marked `chaos`: `make chaos`."""

import random
import time
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import fault_engine
from tests.chaos import ledger
from tests.chaos.harness import ALL_FAULTS, LIMIT, Chaos, fault_plan
from tests.chaos.reports import Report
from tests.conftest import tiny_judge
from tests.fault_engine import POISON, SICK, WAITS, on
from tests.jobs import judged_here, prose


@pytest.fixture(scope="module")
def chaos(s3_endpoint, s3_environment, tmp_path_factory):
    chaos = Chaos(s3_endpoint, s3_environment, tmp_path_factory.mktemp("chaos"))
    yield chaos
    chaos.close()


@pytest.mark.chaos
def test_the_comparison_finds_what_is_lost_doubled_or_different(chaos):
    """A run is compared with its copy, which lacks a part, has one more, and has one changed."""
    calm, hurt, log = "chaos/calm-7", "chaos/hurt-7", chaos.folder / "calm.log"
    corpus = chaos.corpus(7, files=3, rows=64)
    assert chaos.start(log, corpus, calm, fault_engine.NAME).wait(LIMIT) == 0, log.read_text()
    chaos.direct.copy(calm, hurt, recursive=True)
    assert chaos.compare(7, calm, hurt, fault_engine.NAME).clean
    first, second, third, *_ = sorted(chaos.parts(hurt))
    chaos.direct.rm_file(f"{hurt}/rewards/{first}")
    data = chaos.direct.cat_file(f"{hurt}/rewards/{second}")
    chaos.direct.pipe_file(f"{hurt}/rewards/{second.replace('part-', 'part-x')}", data)
    chaos.direct.pipe_file(f"{hurt}/rewards/{third}", data)
    report = chaos.compare(7, calm, hurt, fault_engine.NAME)
    assert (report.lost, report.doubled) == (16, 16)
    assert report.differing == 3 and not report.clean
    assert chaos.judged_since(0.0, corpus) == chaos.parts(calm).keys()


@pytest.mark.chaos
def test_a_store_that_is_away_for_a_while_costs_nothing_but_the_while(chaos):
    corpus, log = chaos.corpus(11, files=2, rows=64), chaos.folder / "away.log"
    job = chaos.start(log, corpus, "chaos/out-away", fault_engine.NAME)
    wait_until(lambda: len(chaos.parts("chaos/out-away")) >= 2, job, log)
    chaos.proxy.away = True
    wait_until(lambda: "trying again until" in log.read_text(), job, log)
    chaos.proxy.away = False
    assert job.wait(LIMIT) == 0, log.read_text()
    said = log.read_text()
    assert said.count("trying again until") == 1 and "round 2" not in said, said
    rows = [(row["source_file"], row["row"]) for row in chaos.rows("chaos/out-away")]
    assert len(rows) == len(set(rows)) == 128
    windows, judged = chaos._all_windows(corpus), fault_engine.judged(chaos.folder)
    assert {judged[window] for window in windows} == {1}


def wait_until(condition, job, log):
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert job.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


@pytest.mark.chaos
def test_a_document_that_failed_alone_is_tried_again_on_another_machine(chaos):
    text = f"{prose(random.Random(5), 80)} {POISON['raise']} {prose(random.Random(6), 80)}"
    table = pa.table({"id": ["one", "two"], "text": [text, prose(random.Random(7), 80)]})
    with chaos.direct.open("chaos/poison/two.parquet", "wb") as file:
        pq.write_table(table, file)
    moment, log = time.time(), chaos.folder / "poison.log"
    job = chaos.start(log, "s3://chaos/poison", "chaos/out-poison", fault_engine.NAME)
    assert job.wait(LIMIT) == 1 and "round 3, looking for what fails: 1 documents alone" in (
        log.read_text()
    )
    rows = {row["id"]: row["status"] for row in chaos.rows("chaos/out-poison")}
    assert rows == {"one": "failed", "two": "ok"}
    tokenizer, judge = tiny_judge(context_tokens=256)
    window = fault_engine.digest(next(judge.prompts(tokenizer.tokenize(
        {"text": table["text"]}).ids[0])))  # fmt: skip
    _, first, second = fault_engine.where_judged(chaos.folder, window, moment)
    assert first != second


# What an engine writes down at its start, at most: it judges a harmless document.
WARM_UP_BYTES = 200
# One engine a machine: three of the nodes' two CPUs hold one, and a task beside it.
EVERYWHERE = {"pool_cpus": 1.5, "pool_min_actors": 3, "pool_max_actors": 3}


def judging(folder, since):
    """Machines on which an engine has judged more than its harmless document since then."""
    looked = [(path.name.partition("-")[0], path.stat()) for path in (folder / "judged").iterdir()]
    return {n for n, stat in looked if stat.st_mtime > since and stat.st_size > WARM_UP_BYTES}


@pytest.mark.chaos
def test_one_machine_starts_no_engine_one_is_lost_and_one_comes(chaos, monkeypatch):
    """The run completes on those that can, and the new one has its share of the shards."""
    sick, *well = chaos.nodes.ids
    (chaos.folder / on(sick, SICK)).touch()
    for node in well:
        (chaos.folder / on(node, WAITS)).touch()
    log, moment = chaos.folder / "sick.log", time.time()
    corpus = chaos.corpus(8, files=2, rows=128)
    job = chaos.start(log, corpus, "chaos/out-8", fault_engine.NAME, **EVERYWHERE)
    named = f"(node {sick[:8]}) gets no more engines: the engine did not start: RuntimeError: the"
    wait_until(lambda: named in log.read_text(), job, log)
    lost, stays = well
    (chaos.folder / on(lost, WAITS)).unlink()
    wait_until(lambda: lost in judging(chaos.folder, moment), job, log)
    came = chaos.nodes.lose(lost)
    wait_until(lambda: came in judging(chaos.folder, moment), job, log)
    (chaos.folder / on(stays, WAITS)).unlink()
    assert job.wait(LIMIT) == 0, log.read_text()
    said = log.read_text()
    assert said.count("gets no more engines") == 1
    assert f"(node {lost[:8]}) is lost; other machines redo its work" in said
    rows = chaos.rows("chaos/out-8")
    texts = []
    for path in sorted(chaos.direct.ls(corpus.removeprefix("s3://"))):
        with chaos.direct.open(path, "rb") as file:
            texts += pq.read_table(file).column("text").to_pylist()
    assert len(rows) == len(texts) == 256
    monkeypatch.delenv(fault_engine.ENVIRONMENT, raising=False)  # of an engine of this process
    expected = judged_here(texts, fault_engine.FaultEngine(None))
    by_place = sorted(rows, key=lambda row: (row["source_file"], row["row"]))
    assert [row["reward"] for row in by_place] == pytest.approx(expected)
    assert chaos.judged_since(moment, corpus) >= chaos.parts("chaos/out-8").keys()
    assert sick not in judging(chaos.folder, moment)
    (chaos.folder / on(sick, SICK)).unlink()


def test_every_kind_of_fault_comes_before_any_comes_twice():
    kinds = len(ALL_FAULTS)
    plan = fault_plan(1, 2 * kinds)
    assert sorted(plan[:kinds]) == sorted(plan[kinds:]) == sorted(ALL_FAULTS)
    assert fault_plan(1, 2 * kinds) == plan != fault_plan(2, 2 * kinds)


def test_the_ledger_holds_what_a_seed_showed(tmp_path):
    report = Report(5, fault_engine.NAME, Counter({"store lost": 2, "driver killed": 1}), rows=192)
    ledger.add(report, "hash", tmp_path / "ledger.jsonl")
    (line,) = ledger.read(tmp_path / "ledger.jsonl")
    assert line["seed"] == 5 and line["job"] == "score" and line["rows"] == 192
    assert line["kinds"] == {"driver killed": 1, "store lost": 2} and line["faults"] == 3
    assert line["lost"] == line["doubled"] == line["differing"] == line["untrue_exits"] == 0
