"""Documents that harm the engine: found, marked and kept apart; everybody else is scored."""

import json
import random
import subprocess
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray

from rm_ray.run.faults import start_tally
from tests import fault_engine, jobs, raising_vllm
from tests.conftest import ROOT, tiny_judge
from tests.jobs import command, environment, parts, prose, read_rewards

pytestmark = pytest.mark.usefixtures("ray_cluster")

ROWS, BAD = 60, 30
REASONS = {
    "raise": "RuntimeError: the engine cannot stand this text (alone, in 2 engine processes)",
    "nan": "the engine returned nan for chunk {chunk} (alone, in 2 engine processes)",
    "hang": "the engine gave no answer for 3 s, and its process was ended "
    "(alone, in 2 engine processes)",
    "kill": "the engine's process ended while judging it (alone, in 2 engine processes)",
}
# With its shard once, alone twice.
ATTEMPTS = 3


def run(caplog, *extra, **changes):
    """The job with the fault engine."""
    changes = {"engine_name": fault_engine.NAME, "engine_silence_s": 3} | changes
    return jobs.run(caplog, *extra, **changes)


def write_poisoned(folder, kinds):
    """One file a kind, one shard each, a poisoned document in its middle; its text by kind."""
    rng = random.Random(0)
    folder.mkdir()
    bad = {}
    for kind in kinds:
        texts = [prose(rng, rng.randint(60, 120)) for _ in range(ROWS)]
        texts[BAD] = bad[kind] = f"{texts[BAD]} {fault_engine.POISON[kind]} {texts[BAD]}"
        table = pa.table({"id": [f"{kind}-{i}" for i in range(ROWS)], "text": texts})
        pq.write_table(table, folder / f"{kind}.parquet")
    return bad


def first_window(text):
    tokenizer, judge = tiny_judge(context_tokens=256)
    (ids,) = tokenizer.tokenize({"text": pa.array([text])}).ids
    return fault_engine.digest(next(judge.prompts(ids)))


def test_poison_is_marked_its_neighbours_are_scored_and_it_can_be_tried_again(
    tmp_path, caplog, fault_folder
):
    bad = write_poisoned(tmp_path / "in", fault_engine.POISON)
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **paths)
    assert status == 1
    assert "4 of 240 documents failed, more than run.max_failed_fraction 0 allows" in log
    rows = read_rewards(tmp_path / "out")
    failed = {row["id"].partition("-")[0]: row for row in rows if row["status"] != "ok"}
    assert [row["row"] for row in rows] == [*range(ROWS)] * 4
    assert {row["id"] for row in failed.values()} == {f"{kind}-{BAD}" for kind in REASONS}
    judged = fault_engine.judged(fault_folder)
    for kind, row in failed.items():
        assert row["status"] == "failed" and row["reward"] is None
        chunk = row["error"].split("chunk ")[-1].split()[0]
        assert row["error"] == REASONS[kind].format(chunk=chunk)
        # Ray asks once more for what it had not heard of when the process ended over another one
        assert 0 <= judged[first_window(bad[kind])] - ATTEMPTS <= 1
    assert (tmp_path / "out" / "_SUCCESS").exists()  # every document has its row
    assert not list((tmp_path / "out" / "_rm_ray" / "staged").iterdir())
    totals = json.loads((tmp_path / "out" / "_rm_ray" / "metrics.json").read_text())["totals"]
    assert totals["statuses"] == {"failed": 4, "ok": 236} and totals["shards"] == 4

    before = parts(tmp_path / "out")
    status, _ = run(caplog, "--run.max_failed_fraction", "0.02", **paths)
    assert status == 0 and parts(tmp_path / "out") == before  # nothing is tried again unasked

    (fault_folder / fault_engine.CURED).touch()
    status, log = run(caplog, "--run.retry_failed", **paths)
    assert status == 0 and "4 shards have failed documents" in log
    healed = read_rewards(tmp_path / "out")
    assert all(row["status"] == "ok" and row["reward"] is not None for row in healed)
    assert [row for row in healed if row["row"] != BAD] == [r for r in rows if r["row"] != BAD]
    again = fault_engine.judged(fault_folder)
    innocent = first_window(pq.read_table(tmp_path / "in")["text"][BAD + 1].as_py())
    assert again[innocent] == judged[innocent]  # only what had failed was judged again
    for text in bad.values():
        assert again[first_window(text)] == judged[first_window(text)] + 1


