"""The job from a corpus to kept documents, beside judging every document whole."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.judges.preference.stopping import Band
from rm_ray.run.output.lease import Lease
from rm_ray.score.__main__ import main as score
from rm_ray.select.__main__ import main
from rm_ray.select.figures import SelectFigures
from rm_ray.select.statistics import calibrate
from rm_ray.status.__main__ import main as status
from rm_ray.store.folder import Folder
from tests import quality_engine
from tests.jobs import options, parts, read_rewards
from tests.quality_engine import documents_at_one_place

pytestmark = pytest.mark.usefixtures("ray_cluster")

DOCUMENTS = 1600
ENGINE = {"engine_name": quality_engine.NAME, "shard_tokens": 100_000}
SAMPLE = {"select_sample_documents": 700, "select_audit_documents": 100}


def documents():
    return documents_at_one_place(files=2, rows=DOCUMENTS // 2, words=300)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus, and a folder with every document judged whole."""
    folder = tmp_path_factory.mktemp("select")
    words = {"input_path": documents(), "input_keep": "lang", "output_path": folder / "whole"}
    assert score(options(**ENGINE, **words)) == 0
    return folder


@pytest.fixture(scope="module")
def selected(made):
    """The best 30%, selected."""
    words = {"input_path": documents(), "output_path": made / "out", "rule_keep_fraction": 0.3}
    assert main(options(**ENGINE, **SAMPLE, **words)) == 0
    return made / "out"


@pytest.fixture(scope="module")
def judged_whole(made):
    """A selection of a corpus that is too small for a sample, and how it ended."""
    shutil.copytree(documents(), made / "small")
    words = {"input_path": made / "small", "output_path": made / "small-out"}
    words |= {"rule_keep_fraction": 1 / 3, "input_limit": 300}
    return made / "small-out", main(options(**ENGINE, **words)), words


def run(caplog, *extra, **changes):
    caplog.clear()
    caplog.set_level("INFO")
    status = main([*options(**ENGINE, **changes), *extra])
    return status, caplog.text


def kept_ids(folder):
    return set(pq.read_table(folder / "kept" / "corpus", columns=["id"]).column("id").to_pylist())


def best(whole, count):
    ordered = sorted(whole, key=lambda row: -row["reward"])
    return {row["id"] for row in ordered[:count]}


def figures(folder):
    return SelectFigures.model_validate_json((folder / "select.json").read_text())


def test_the_kept_documents_are_as_many_as_asked_and_nearly_the_best(made, selected):
    whole, kept = read_rewards(made / "whole"), kept_ids(selected)
    assert len(kept) == DOCUMENTS * 3 // 10
    wrong = len(kept - best(whole, len(kept)))
    assert wrong <= 0.05 * len(kept)
    of = figures(selected)
    assert of.kept == len(kept) and of.documents == DOCUMENTS and of.cost.share < 0.8
    assert [stage.name for stage in of.stages] == ["sample", "main"]
    assert of.groups[0].early_kept + of.groups[0].early_dropped + of.judged_whole == DOCUMENTS
    assert of.audit is not None and of.audit.wrong_keeps.of == pytest.approx(100, abs=40)
    for name in ("select.html", "select.md", "rule.json", "_SUCCESS"):
        assert (selected / name).exists()
    assert of.sentence in (selected / "select.md").read_text()


def test_a_decided_row_holds_what_was_judged_and_nothing_else(made, selected):
    whole = {row["id"]: row for row in read_rewards(made / "whole")}
    decided = read_rewards(selected / "decided")
    assert [row["id"] for row in decided] == list(whole)
    early = 0
    for row in decided:
        full = whole[row["id"]]
        chunks = row["chunk_rewards"]
        assert chunks == full["chunk_rewards"][: len(chunks)]
        if row["side"] == 0:
            assert row["reward"] == full["reward"] == row["key"]
        else:
            early += 1
            assert len(chunks) < full["n_chunks"] and abs(row["key"]) > 1e38
            assert np.sign(row["key"]) == row["side"] and row["stage"] == "main"
    assert early > 200


def test_the_same_command_again_judges_nothing_and_writes_the_same(made, selected, caplog):
    before = {name: parts(selected / name) for name in ("stages/sample", "stages/main", "decided")}
    page = (selected / "select.html").read_bytes()
    words = {"input_path": documents(), "output_path": selected, "rule_keep_fraction": 0.3}
    status, log = run(caplog, **SAMPLE, **words)
    assert status == 0 and "engines are starting" not in log
    assert before == {name: parts(selected / name) for name in before}
    assert page == (selected / "select.html").read_bytes()


