"""The evaluation job: pairs that it judges, what is resumed, compared, calibrated and refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.evaluate.pair_judge import pair_judge
from rm_ray.evaluate.pair_tokens import IDS, LabelledPairTokenizer
from rm_ray.filter.__main__ import main as filter_main
from rm_ray.judges.calibration import Calibration
from rm_ray.score.judge_shard import judge_shard
from rm_ray.score.read_stage import tokenize
from tests import fault_engine, jobs
from tests.conftest import TINY_JUDGE, tiny_judge
from tests.evaluate.runs import group, options, read, run
from tests.evaluate.tables import KINDS, pairs_of, small_texts, write_pairs

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def table():
    return pairs_of(small_texts(60), KINDS)


@pytest.fixture(scope="module")
def pairs(table, tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("made") / "pairs", table)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    """A judge's folder of one's own, which gets a calibration."""
    return shutil.copytree(TINY_JUDGE, tmp_path_factory.mktemp("judge") / "tiny")


@pytest.fixture(scope="module")
def evaluated(pairs, tmp_path_factory):
    """The validation pairs, judged once."""
    from rm_ray.evaluate.__main__ import main

    output = tmp_path_factory.mktemp("evaluated") / "out"
    assert main(options(pairs_path=pairs, output_path=output)) == 0
    return output


def judged(output: Path) -> list[dict]:
    rows = pq.read_table(output / "judged").to_pylist()
    return sorted(rows, key=lambda row: (row["source_file"], row["row"]))


def test_only_validation_pairs_are_judged_and_every_row_is_there(table, evaluated):
    rows = judged(evaluated)
    splits = table["split"].to_pylist()
    assert len(rows) == len(table)
    assert [row["status"] == "ok" for row in rows] == [one == "validation" for one in splits]
    for row, pair in zip(rows, table.to_pylist(), strict=True):
        for name in ("kind", "chunk", "split", "source", "seed", "extent", "context"):
            assert row[name] == pair[name]
        assert (row["document_file"], row["document_row"]) == (pair["source_file"], pair["row"])
        if row["status"] == "ok":
            assert row["reward"] == pytest.approx(
                row["chosen_reward"] - row["rejected_reward"], abs=1e-5
            )
            assert row["n_tokens"] == sum(len(pair[name]) for name in IDS)
            assert row["cut_tokens"] == 0


def test_the_figures_are_those_of_the_judged_pairs(evaluated):
    """Computed again, by every good chunk beside every bad one."""
    found, rows = read(evaluated), [row for row in judged(evaluated) if row["status"] == "ok"]
    chosen = np.array([row["chosen_reward"] for row in rows])
    rejected = np.array([row["rejected_reward"] for row in rows])
    whole = found["whole"]
    assert whole["count"] == len(rows)
    assert whole["documents"] == len({row["document_row"] for row in rows})
    assert whole["pairwise"]["value"] == pytest.approx((chosen > rejected).mean())
    assert whole["auc"]["value"] == pytest.approx((chosen[:, None] > rejected).mean())
    right = ((chosen > 0).sum() + (rejected <= 0).sum()) / 2 / len(rows)
    assert whole["accuracy"]["value"] == pytest.approx(right)
    assert whole["pairwise"]["low"] < whole["pairwise"]["value"] < whole["pairwise"]["high"]
    for kind in {row["kind"] for row in rows}:
        mine = np.array([row["kind"] == kind for row in rows])
        of = group(found, "kind", kind)
        assert of["count"] == mine.sum() and of["few"]
        assert of["pairwise"]["value"] == pytest.approx((chosen > rejected)[mine].mean())
    first = np.array([row["chunk"] == 0 for row in rows])
    assert group(found, "position", "0")["count"] == first.sum()
    assert found["facts"]["left_out"] == {"left_out": len(judged(evaluated)) - len(rows)}
    assert [one["name"] for one in found["baselines"]] == ["length", "zlib ratio", "unigram model"]
    assert "split train" in found["baselines_note"]
    assert found["verdict"]["sentence"].startswith(f"Right in {whole['pairwise']['value']:.1%} of ")


def test_the_dry_run_knows_how_much_there_is(pairs, evaluated, tmp_path, capsys):
    from rm_ray.evaluate.__main__ import main

    assert main([*options(pairs_path=pairs, output_path=tmp_path / "out"), "--dry-run"]) == 0
    (line,) = (one for one in capsys.readouterr().out.splitlines() if "  tokens  " in one)
    tokens = sum(row["n_tokens"] for row in judged(evaluated))
    assert int(line.split()[1].replace(",", "")) == pytest.approx(tokens, rel=0.2)
    assert not (tmp_path / "out").exists()


def test_its_run_is_known_by_the_jobs_that_look_at_runs(evaluated, caplog, capsys):
    from rm_ray.report.__main__ import main as report
    from rm_ray.status.__main__ import main as status

    assert status(["--output.path", str(evaluated)]) == 0
    shown = capsys.readouterr().out
    assert "a judge evaluation run by " in shown and "left_out" in shown
    assert report(["--rewards.path", str(evaluated), "--output.path", "unused"]) == 2
    assert "is the run of another job" in caplog.text


def test_baselines_are_of_the_texts(table, evaluated):
    mine = [row for row in table.to_pylist() if row["split"] == "validation"]
    longer = np.array([len(row["chosen"]) - len(row["rejected"]) for row in mine])
    share = ((longer > 0) + (longer == 0) / 2).mean()
    length = read(evaluated)["baselines"][0]
    assert length["pairwise"]["value"] == pytest.approx(
        share if length["higher"] == "good" else 1 - share
    )


def test_what_was_lost_is_judged_again_to_the_same_figures(pairs, evaluated, caplog):
    """As after a kill: some parts are there, and nothing that comes after them."""
    before = read(evaluated)
    lost = sorted((evaluated / "judged").iterdir())[1:3]
    for path in (*lost, evaluated / "_SUCCESS", *evaluated.glob("evaluation.*")):
        path.unlink()
    status, log = run(caplog, pairs_path=pairs, output_path=evaluated)
    assert status == 0 and "2 to do" in log
    assert read(evaluated) == before
    left_out = before["facts"]["left_out"]["left_out"]
    assert len(judged(evaluated)) == left_out + before["whole"]["count"]


def test_two_judges_are_compared(pairs, evaluated, tmp_path, caplog):
    changes = {"pairs_path": pairs, "output_path": tmp_path / "other", "against": evaluated}
    status, _ = run(caplog, **changes, judge_context_tokens=64)
    assert status == 0
    found, before = read(tmp_path / "other"), read(evaluated)
    beside = found["against"]
    assert beside["common"] == found["whole"]["count"]
    for name in ("pairwise", "auc"):
        difference = found["whole"][name]["value"] - before["whole"][name]["value"]
        assert beside[name]["value"] == pytest.approx(difference)
        assert beside[name]["low"] <= difference <= beside[name]["high"]
    assert [one["share"] for one in beside["kept"]] == [0.01, 0.1, 0.3]
    # the same judge against itself
    status, _ = run(caplog, pairs_path=pairs, output_path=evaluated, against=evaluated)
    same = read(evaluated)["against"]
    assert status == 0 and same["correlation"] == pytest.approx(1.0)
    assert {one["agreement"] for one in same["kept"]} == {1.0}
    assert (same["pairwise"]["low"], same["pairwise"]["high"]) == (0.0, 0.0)


def test_a_calibration_is_stored_scored_with_and_filtered_by(table, pairs, judge, tmp_path, caplog):
    changes = {"pairs_path": pairs, "judge_model": judge, "pairs_split": "all"}
    changes |= {"output_path": tmp_path / "evaluated"}
    status, log = run(caplog, **changes, calibrate="isotonic")
    place = judge / "calibration.json"
    assert status == 0 and f"{place}: from now on scoring with this judge" in log
    stored = json.loads(place.read_text())
    found = read(tmp_path / "evaluated")["calibration"]
    assert found["written"] == str(place)
    assert found["fitted_documents"] + found["held_out_documents"] == 60
    assert stored["fitted on"]["documents"] == found["fitted_documents"]
    errors = {one["method"]: one["ece"] for one in found["diagrams"]}
    assert stored["error on held-out documents"]["isotonic"] == errors["isotonic"]
    # another one is not written over it
    status, log = run(caplog, **changes, calibrate="platt")
    assert status == 2 and "exists already and is different" in log
    assert json.loads(place.read_text()) == stored
    # scoring
    corpus = tmp_path / "corpus"
    jobs.write_corpus(corpus, 1, 12, 200)
    score = {"input_path": corpus, "output_path": tmp_path / "scored", "judge_model": judge}
    score |= {"engine_name": fault_engine.NAME}
    assert jobs.run(caplog, **score)[0] == 0
    rows = pq.read_table(tmp_path / "scored" / "rewards")
    assert rows.column_names[rows.column_names.index("reward") + 1] == "p_chosen"
    calibration = Calibration.from_json(place.read_bytes(), "")
    assert rows["p_chosen"].to_pylist() == calibration.p_chosen(rows).to_pylist()
    means = [np.mean(calibration.of(np.array(one))) for one in rows["chunk_rewards"].to_pylist()]
    assert rows["p_chosen"].to_pylist() == pytest.approx(means, abs=1e-6)
    # another column is another run
    status, log = jobs.run(caplog, **score, judge_calibration="none")
    assert status == 2 and "judge.calibration is 'sha256:" in log
    # a filter takes it as any column
    cut = float(np.median(rows["p_chosen"].to_numpy()))
    kept = tmp_path / "kept"
    words = ["--rewards.path", str(tmp_path / "scored"), "--rewards.column", "p_chosen"]
    words += ["--output.kind", "ids", "--output.path", str(kept), "--rule.min_reward", repr(cut)]
    assert filter_main(words) == 0
    expected = sum(one >= cut for one in rows["p_chosen"].to_pylist())
    [ids] = [pq.read_table(path) for path in kept.rglob("*.parquet")]
    assert 0 < len(ids) == expected < 12


def test_tables_of_others_are_judged_by_their_texts(tmp_path, caplog):
    """Three columns of text: each row is a document, and what is too long is told."""
    texts = small_texts(30, seed=4)
    table = pa.table({"prompt": texts, "chosen": texts[1:] + texts[:1], "rejected": ["bad"] * 30})
    # columns with the names of ours, and other contents
    own = {"temperature": ["0.7", "high"] * 15, "chunk": ["p1", None] * 15}
    own |= {name: [["a", "b"]] * 30 for name in ("kind", "context", "source")}
    pq.write_table(
        pa.table({**dict(zip(table.column_names, table.columns, strict=True)), **own}),
        tmp_path / "others.parquet",
    )
    status, log = run(caplog, pairs_path=tmp_path / "others.parquet", output_path=tmp_path / "out")
    assert status == 0 and "the column temperature of the pairs is string, and is not" in log
    found, rows = read(tmp_path / "out"), judged(tmp_path / "out")
    assert found["whole"]["count"] == found["whole"]["documents"] == 30
    assert found["facts"]["split"] is None and found["facts"]["cut_pairs"] == 30
    assert "30 pairs have a chunk longer than the judge's" in " ".join(found["verdict"]["notes"])
    assert all(row["cut_tokens"] == row["chosen_tokens"] - 64 > 0 for row in rows)
    assert "other half" in found["baselines_note"]
    status, log = run(
        caplog, pairs_path=tmp_path / "others.parquet", output_path=tmp_path / "no",
        figures_kind="context",
    )  # fmt: skip
    assert status == 2 and "figures.kind: the column 'context' of" in log


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"chunk": 32}, "were made with chunks of 32 tokens, and the judge has 64"),
        ({"digest": "sha256:0"}, "were made with another tokenizer"),
    ],
)
def test_pairs_for_another_judge_are_refused(table, made, said, tmp_path, caplog):
    pairs = write_pairs(tmp_path / "pairs", table.slice(0, 20), **made)
    status, log = run(caplog, pairs_path=pairs, output_path=tmp_path / "out")
    assert status == 2 and said in log and not (tmp_path / "out").exists()


def test_what_cannot_be_evaluated_is_refused_in_a_sentence(
    table, pairs, evaluated, tmp_path, caplog
):
    def refused(**changes):
        known = {"pairs_path": pairs, "output_path": tmp_path / "out"}
        status, log = run(caplog, **(known | changes))
        assert status == 2 and not (tmp_path / "out").exists()
        return log.strip().splitlines()[-1]

    train = table.filter(pa.array([one == "train" for one in table["split"].to_pylist()]))
    pq.write_table(train, tmp_path / "train.parquet")
    told = refused(pairs_path=tmp_path / "train.parquet")
    assert "has no pairs of the split validation; --pairs.split all takes all pairs" in told
    pq.write_table(table.drop_columns(["chosen"]), tmp_path / "two.parquet")
    assert "has no column 'chosen'" in refused(pairs_path=tmp_path / "two.parquet")
    corpus = tmp_path / "corpus"
    jobs.write_corpus(corpus, 1, 2, 100)
    scored = {"input_path": corpus, "output_path": tmp_path / "scored"}
    assert jobs.run(caplog, **scored, engine_name=fault_engine.NAME)[0] == 0
    assert "is the run of another job" in refused(against=tmp_path / "scored")
    assert "not the folder of a run of jobs/pairs.py" in refused(pairs_path=tmp_path / "scored")
    status, log = run(caplog, pairs_path=pairs, output_path=tmp_path / "scored")
    assert status == 2 and "holds a run with other settings" in log
    pq.write_table(table.slice(0, 30), tmp_path / "some.parquet")
    changes = {"pairs_path": tmp_path / "some.parquet", "output_path": tmp_path / "some"}
    status, log = run(caplog, **changes, against=evaluated)
    assert status == 2 and "has judged other pairs: 0 are in both" in log
    assert "rewards.path" in refused(rewards_path="x")  # one of the two


def test_an_engine_gives_pairs_the_rewards_of_their_chunks(vllm_engine, table):
    """The chosen chunk has the reward that scoring gives to the document's chunk."""
    from rm_ray.corpus.shards import Shard
    from tests.score.notes import Notes

    _, inner = tiny_judge(context_tokens=256)
    rows = table.slice(0, 12)
    columns = {f"_judged.{name}": rows[name].combine_chunks() for name in IDS}
    numbers = pa.array(range(len(rows)), pa.int64())
    plain = (TINY_JUDGE / "tokenizer.json").read_text()
    read = tokenize(pa.table({"_row": numbers, **columns}), LabelledPairTokenizer(IDS, plain, None))
    shard = Shard("here", 0, len(rows))
    found, counts = judge_shard(shard, read, pair_judge(inner), vllm_engine, Notes())
    assert counts.windows == 24 and counts.statuses == {"ok": 12}
    for pair, reward in zip(rows.to_pylist(), found["chosen_reward"].to_pylist(), strict=True):
        whole = np.array([*pair["prompt_ids"], *pair["chosen_ids"]], np.int32)
        [window] = list(inner.prompts(whole, [len(pair["prompt_ids"]) // 64]))
        from rm_ray.engines.engine import answer_all

        [answer] = answer_all(vllm_engine, [window])
        assert inner.chunk_reward(answer) == pytest.approx(reward, abs=1e-4)
