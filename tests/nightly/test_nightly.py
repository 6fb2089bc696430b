"""The nightly job: nights scored, reported and filtered by one command, killed and resumed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.filter.delivery import DeliverConfig
from rm_ray.nightly.__main__ import main
from rm_ray.nightly.config import NightlyConfig
from tests import fault_engine
from tests.conftest import ROOT
from tests.jobs import environment, options, prose

NIGHTS = ("2026-11-01", "2026-11-02")


def add_files(corpus, night, documents=40):
    """A night's files: two sources, of which the second has longer documents."""
    rng = random.Random(night)
    corpus.mkdir(exist_ok=True)
    for source, words in (("a", 150), ("b", 300)):
        texts = [prose(rng, rng.randint(words, 2 * words)) for _ in range(documents)]
        ids = [f"{night}-{source}-{i}" for i in range(documents)]
        table = pa.table({"id": ids, "text": texts, "source": [source] * documents})
        pq.write_table(table, corpus / f"{night}-{source}.parquet", row_group_size=8)


def words(folder, output, night, **changes) -> list[str]:
    given = {"input_path": folder / "corpus", "output_path": output, "input_keep": "source",
             "engine_name": fault_engine.NAME, "shard_tokens": 2000, "report_by": "source",
             "filter_rule.keep_fraction": 0.5}  # fmt: skip
    if any(key.startswith("filter_rule") for key in changes):
        del given["filter_rule.keep_fraction"]
    return [*options(**given, **changes), "--night", night]


def run(caplog, folder, output, night, *extra, **changes) -> tuple[int, str]:
    caplog.clear()
    caplog.set_level("INFO")
    return main([*words(folder, output, night, **changes), *extra]), caplog.text