def test_status_tells_the_stage(made, selected, tmp_path, capsys):
    assert status([str(selected)]) == 0
    shown = capsys.readouterr().out
    assert "a selection run by" in shown and "all are done" in shown
    shutil.copytree(selected, tmp_path / "out")
    for name in ("_SUCCESS", "stages/main/_SUCCESS"):
        (tmp_path / "out" / name).unlink()
    next((tmp_path / "out" / "stages/main/rewards").iterdir()).unlink()
    assert status([str(tmp_path / "out")]) == 1
    shown = capsys.readouterr().out
    assert "stage       main, after sample" in shown and "1 left" in shown


def test_a_second_driver_is_refused(made, selected, caplog):
    words = {"input_path": documents(), "output_path": selected, "rule_keep_fraction": 0.3}
    with Lease(Folder(str(selected / "_rm_ray"))):
        code, log = run(caplog, **SAMPLE, **words)
    assert code == 2 and "another" in log


def test_what_is_left_is_made_again_to_the_same_bytes(made, selected, tmp_path, caplog):
    shutil.copytree(selected, tmp_path / "out")
    kept = {path.name: path.read_bytes() for path in (selected / "kept/corpus").rglob("*.parquet")}
    (tmp_path / "out" / "stages/main/_SUCCESS").unlink()
    gone = sorted((tmp_path / "out" / "stages/main/rewards").iterdir())[::2]
    for path in gone:
        path.unlink()
    for name in ("decided", "kept"):
        shutil.rmtree(tmp_path / "out" / name)
    words = {"input_path": documents(), "output_path": tmp_path / "out", "rule_keep_fraction": 0.3}
    assert run(caplog, **SAMPLE, **words)[0] == 0
    again = (tmp_path / "out" / "kept/corpus").rglob("*.parquet")
    assert kept == {path.name: path.read_bytes() for path in again}


def test_a_cheap_judge_decides_the_clear_documents_alone_and_each_group_has_its_cut(
    made, tmp_path, caplog
):
    words = {"input_path": documents(), "output_path": tmp_path / "out"}
    words |= {"rule_keep_fraction": 0.3, "rule_by": "lang", "select_max_wrong": 0.1}
    words |= {"cheap_judge.model": options()[1]}
    words |= {"cheap_judge.chunks": "first:3", "cheap_judge.context_tokens": 256}
    status, log = run(caplog, **SAMPLE, **words)
    assert status == 0, log
    kept, whole = kept_ids(tmp_path / "out"), read_rewards(made / "whole")
    of = figures(tmp_path / "out")
    assert [group.name for group in of.groups] == ["de", "en"]
    for group in of.groups:
        own = [row for row in whole if row["lang"] == group.name]
        count = int(np.floor(0.3 * len(own) + 0.5))
        assert group.documents == len(own) and group.kept == count
        assert len(best(own, count) - kept) <= 0.1 * count
        assert group.early_dropped > 0 and group.band is not None
    assert [stage.name for stage in of.stages] == ["cheap", "sample", "main"]
    assert of.by_cheap > 50
    decided = read_rewards(tmp_path / "out" / "decided")
    alone = [row for row in decided if row["stage"] == "cheap"]
    assert len(alone) == of.by_cheap
    assert all(row["reward"] is None and row["cheap_reward"] is not None for row in alone)
    assert not any(row["side"] == 0 for row in alone)


def test_a_cut_outside_of_its_band_widens_it_and_takes_up_what_was_judged(
    made, tmp_path, caplog, monkeypatch
):
    found = calibrate._bands
    moved = lambda *of: tuple(Band(b.lower + 1, b.upper + 1) for b in found(*of))  # noqa: E731
    monkeypatch.setattr(calibrate, "_bands", moved)
    words = {"input_path": documents(), "output_path": tmp_path / "out", "rule_keep_fraction": 0.3}
    status, log = run(caplog, **SAMPLE, **words, select_max_wrong=0.5)
    assert status == 0 and "the band is widened" in log, log
    whole, kept, of = (
        read_rewards(made / "whole"),
        kept_ids(tmp_path / "out"),
        figures(tmp_path / "out"),
    )
    assert of.widenings >= 1 and of.stages[2].name == "wider-1" and len(kept) == 480
    assert len(kept - best(whole, len(kept))) <= 0.05 * len(kept)
    by_id = {row["id"]: row for row in whole}
    taken_up = [
        row for row in read_rewards(tmp_path / "out/decided-1") if row["stage"] == "wider-1"
    ]
    assert taken_up
    for row in taken_up:  # the first chunks of the main stage, and the later ones of this one
        full = by_id[row["id"]]
        assert row["chunk_rewards"] == full["chunk_rewards"] and row["reward"] == full["reward"]
    first = min(row["judged_chunks"][0] for row in read_rewards(tmp_path / "out/stages/wider-1"))
    assert first >= 1
    # the kept documents are those of the wider band, though a cut in the first one is found again
    status, log = run(caplog, **SAMPLE, **words, select_max_wrong=0.5)
    assert status == 0 and kept_ids(tmp_path / "out") == kept, log
    # decisions that came to nothing are no run that a filter takes
    assert of.decided == f"decided-{of.widenings}"
    assert not (tmp_path / "out/decided/_SUCCESS").exists()
    assert (tmp_path / "out" / of.decided / "_SUCCESS").exists()


