"""Evaluations of scoring runs with labels, whose rewards a test chooses."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT
from tests.evaluate.runs import group, look, read
from tests.jobs import environment
from tests.scored_runs import fabricate

WORDS = ("the cat sat on a mat", "colourless green ideas sleep", "buy now click here", "xx yy zz")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """400 documents: even ones are good. Sources differ in their share of good ones."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 20)) for _ in range(400)]
    pq.write_table(pa.table({"text": texts}), folder / "a.parquet")
    return folder


def rows_of(rewards, **more):
    def rows(span):
        mine = slice(span.start, span.stop)
        numbers = np.arange(400)
        columns = {
            "reward": pa.array(rewards[mine], pa.float32()),
            "n_tokens": pa.array([100 + 10 * int(i) for i in numbers[mine]], pa.int64()),
            "status": ["ok" if one is not None else "empty" for one in rewards[mine]],
            "label": [("good", "junk")[i % 2] for i in numbers[mine].tolist()],
            "kind": [("real", "spliced", "real", "mashed")[i % 4] for i in numbers[mine].tolist()],
        }
        return pa.table(columns | {name: values[mine] for name, values in more.items()})

    return rows


@pytest.fixture(scope="module")
def rewards():
    """Good documents lie one standard deviation above the bad ones; one has no reward."""
    rng = np.random.default_rng(1)
    found = rng.normal(size=400) + np.where(np.arange(400) % 2 == 0, 1.0, 0.0)
    return [None, *found[1:].tolist()]


@pytest.fixture(scope="module")
def scored(corpus, rewards, tmp_path_factory):
    output = tmp_path_factory.mktemp("scored") / "out"
    fingerprint = {"family": "preference"}
    fabricate(output, corpus, rows_of(rewards), shard_rows=150, fingerprint=fingerprint)
    return output


def test_labels_are_compared_with_rewards_in_a_process_of_its_own(
    scored, rewards, tmp_path, monkeypatch
):
    """Nothing is judged: no engine and no cluster is started."""
    words = ["--rewards.path", str(scored), "--output.path", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "jobs/evaluate.py", *words],
        cwd=ROOT, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Ray" not in done.stderr
    found = read(tmp_path / "out")
    good, bad = np.array(rewards[2::2]), np.array(rewards[1::2])
    whole = found["whole"]
    assert (whole["count"], whole["good"], whole["pairwise"]) == (399, 199, None)
    assert whole["auc"]["value"] == pytest.approx((good[:, None] > bad).mean(), abs=1e-6)
    right = (good > 0).sum() + (bad <= 0).sum()
    assert whole["accuracy"]["value"] == pytest.approx(right / 399)
    assert found["facts"]["left_out"] == {"empty": 1}
    spliced = group(found, "kind", "spliced")  # beside all good documents
    assert spliced["count"] == 299 and spliced["documents"] == 299
    assert spliced["auc"]["value"] == pytest.approx(
        (good[:, None] > np.array(rewards[1::4])).mean(), abs=1e-6
    )
    sentence = f"A good document is above a bad one in {whole['auc']['value']:.1%} ("
    assert found["verdict"]["sentence"].startswith(sentence)
    assert sentence in (tmp_path / "out" / "evaluation.md").read_text()
    assert (
        sum(one["count"] for one in found["calibration"]["diagrams"][0]["bins"])
        == (found["calibration"]["held_out_texts"])
    )
    length = found["baselines"][0]
    assert length["name"] == "length" and abs(length["auc"]["value"] - 0.5) < 0.1


def test_a_judge_that_sorts_sources_is_told(corpus, tmp_path, caplog):
    """Rewards that are the source's share of good documents, and nothing inside it."""
    rng = np.random.default_rng(2)
    source = np.where(np.arange(400) % 2 == (rng.random(400) < 0.15), "books", "spam")
    rewards = (np.where(source == "books", 2.0, -2.0) + rng.normal(size=400)).tolist()
    told = rows_of(rewards, source=source.tolist())
    fabricate(tmp_path / "scored", corpus, told, fingerprint={"family": "preference"})
    status, _ = look(caplog, tmp_path / "scored", tmp_path / "out")
    assert status == 0
    sources = read(tmp_path / "out")["sources"]
    assert sources["sorts_sources"] and sources["between"] > 0.7
    assert sources["auc"] > 0.8 and abs(sources["within_auc"] - 0.5) < 0.12
    assert sources["sentence"].startswith("This judge sorts sources more than quality: ")
    assert "sorts sources more than quality" in (tmp_path / "out" / "evaluation.html").read_text()
    assert len(sources["sources"]) == 2


def test_calibration_is_worth_something_on_other_documents(corpus, rewards, tmp_path, caplog):
    """A judge whose rewards are all too high by 3: both maps see that."""
    high = [one and one + 3 for one in rewards]
    fabricate(tmp_path / "high", corpus, rows_of(high), fingerprint={"family": "preference"})
    more = ["--calibrate", "platt", "--calibration.path", str(tmp_path / "judge")]
    status, _ = look(caplog, tmp_path / "high", tmp_path / "out", *more)
    assert status == 0
    found = read(tmp_path / "out")["calibration"]
    errors = {one["method"]: one["ece"] for one in found["diagrams"]}
    assert errors["raw"] > 0.3 and max(errors["platt"], errors["isotonic"]) < 0.2
    assert found["unit"] == "document" and (tmp_path / "judge" / "calibration.json").is_file()