def killed(folder, output, night, when) -> None:
    """The job in a process of its own, until something is there."""
    job = subprocess.Popen(
        [sys.executable, "jobs/nightly.py", *words(folder, output, night)],
        cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while job.poll() is None and not when():
        time.sleep(0.02)
    assert job.poll() is None
    os.killpg(job.pid, signal.SIGKILL)
    job.wait()


def left(output) -> dict[str, object]:
    """What a nightly job leaves: rewards and kept documents by bytes, reports by their figures."""
    files = [*output.glob("scored/rewards/*"), *output.glob("kept/*/corpus/**/*.parquet")]
    found: dict[str, object] = {str(p.relative_to(output)): p.read_bytes() for p in files}
    for path in output.glob("reports/*/report.json"):
        figures = json.loads(path.read_text()) | {"made": None}
        figures["run"] |= {"path": None, "tokens_per_second": None, "engine_hours": None}
        figures["baseline"]["path"] = None
        found[str(path.relative_to(output))] = figures
    for path in output.glob("nights/*.json"):
        found[str(path.relative_to(output))] = json.loads(path.read_text()) | {"also": []}
    return found


@pytest.fixture(scope="module")
def calm(ray_cluster, tmp_path_factory):
    """Two nights that nobody disturbs."""
    folder = tmp_path_factory.mktemp("nightly")
    for night in NIGHTS:
        add_files(folder / "corpus", night)
        assert main(words(folder, folder / "calm", night)) == 0
    return folder


def test_two_nights(calm):
    output = calm / "calm"
    assert {path.name for path in output.iterdir()} == {
        "scored", "reports", "history", "kept", "nights", "index.html",
    }  # fmt: skip
    for number, night in enumerate(NIGHTS):
        claimed = json.loads((output / "nights" / f"{night}.json").read_text())
        assert (claimed["segments"], claimed["status"]) == ([number], "ok")
        figures = json.loads((output / "reports" / night / "report.json").read_text())
        assert figures["whole"]["documents"] == 80
        assert [group["name"] for group in figures["groups"]] == ["a", "b"]
        assert figures["baseline"]["nights"] == list(NIGHTS[:number])
        kept = pq.read_table(output / "kept" / f"night={night}" / "corpus")
        assert len(kept) == 40
        assert {name[:10] for name in kept.column("id").to_pylist()} == {night}


def test_killed_and_resumed_it_leaves_the_same(calm, tmp_path, caplog):
    """In the first night while it scores, in the second when it has its segments and no report; and
    each time it goes on under a later name, as after midnight.
    """
    output, files = tmp_path / "hurt", {}
    for night in NIGHTS:
        files[night] = sorted((calm / "corpus").glob(f"{night}-*"))
    away = tmp_path / "away"
    away.mkdir()
    for path in files[NIGHTS[1]]:
        path.rename(away / path.name)
    try:
        killed(calm, output, NIGHTS[0], lambda: len(list(output.glob("scored/rewards/*"))) > 3)
        begun = output / "nights" / f"{NIGHTS[0]}.json"
        assert json.loads(begun.read_text())["segments"] is None
        status, log = run(caplog, calm, output, f"{NIGHTS[0]}x")
        assert status == 0, log
    finally:
        for path in away.iterdir():
            path.rename(calm / "corpus" / path.name)
    claim = output / "nights" / f"{NIGHTS[1]}.json"
    killed(
        calm, output, NIGHTS[1],
        lambda: claim.exists() and json.loads(claim.read_text())["segments"] is not None,
    )  # fmt: skip
    assert json.loads(claim.read_text())["status"] is None
    status, log = run(caplog, calm, output, f"{NIGHTS[1]}x")
    assert status == 0, log
    assert left(output) == left(calm / "calm")


def test_a_night_that_is_done_repeats_its_verdict(calm, caplog):
    before = left(calm / "calm")
    status, log = run(caplog, calm, calm / "calm", NIGHTS[1])
    assert status == 0
    assert f"nothing is new; the verdict of {NIGHTS[1]} stands" in log
    assert left(calm / "calm") == before


def test_a_night_without_a_document_wakes_somebody_and_more_of_one_is_another(
    calm, tmp_path, caplog
):
    """Nothing is new on the second night; then files come, the same day."""
    folder, (first, second) = tmp_path, NIGHTS
    add_files(folder / "corpus", first, documents=20)
    assert run(caplog, folder, folder / "out", first)[0] == 0
    status, log = run(caplog, folder, folder / "out", second)
    assert status == 3
    assert "no document came" in log or "no document of the night" in log
    assert not (folder / "out" / "kept" / f"night={second}").exists()
    assert run(caplog, folder, folder / "out", second)[0] == 3  # said again
    add_files(folder / "corpus", second, documents=20)
    status, _ = run(caplog, folder, folder / "out", second)
    assert status == 0
    claimed = json.loads((folder / "out" / "nights" / f"{second}.02.json").read_text())
    assert claimed["segments"] == [1]


def test_a_filter_that_is_refused_leaves_its_night_and_no_other_unfinished(
    ray_cluster, tmp_path, caplog
):
    """The second night has too few documents for the quota; then its filter is left out."""
    folder = tmp_path
    quota = {"filter_rule.keep_documents": 30}
    add_files(folder / "corpus", NIGHTS[0], documents=20)
    assert run(caplog, folder, folder / "out", NIGHTS[0], **quota)[0] == 0
    add_files(folder / "corpus", NIGHTS[1], documents=5)
    status, log = run(caplog, folder, folder / "out", NIGHTS[1], **quota)
    assert status == 2
    assert f"{NIGHTS[1]}: ok, not filtered (" in log and f"--skip_filter {NIGHTS[1]}" in log
    add_files(folder / "corpus", "2026-11-03", documents=20)
    status, log = run(caplog, folder, folder / "out", "2026-11-03", **quota)
    assert status == 2
    assert (folder / "out" / "kept" / "night=2026-11-03" / "_SUCCESS").exists()
    status, log = run(
        caplog, folder, folder / "out", "2026-11-03", "--skip_filter", NIGHTS[1], **quota
    )
    assert status == 0, log


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--run.retry_failed"], "run.retry_failed changes nights"),
        (["--run.max_failed_fraction", "0.5"], "report.alerts.failed.above"),
        (["--report.by", "lang"], "--input.keep lang"),
        (["--output.path", "corpus/out"], "lies in the corpus"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_scored(
    tmp_path, caplog, monkeypatch, extra, said
):
    add_files(tmp_path / "corpus", "n", documents=2)
    monkeypatch.chdir(tmp_path)
    given = words(tmp_path, tmp_path / "out", "n")
    for option in extra[::2]:
        if option in given:
            at = given.index(option)
            del given[at : at + 2]
    assert main([*given, *extra]) == 2
    assert said in caplog.text
    assert not (tmp_path / "out").exists()


def test_a_night_that_scoring_refuses_is_not_begun(tmp_path, caplog):
    add_files(tmp_path / "corpus", "n", documents=2)
    status, log = run(caplog, tmp_path, tmp_path / "out", "n", judge_model="/nowhere")
    assert status == 2, log
    assert list((tmp_path / "out").glob("**/*.json")) == []


def test_a_damaged_claim_is_named(tmp_path, caplog):
    (tmp_path / "out" / "nights").mkdir(parents=True)
    (tmp_path / "out" / "nights" / "n.json").write_text("{")
    add_files(tmp_path / "corpus", "n", documents=2)
    status, log = run(caplog, tmp_path, tmp_path / "out", "n")
    assert status == 2
    assert "n.json is damaged" in log


def test_the_sections_are_those_of_the_other_jobs(tmp_path):
    config = NightlyConfig.model_validate(
        {
            "input": {"path": "c", "keep": ["source"]},
            "output": {"path": "out/"},
            "judge": {"model": "m"},
            "night": "2026-11-24",
            "report": {"by": "source", "column": "reward", "alerts": {"drift": {"above": 0.5}}},
            "filter": {"rule": {"min_reward": 1}, "output": {"kind": "ids"}},
        }
    )
    assert config.scoring().output.path == "out/scored"
    assert config.scoring().run.max_failed_fraction == 1  # the report says how many may fail
    report = config.reporting("n", [2], {"web": "m"})
    assert (report.rewards.path, report.rewards.segments) == ("out/scored", [2])
    assert (report.output.path, report.history.path) == ("out/reports/n", "out/history")
    assert (report.by, report.alerts.drift.above) == (["source"], 0.5)
    assert report.baseline.accept == {"web": "m"}
    kept = config.filtering("n", [2], DeliverConfig())
    assert (kept.output.path, kept.output.kind) == ("out/kept/night=n", "ids")
    assert (kept.rule.min_reward, kept.rewards.segments) == (1, [2])
    assert config.filtering("n", [2], DeliverConfig(), "held").output.path == "out/held/night=n"
    assert config.filters("n")
    assert not config.model_copy(update={"filter": None}).filters("n")
    assert not config.model_copy(update={"skip_filter": ["n"]}).filters("n")