@pytest.mark.chaos
def test_poison_in_every_shard_and_much_of_it_in_one_is_all_found(
    tmp_path, caplog, fault_folder, monkeypatch
):
    """More than what would stop the run if it were the system's doing."""
    monkeypatch.setattr(start_tally, "FAULTS_IN_A_ROW", 2)  # four with an engine
    rng = random.Random(1)
    raising, crowded = 5, 22  # and more rows that fail alone than would stop the run
    (tmp_path / "in").mkdir()
    for name, kind, count, bad in (
        ("each", "raise", 4 * raising, range(1, 4 * raising, 4)),
        ("crowd", "nan", 28, range(4, 4 + crowded)),
    ):
        texts = [prose(rng, 80) for _ in range(count)]
        for row in bad:
            texts[row] = f"{texts[row]} {fault_engine.POISON[kind]} {texts[row]}"
        table = pa.table({"id": [f"{name}-{i}" for i in range(len(texts))], "text": texts})
        pq.write_table(
            table, tmp_path / "in" / f"{name}.parquet", row_group_size=4 if bad[0] == 1 else 60
        )
    status, _log = run(
        caplog,
        "--run.max_failed_fraction",
        "0.6",
        shard_rows=4,
        input_path=tmp_path / "in",
        output_path=tmp_path / "out",
    )
    assert status == 0
    rows = read_rewards(tmp_path / "out")
    failed = {row["id"] for row in rows if row["status"] == "failed"}
    assert len(rows) == 4 * raising + 28
    assert failed == {f"each-{i}" for i in range(1, 4 * raising, 4)} | {
        f"crowd-{i}" for i in range(4, 4 + crowded)
    }
    assert {row["status"] for row in rows} == {"ok", "failed"}


@pytest.mark.parametrize("trouble", [fault_engine.PICKY, fault_engine.SICK])
def test_an_engine_that_fails_everybody_marks_nobody(trouble, tmp_path, caplog, fault_folder):
    write_poisoned(tmp_path / "in", ["nan"])
    (fault_folder / trouble).touch()
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **paths)
    assert status == 1 and "1 of 1 shards are not done" in log
    said = {
        fault_engine.PICKY: "so the engine or the machine is at fault, and none of these documents",
        fault_engine.SICK: "stopped before the end, no engine starts on any of 1 machines; the "
        "last: the engine did not start: RuntimeError: the engine is sick",
    }
    assert said[trouble] in log.splitlines()[-1]
    assert not (tmp_path / "out" / "_SUCCESS").exists()
    (fault_folder / trouble).unlink()
    (fault_folder / fault_engine.CURED).touch()
    status, _ = run(caplog, **paths)
    assert status == 0 and len(read_rewards(tmp_path / "out")) == ROWS


def test_an_engine_that_hangs_as_it_starts_is_ended_and_the_run_with_it(
    tmp_path, caplog, fault_folder
):
    write_poisoned(tmp_path / "in", ["nan"])
    (fault_folder / fault_engine.WAITS).touch()
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, engine_start_s=3, **paths)
    last = log.splitlines()[-1]
    assert status == 1 and "1 of 1 shards are not done" in last
    assert "no engine was ready within 3 s (engine.start_s)" in last