def test_a_kind_that_the_judge_is_blind_to_is_told_first(corpus, tmp_path, caplog):
    rng = np.random.default_rng(3)
    rewards = rng.normal(size=400) + np.where(np.arange(400) % 4 == 3, -3.0, 0.0)
    fabricate(tmp_path / "scored", corpus, rows_of(rewards.tolist()))
    status, log = look(caplog, tmp_path / "scored", tmp_path / "out")
    found = read(tmp_path / "out")
    assert status == 0 and found["verdict"]["blind"][0].startswith(
        "Blind to spliced: below a good "
    )
    assert group(found, "kind", "spliced")["blind"] and not group(found, "kind", "mashed")["blind"]
    assert "Blind to spliced" in log


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--labels.column", "nope"], "labels.column: .* has no column 'nope'"),
        (["--labels.good", "superb"], "with a reward is bad. The values of label are: good, junk"),
        (["--rewards.column", "label"], "rewards.column: label is string, not a number"),
        (["--calibration.by", "lang"], "calibration.by: .* has no column 'lang'"),
        (
            ["--figures.source", "soruce"],
            "figures.source: .* has no column 'soruce'; it has",
        ),
        (["--figures.kind", "knid"], "figures.kind: .* has no column 'knid'"),
        (["--pairs.path", "x"], "either pairs.path or rewards.path; both are given"),
    ],
)
def test_what_cannot_be_looked_at_is_refused(scored, tmp_path, words, said, caplog):
    status, log = look(caplog, scored, tmp_path / "out", *words)
    assert status == 2 and not (tmp_path / "out").exists()
    import re

    assert re.search(said, log)


def test_documents_without_a_number_are_counted_and_infinite_ones_refused(
    corpus, rewards, tmp_path, caplog
):
    """The column is beside the rewards; a list makes no groups, and a large id is a number."""
    grades = [None if i % 4 == 0 else float(i % 7) for i in range(400)]
    more = {"grade": np.array(grades, object), "source": np.array([["x"]] * 400, object)}
    more["number"] = np.array([2**53 + 1 + i for i in range(400)], object)
    rows = rows_of(rewards, **{name: pa.array(list(column)) for name, column in more.items()})
    fabricate(tmp_path / "scored", corpus, rows)
    words = ["--rewards.column", "grade"]
    status, log = look(caplog, tmp_path / "scored", tmp_path / "out", *words)
    assert status == 0, log
    # the document without a reward, which is empty, has no grade either
    assert read(tmp_path / "out")["facts"]["left_out"] == {"empty": 1, "no number": 99}
    assert read(tmp_path / "out")["facts"]["of"] == "documents"
    status, log = look(caplog, tmp_path / "scored", tmp_path / "big", "--rewards.column", "number")
    assert status == 0, log
    fabricate(tmp_path / "infinite", corpus, rows_of([*rewards[:7], float("inf"), *rewards[8:]]))
    status, log = look(caplog, tmp_path / "infinite", tmp_path / "no")
    assert status == 2 and "a.parquet, row 7, is infinite" in log


def test_rewards_of_documents_that_were_judged_in_part_are_called_estimates(
    corpus, rewards, tmp_path, caplog
):
    early = {"judge.adaptive": {"bands": {"": [0.5, 0.5]}}}
    fabricate(tmp_path / "scored", corpus, rows_of(rewards), fingerprint=early)
    status, log = look(caplog, tmp_path / "scored", tmp_path / "out")
    assert status == 0 and "its rewards are estimates" in log


def test_a_file_that_changed_between_two_runs_is_not_compared(rewards, tmp_path, caplog):
    """The rows of the second run may be other texts."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    pq.write_table(pa.table({"text": [str(i) for i in range(400)]}), folder / "a.parquet")
    fabricate(tmp_path / "one", folder, rows_of(rewards))
    pq.write_table(pa.table({"text": [str(i) for i in range(399, -1, -1)]}), folder / "a.parquet")
    fabricate(tmp_path / "two", folder, rows_of(rewards))
    status, log = look(caplog, tmp_path / "one", tmp_path / "out", "--against",
                       str(tmp_path / "two"), "--figures.baselines", "false")  # fmt: skip
    assert status == 2 and "a.parquet has changed between the two runs" in log


def test_the_same_documents_by_another_judge(scored, corpus, rewards, tmp_path, caplog):
    worse = [one and one + 2 * float(np.sin(i * 7)) for i, one in enumerate(rewards)]
    fabricate(tmp_path / "worse", corpus, rows_of(worse), fingerprint={"model": "worse"})
    status, _ = look(caplog, scored, tmp_path / "out", "--against", str(tmp_path / "worse"))
    assert status == 0
    beside = read(tmp_path / "out")["against"]
    assert beside["common"] == 399 and beside["auc"]["low"] > 0 and beside["pairwise"] is None
    assert beside["sentence"].startswith("This judge is better than the other: AUC by +")
    other = tmp_path / "other"
    other.mkdir()
    pq.write_table(pq.read_table(corpus).slice(0, 200), other / "a.parquet")
    fabricate(tmp_path / "elsewhere", other, rows_of(rewards))
    status, log = look(caplog, scored, tmp_path / "no", "--against", str(tmp_path / "elsewhere"))
    assert status == 2 and "has judged other documents: 0 are in both" in log
    fabricate(tmp_path / "none", corpus, rows_of([None] * 400))
    status, log = look(caplog, scored, tmp_path / "no", "--against", str(tmp_path / "none"))
    assert status == 2 and "has no reward for any of these documents" in log
    status, log = look(caplog, scored, scored)
    assert status == 2 and "holds the run of another job" in log