def test_a_small_corpus_is_judged_whole_and_says_so(made, judged_whole):
    output, status, _ = judged_whole
    assert status == 0
    whole = read_rewards(made / "whole")[:300]
    assert kept_ids(output) == best(whole, 100)
    of = figures(output)
    assert (
        "Every document was judged whole: no decision is a guess."
        in (output / "select.md").read_text()
    )
    assert of.cost.share == pytest.approx(1, abs=0.2) and of.judged_whole == 300 and not of.trials


def test_a_fixed_cut_needs_no_band(made, tmp_path, caplog):
    words = {"input_path": documents(), "output_path": tmp_path / "out", "rule_min_reward": 0.9}
    status, log = run(caplog, **SAMPLE, **words)
    assert status == 0, log
    right = {row["id"] for row in read_rewards(made / "whole") if row["reward"] >= np.float32(0.9)}
    kept, of = kept_ids(tmp_path / "out"), figures(tmp_path / "out")
    assert len(kept ^ right) <= 0.1 * len(right) and of.groups[0].early_kept > 0


def test_another_corpus_or_other_settings_are_another_selection(
    made, judged_whole, tmp_path, caplog
):
    _, _, words = judged_whole
    status, log = run(caplog, **words | {"rule_keep_fraction": 0.2})
    assert status == 2 and "with other settings" in log and "rule.keep_fraction" in log
    pq.write_table(
        pa.table({"id": ["x"], "text": ["the"], "lang": ["en"]}), made / "small/z.parquet"
    )
    status, log = run(caplog, **words)
    assert status == 2 and "2 files then, 3 now" in log and "give a new --output.path" in log
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    status, log = run(caplog, **words | {"output_path": tmp_path / "other"})
    assert status == 2 and "holds no selection (but mine.txt)" in log


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rule_keep_fraction": 0}, "keeps nothing or everything"),
        ({"rule_keep_fraction": 1}, "keeps nothing or everything"),
        ({}, "the rule keeps everything"),
        ({"rule_keep_documents": 0}, "rule.keep_documents is 0, which keeps nothing"),
        ({"rule_keep_fraction": 0.1, "rule_temperature": 1}, "rule.temperature needs the rewards"),
        ({"rule_keep_fraction": 0.1, "rule_where": "n_tokens > 3"}, "rule.where needs the rewards"),
        ({"rule_keep_fraction": 0.1, "judge_chunks": "first:3"}, "decides itself how much"),
        ({"rule_keep_fraction": 0.1, "kept_add": "lang"}, "have no column 'lang'"),
        ({"rule_keep_fraction": 0.1, "input_sample_fraction": 0.5}, "samples by itself"),
        ({"rule_keep_fraction": 0.1, "kept_buckets": 3}, "kept.buckets needs the rewards"),
        ({"rule_keep_fraction": 0.1, "select_max_wrong": 0}, "max_wrong"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(made, tmp_path, caplog, wrong, said):
    words = {"input_path": documents(), "output_path": tmp_path / "out"}
    status, log = run(caplog, **words, **wrong)
    assert status == 2 and said in log
    assert not (tmp_path / "out").exists()


def test_a_dry_run_says_what_each_stage_costs_and_writes_nothing(made, tmp_path, capsys, caplog):
    words = {"input_path": documents(), "output_path": tmp_path / "out", "rule_keep_fraction": 0.3}
    status, _ = run(caplog, "--dry-run", **SAMPLE, **words)
    page = capsys.readouterr().out
    assert status == 0 and "700   calibrate the stop rule" in page
    assert "stage sample, judged whole" in page and "stage main, at most this" in page
    words |= {"rule_keep_documents": 10**6}
    del words["rule_keep_fraction"]
    status, log = run(caplog, "--dry-run", **SAMPLE, **words)
    assert status == 2 and "1,000,000 documents are asked for, and the corpus has" in log
    assert not (tmp_path / "out").exists()