def test_no_memory_for_long_documents_blames_none_of_them(
    tmp_path, caplog, fault_folder, monkeypatch
):
    """A short harmless document would pass, and each long one be marked for failing after it."""
    monkeypatch.setattr(start_tally, "FAULTS_IN_A_ROW", 2)  # four with an engine
    rng = random.Random(4)
    texts = [prose(rng, 100 if row < 2 else 400) for row in range(8)]
    (tmp_path / "in").mkdir()
    table = pa.table({"id": [str(row) for row in range(8)], "text": texts})
    pq.write_table(table, tmp_path / "in" / "8.parquet")
    (fault_folder / fault_engine.CRAMPED).touch()
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = run(caplog, **paths)
    assert status == 1
    fault = "an engine cannot judge a document that is known to be harmless"
    assert f"{fault}: RuntimeError: out of memory: 1 of 1 shards" in log.splitlines()[-1]
    assert not parts(tmp_path / "out") and not (tmp_path / "out" / "_SUCCESS").exists()
    (fault_folder / fault_engine.CRAMPED).unlink()
    assert run(caplog, **paths)[0] == 0
    assert {row["status"] for row in read_rewards(tmp_path / "out")} == {"ok"}


@pytest.mark.chaos
def test_no_answer_counts_from_an_engine_that_raised(tmp_path, caplog, fault_folder, vllm_engine):
    """vLLM registers blocks before it computes them: neighbours would be given empty ones."""
    rng = random.Random(3)
    bad = 20
    texts = [prose(rng, rng.randint(100, 200)) for _ in range(40)]
    texts[bad] = f"{texts[bad]} {fault_engine.POISON['raise']} {texts[bad]}"
    # what shares its beginning shares its blocks
    texts[bad + 1] = f"{texts[bad]} {prose(rng, 50)}".replace(
        fault_engine.POISON["raise"], "and so"
    )
    (tmp_path / "in").mkdir()
    table = pa.table({"id": [str(i) for i in range(40)], "text": texts})
    pq.write_table(table, tmp_path / "in" / "40.parquet")
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    status, log = jobs.run(caplog, engine_name=raising_vllm.NAME, **paths)
    assert status == 1, log
    calm = jobs.judged_here(texts, vllm_engine)
    for row, hurt in enumerate(read_rewards(tmp_path / "out")):
        if row == bad:
            assert hurt["status"] == "failed" and "out of memory, as it were" in hurt["error"]
        else:
            assert hurt["status"] == "ok" and abs(hurt["reward"] - calm[row]) < 1e-3


@pytest.mark.chaos
def test_killed_in_every_round_it_still_equals_an_undisturbed_run(tmp_path, caplog, fault_folder):
    write_poisoned(tmp_path / "in", ["raise", "nan"])
    env = environment(RAY_ADDRESS=ray.get_runtime_context().gcs_address, PYTHONPATH=str(ROOT))
    words = ["--run.max_failed_fraction", "0.1"]
    changes = {"input_path": tmp_path / "in", "shard_rows": 20}
    calm, hurt, log = tmp_path / "calm", tmp_path / "hurt", tmp_path / "log"

    def start():
        with log.open("w") as out:
            return subprocess.Popen(
                command(*words, engine_name=fault_engine.NAME, **changes, output_path=hurt),
                cwd=ROOT,
                env=env,
                stdout=out,
                stderr=out,
            )

    assert run(caplog, *words, **changes, output_path=calm)[0] == 0
    (fault_folder / fault_engine.SLOW).touch()
    for said in (", 1 engine", "round 2,", "round 3,"):
        job, before = start(), parts(hurt)
        deadline = time.monotonic() + 200
        while said not in log.read_text():
            assert job.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        time.sleep(0.5)
        job.kill()
        job.wait()
        time.sleep(3)  # workers may write for a moment after their driver is gone
        assert before.items() <= parts(hurt).items()
    before = parts(hurt)
    status, said = run(caplog, *words, **changes, output_path=hurt)
    assert status == 0, said
    assert before.items() <= parts(hurt).items()  # no finished shard was judged again
    assert parts(calm).keys() == parts(hurt).keys()
    for name in parts(calm):
        assert (calm / "rewards" / name).read_bytes() == (hurt / "rewards" / name).read_bytes()
    assert sum(row["status"] == "failed" for row in read_rewards(hurt)) == 2
