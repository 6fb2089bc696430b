"""Some chunks in place of all: rewards, decisions and cost beside those of every chunk."""

import json
from dataclasses import replace

import pytest

from rm_ray.judges.preference.rule_file import ALL, CalibratedRule
from rm_ray.judges.preference.stopping import Band, Forecast, StopTable, Strictness
from rm_ray.score.__main__ import main
from rm_ray.score.fingerprint import judge_settings
from tests.jobs import options, read_rewards, run, write_corpus

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def essays(tmp_path_factory):
    """Documents of some 15 to 45 chunks, and every chunk of them judged."""
    folder = tmp_path_factory.mktemp("essays")
    write_corpus(folder / "in", files=1, rows=12, words=900, seed=3)
    changes = {"input_path": folder / "in", "judge_context_tokens": 8192}
    arguments = options(**changes, output_path=folder / "all")
    assert main(arguments) == 0
    return folder, changes


def test_some_chunks_get_the_rewards_they_get_among_all(essays, tmp_path, caplog):
    folder, changes = essays
    status, log = run(
        caplog, "--judge.chunks", "spread:4", **changes, output_path=tmp_path / "out"
    )  # fmt: skip
    assert status == 0 and "12 documents judged in part (100.0%)" in log
    for some, whole in zip(
        read_rewards(tmp_path / "out"), read_rewards(folder / "all"), strict=True
    ):
        assert (
            some["n_chunks"] == len(some["judged_chunks"]) == 4 and whole["judged_chunks"] is None
        )
        theirs = [whole["chunk_rewards"][chunk] for chunk in some["judged_chunks"]]
        assert some["chunk_rewards"] == pytest.approx(theirs, abs=1e-3)
        assert some["reward_stderr"] > 0 == whole["reward_stderr"]
    totals = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    assert totals["windows"] == 4 * 12 and totals["partly_judged"] == 12
    assert totals["forwarded_tokens"] <= 1.005 * totals["minimum_tokens"]
    assert totals["minimum_tokens"] < 0.6 * totals["whole_minimum_tokens"]


def test_documents_that_are_clear_are_judged_less_and_decided_alike(essays, tmp_path, caplog):
    folder, changes = essays
    whole = read_rewards(folder / "all")
    threshold = sorted(row["reward"] for row in whole)[6] + 1e-3
    stored = json.loads((folder / "all" / "_rm_ray" / "run.json").read_text())
    # after 8 chunks the mean of the rest is expected to be that of the first 8, within 0.5
    table = StopTable((Forecast(8, 0.0, (1.0,), 0.5, 0.0),), Strictness(2.0, 2.0))
    bands = {ALL: Band(threshold, threshold)}
    rule = CalibratedRule(table, (), bands, judge_settings(stored["fingerprint"]))
    (tmp_path / "rule.json").write_text(rule.to_json())
    status, log = run(
        caplog, "--judge.adaptive.rule", str(tmp_path / "rule.json"), **changes,
        output_path=tmp_path / "out",
    )  # fmt: skip
    assert status == 0 and "documents judged in part" in log
    rows = read_rewards(tmp_path / "out")
    for some, full in zip(rows, whole, strict=True):
        numbers = some["judged_chunks"] or range(full["n_chunks"])
        theirs = [full["chunk_rewards"][chunk] for chunk in numbers]
        assert some["chunk_rewards"] == pytest.approx(theirs, abs=1e-3)
        assert some["n_chunks"] in (8, full["n_chunks"])
    kept = [[row["reward"] > threshold for row in some] for some in (rows, whole)]
    assert sum(a != b for a, b in zip(*kept, strict=True)) <= 1
    totals = json.loads((tmp_path / "out" / "_SUCCESS").read_text())
    stopped = sum(row["judged_chunks"] is not None for row in rows)
    assert totals["partly_judged"] == stopped > 3
    assert totals["forwarded_tokens"] <= 1.005 * totals["minimum_tokens"]
    other = replace(rule, judge=rule.judge | {"judge.chunk_tokens": 32})
    (tmp_path / "other.json").write_text(other.to_json())
    changes |= {"output_path": tmp_path / "new"}
    status, log = run(caplog, "--judge.adaptive.rule", str(tmp_path / "other.json"), **changes)
    assert status == 2 and "calibrated for another judge" in log
    assert "judge.chunk_tokens is 32 there and 64 here" in log
    status, log = run(caplog, "--judge.adaptive.rule", str(tmp_path / "no.json"), **changes)
    assert status == 2 and "there is no file" in log
    (tmp_path / "bad.json").write_text("{}")
    status, log = run(caplog, "--judge.adaptive.rule", str(tmp_path / "bad.json"), **changes)
    assert status == 2 and "is not a stop rule" in log
