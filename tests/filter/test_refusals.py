"""What a filter is refused for: status 2, a sentence that says what to do, and nothing written."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.command_line.yaml_text import read_yaml
from rm_ray.filter.config import FilterConfig, RuleConfig
from tests.conftest import ROOT
from tests.filter import hostile
from tests.filter.runs import run
from tests.scored_runs import fabricate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refusals")
    fabricate(folder / "scored", hostile.write(folder / "corpus", rows=40), hostile.rewards)
    other = folder / "other"
    other.mkdir()
    table = pa.table({"id": ["a", "b"], "text": ["one", "two"], "reward": [1, 2]})
    pq.write_table(table, other / "other.parquet")
    return folder


CONFIGURATION = {
    "two rules": (
        {"rule_min_reward": 1, "rule_keep_fraction": 0.1},
        "min_reward and keep_fraction exclude each other",
    ),
    "a sample of a fixed cut": (
        {"rule_min_reward": 1, "rule_temperature": 1}, "give it with keep_fraction"
    ),
    "more than all": ({"rule_keep_fraction": 1.5}, "keep_fraction 1.5 is more than 1"),
    "half a document": ({"rule_keep_documents": 1.5}, "keep_documents 1.5 is not a whole number"),
    "no number": ({"rule_keep_tokens": "many"}, "'many' is not a number"),
    "weight of another": (
        {"rule_keep_tokens": 5, "rule_weight": "tokens"}, "weight tokens belongs to keep_fraction"
    ),
    "a group twice": (
        {"rule_keep_tokens": "{1: 5, 1.0: 7, true: 3, 'true': 7}", "rule_by": "lang"},
        "the key 'true' is there twice",
    ),
    "numbers by group without groups": ({"rule_keep_tokens": "{a: 5}"}, "no rule.by makes groups"),
    "a group of other columns": (
        {"rule_keep_tokens": "{a: 5}", "rule_by": "lang,source"}, "rule.by has 2 columns"
    ),
    "buckets and a rule": ({"output_buckets": 5, "rule_min_reward": 1}, "leave out rule.min_"),
    "no condition": ({"rule_where": "n_tokens is None"}, "write SQL as DuckDB reads it"),
    "a weight of documents": (
        {"rule_keep_documents": 5, "rule_weight": "n_chars"},
        "weight n_chars belongs to keep_fraction",
    ),
    "an unknown key": ({"rule_min_rewards": 1}, "did you mean --rule.min_reward?"),
}  # fmt: skip

RUNS = {
    "no run": ({"rewards_path": "other"}, "is not empty and not a run of rm_ray"),
    "no folder": ({"rewards_path": "nowhere"}, "is no run of rm_ray; give the --output.path of"),
    "segments of another corpus": (
        {"corpus_path": "other", "rewards_segments": "0"}, "hold none of the files of"
    ),
    "another corpus": (
        {"corpus_path": "other"}, "are of another corpus: 1 of 1 corpus files"
    ),
    "no such segment": ({"rewards_segments": "3"}, "has no segment 3; it has 1, counted from 0"),
    "no number": ({"rewards_column": "status"}, "status is string, not a number"),
    "no such column": ({"rewards_column": "quality[0]"}, "has no column 'quality'; it has id, rew"),
    "no such field": ({"rewards_column": "logits.a"}, "rewards.column: cannot work out"),
    "no such group": ({"rule_by": "domain"}, "rule.by: neither the rewards nor"),
    "groups of lists": ({"rule_by": "nested"}, "nested of "),
    "a condition on nothing": ({"rule_where": "domain == 'x'"}, "rule.where: neither the rewards"),
    "a condition of other types": (
        {"rule_where": "n_tokens = 'x'"}, "Could not convert string 'x' to INT64, in"
    ),
    "a text in double quotes": ({"rule_where": 'lang = "en"'}, "texts stand in single quotes"),
    "a number against a folder's name": (
        {"rule_where": "lang > 5"}, "lang is string; convert a column whose type does not"
    ),
    "a number against some texts": (
        {"rule_where": "lang = 5"}, "Could not convert string 'de' to INT32"
    ),
    "a weight that is text": (
        {"rule_keep_fraction": 0.5, "rule_weight": "kind"}, "is string, not a number; give a column"
    ),
    "a weight that is null": (
        {"rule_keep_fraction": 0.5, "rule_weight": "holes"}, "is None, not a whole number from 0"
    ),
    "more than there is": (
        {"rule_keep_documents": 200, "rule_by": "lang"},
        "200 documents are asked for of the group de, and",
    ),
    "more tokens than there are": (
        {"rule_keep_tokens": 10**9}, "1,000,000,000 tokens are asked for of the corpus"
    ),
    "more than there are that count": (
        {"rule_keep_documents": 1000, "rule_where": "n_tokens >= 1e9"},
        "1,000 documents are asked for of the corpus, and 0 are there",
    ),
    "a group of which none counts": (
        {"rule_keep_documents": 1, "rule_by": "lang", "rule_where": "lang != 'de'"},
        "1 documents are asked for of the group de, and 0 are there",
    ),
    "a quota of nobody": (
        {"rule_keep_documents": "{fr: 1, '*': 0}", "rule_by": "lang"}, "no document of fr has"
    ),
    "a group that no document is in": (
        {"rule_keep_tokens": "{no: 5, '*': 0}", "rule_by": "lang"},
        "no document of no has a reward; the groups are",
    ),
    "a group without a quota": (
        {"rule_keep_documents": "{en: 1}", "rule_by": "lang"},
        "has no number for de, null; give one, or one for all others as '*'",
    ),
    "a column twice": ({"output_add": "id"}, "has a column 'id' of its own"),
    "an unknown column": ({"output_add": "score"}, "the rewards have no column 'score'"),
    "into the corpus's rewards": ({"output_path": "scored"}, "holds a run with other settings"),
    "too large a task": ({"tasks_cpus": 4000}, "tasks.cpus is 4000 and this machine has"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGURATION)
def test_configurations_that_make_no_sense(tmp_path, caplog, case):
    changes, said = CONFIGURATION[case]
    status, log = run(caplog, rewards_path=tmp_path, output_path=tmp_path / "out", **changes)
    assert status == 2 and said in log, log
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "given, label",
    [
        ("{en: 1}", '["en"]'), ("{2020: 1}", '["2020"]'), ("{null: 1}", "[null]"),
        ("{true: 1}", '["true"]'), ("{no: 1}", '["no"]'),
        ("""{'["en", 2020]': 1}""", '["en", "2020"]'), ("5", "*"),
    ],
)  # fmt: skip
def test_how_groups_are_named(given, label):
    by = ["a", "b"][: max(1, label.count(",") + 1)]
    rule = RuleConfig(keep_documents=read_yaml(given), by=by)
    assert rule.quotas.keys() == {label}


def test_an_option_wins_over_the_rule_of_the_file(tmp_path, caplog):
    (tmp_path / "f.yaml").write_text("rule: {keep_fraction: 0.1}\n")
    status, log = run(
        caplog, "--config", str(tmp_path / "f.yaml"), rewards_path=tmp_path / "none",
        output_path=tmp_path / "out", rule_min_reward=1.5,
    )  # fmt: skip
    assert status == 2 and "is no run of rm_ray" in log


def test_the_annotated_configuration_is_one():
    tree = read_yaml((ROOT / "jobs" / "filter.yaml").read_text())
    assert FilterConfig.model_validate(tree).rule.choice is None


@pytest.mark.parametrize("case", RUNS)
def test_runs_and_corpora_that_do_not_fit(made, ray_cluster, tmp_path, caplog, case):
    changes, said = RUNS[case]
    paths = {"rewards_path", "corpus_path", "output_path"}
    changes = {key: made / str(v) if key in paths else v for key, v in changes.items()}
    words = {"rewards_path": made / "scored", "output_path": tmp_path / "out"} | changes
    before = sorted(made.rglob("*"))
    status, log = run(caplog, **words)
    assert status == 2 and said in log, log
    assert "Traceback" not in log and sorted(made.rglob("*")) == before
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not left, left


def test_another_rule_in_the_same_folder(made, ray_cluster, tmp_path, caplog):
    words = {"rewards_path": made / "scored", "output_path": tmp_path / "out"}
    assert run(caplog, rule_keep_documents=5, **words)[0] == 0
    status, log = run(caplog, rule_keep_documents=6, **words)
    assert status == 2 and "rule.keep_documents is {'*': '5'} there and {'*': '6'} here" in log
    status, log = run(caplog, **words | {"rewards_path": tmp_path / "out", "output_path": "o"})
    assert status == 2 and "is the run of another job" in log


def test_a_file_that_has_changed_since_it_was_scored(made, ray_cluster, tmp_path, caplog):
    corpus = shutil.copytree(made / "corpus", tmp_path / "corpus")
    fabricate(tmp_path / "scored", corpus, hostile.rewards)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    victim = corpus / "lang=en" / "1.parquet"
    pq.write_table(pq.read_table(victim).slice(1), victim)
    status, log = run(caplog, **words)
    assert status == 2 and f"{victim} has changed since {tmp_path}/scored scored it" in log
    victim.unlink()
    status, log = run(caplog, **words)
    assert status == 2 and "1 files that" in log and "are gone, first" in log
    status, log = run(caplog, corpus_path=corpus, **words)
    assert status == 0, log


def test_rewards_that_are_not_finite(made, ray_cluster, tmp_path, caplog):
    def infinite(shard):
        rows = hostile.rewards(shard)
        values = np.arange(len(rows)) / np.where(np.arange(len(rows)) == 7, 0, 1)
        at = rows.schema.get_field_index("reward")
        return rows.set_column(at, "reward", pa.array(values, pa.float32()))

    fabricate(tmp_path / "scored", made / "corpus", infinite)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, rule_keep_fraction=0.5, **words)
    assert status == 2 and "row 7, is not a finite number in" in log, log


def test_a_threshold_of_an_adaptive_run_is_compared_in_float32(made, tmp_path, caplog):
    stored = float(np.float32(0.7))
    asked = {"judge.adaptive": {"bands": {"[]": [stored, stored]}}}
    fabricate(tmp_path / "scored", made / "corpus", hostile.rewards, fingerprint=asked)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, rule_min_reward=0.6, **words)
    assert status == 2 and "give --rule.min_reward 0.699999988, or" in log
    assert run(caplog, rule_min_reward=0.7, **words)[0] == 0


@pytest.mark.parametrize("asked", [{"threshold": 0.5}, {"bands": {"[]": [0.5, 0.5]}}])
def test_an_adaptive_run_is_cut_at_its_threshold(made, asked, tmp_path, caplog):
    asked = {"judge.adaptive": asked}
    fabricate(tmp_path / "scored", made / "corpus", hostile.rewards, fingerprint=asked)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    for rule in ({"rule_min_reward": 0.25}, {"rule_keep_fraction": 0.5}, {"output_buckets": 3}):
        status, log = run(caplog, **words, **rule)
        assert status == 2 and "give --rule.min_reward 0.5, or --rewards.allow_partial" in log
    assert run(caplog, rule_min_reward=0.5, **words)[0] == 0
    words["output_path"] = tmp_path / "more"
    assert run(caplog, "--rewards.allow_partial", rule_keep_fraction=0.5, **words)[0] == 0


def test_an_adaptive_run_whose_cut_was_a_band_has_no_threshold(made, tmp_path, caplog):
    asked = {"judge.adaptive": {"bands": {"[]": [0.25, 0.5]}}}
    fabricate(tmp_path / "scored", made / "corpus", hostile.rewards, fingerprint=asked)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, rule_min_reward=0.25, **words)
    assert status == 2 and "jobs/select.py makes the exact cut" in log
