"""What a report is refused for, and what it says in place of what is not there."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import StorageConfig
from rm_ray.corpus.plan import PlannedFile, ReadUnit
from rm_ray.corpus.shards import Shard
from rm_ray.errors import ConfigError
from rm_ray.report.measure.present import Moved, _moved
from rm_ray.store.filesystem import open_filesystem
from tests.report.runs import add_night, documents, report
from tests.scored_runs import FINGERPRINT

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def made(ray_cluster, tmp_path_factory):
    """A run of two nights."""
    folder = tmp_path_factory.mktemp("refused")
    for name in ("n1", "n2"):
        add_night(folder, name, documents({"a": RNG.normal(size=80), "b": RNG.normal(size=40)}))
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"rewards_path": "/nowhere"}, "no run of rm_ray"),
        ({"rewards_column": "score"}, "has no column 'score'"),
        ({"rewards_column": "status"}, "status is string, not a number"),
        ({"rewards_segments": 7}, "has no segment 7; it has 2"),
        ({"rewards_segments": "[-3]"}, "has no segment -3; it has 2"),
        ({"by": "lang"}, "--input.keep lang"),
        ({"by": "a b"}, "cannot read 'a b'"),
        ({"night": "a/b"}, "night"),
        ({"alerts_drift.above": -1}, "alerts.drift.above"),
        ({"alerts_false_per_night": 0}, "alerts.false_per_night"),
        ({"alerts_drift.level": "loud"}, "alerts.drift.level"),
        ({"baseline_path": "/nowhere"}, "baseline.path: "),
        ({"history_path": "s3://user:secret@bucket"}, "holds credentials"),
        ({"corpus_path": "s3://user:secret@bucket"}, "holds credentials"),
        ({"tasks_cpus": 0}, "tasks.cpus"),
        ({"page_cut": "nan"}, "page.cut"),
    ],
)
def test_what_is_wrong_is_named(made, tmp_path, caplog, words, said):
    status, log = report(caplog, made, **{"output_path": tmp_path / "out", **words})
    assert status == 2, log
    assert said in log
    assert "secret" not in log
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(made, tmp_path, caplog):
    (tmp_path / "mine.txt").write_text("mine")
    status, log = report(caplog, made, output_path=tmp_path)
    assert status == 2
    assert "holds no report (but mine.txt)" in log
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_reward_that_is_infinite_is_named_by_its_row(ray_cluster, tmp_path, caplog):
    rewards = RNG.normal(size=30)
    rewards[17] = np.inf
    rows = documents({"a": rewards})
    add_night(tmp_path, "n1", rows)
    row = rows.column("reward").to_pylist().index(float("inf"))
    status, log = report(caplog, tmp_path)
    assert status == 2
    assert f"row {row}, is not a finite number" in log


def test_a_run_that_is_not_complete_is_reported_where_asked(ray_cluster, tmp_path, caplog):
    from rm_ray.corpus.shards import Shard

    path = str(tmp_path / "corpus" / "n1.parquet")
    rows = documents({"a": RNG.normal(size=120)})
    add_night(tmp_path, "n1", rows, shard_rows=60, left_out=[Shard(path, 64, 120).part])
    status, log = report(caplog, tmp_path)
    assert status == 2 and "--rewards.allow_incomplete" in log
    history = {"history_path": tmp_path / "history"}
    status, log = report(caplog, tmp_path, "--rewards.allow_incomplete", **history)
    assert status == 0, log
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (figures["whole"]["documents"], figures["run"]["complete"]) == (64, False)
    assert "is not stored in the history: 1 parts of its rewards are missing" in log
    assert not (tmp_path / "history").exists()


def test_a_baseline_of_another_judge_is_refused(made, tmp_path, caplog):
    rows = documents({"a": RNG.normal(size=20)})
    add_night(tmp_path, "n1", rows, fingerprint={**FINGERPRINT, "model": "another"})
    status, log = report(
        caplog, made, output_path=tmp_path / "out", baseline_path=tmp_path / "scored"
    )
    assert status == 2
    assert "cannot be compared; different: model" in log


def test_a_damaged_part_is_named(ray_cluster, tmp_path, caplog):
    scored = add_night(tmp_path, "n1", documents({"a": RNG.normal(size=20)}))
    (part,) = (scored / "rewards").iterdir()
    part.write_bytes(part.read_bytes()[:200])
    status, log = report(caplog, tmp_path)
    assert status == 2
    assert part.name in log and "damaged" in log


def test_a_dry_run_writes_nothing(made, tmp_path, caplog, capsys):
    words = {"output_path": tmp_path / "out", "history_path": tmp_path / "history"}
    status, _ = report(caplog, made, "--dry-run", **words)
    assert status == 0
    assert "There is no baseline yet" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_night_without_rewards_and_one_without_documents(ray_cluster, tmp_path, caplog):
    """The first has documents that all failed; then nothing comes, and both groups are missing."""
    add_night(tmp_path, "n1", documents({"a": RNG.normal(size=60), "b": RNG.normal(size=60)}))
    add_night(tmp_path, "n2", documents({}, {"a": 60, "b": 60}))
    words = {"by": "source", "history_path": tmp_path / "history"}
    for number, expected in ((0, 0), (1, 3)):
        status, log = report(caplog, tmp_path, night=number, rewards_segments=number, **words)
        assert status == expected, log
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    assert figures["whole"]["tonight"] is None and figures["retention"] == []
    assert {(a["group"], a["rule"]) for a in figures["verdict"]["alerts"]} == {
        (group, rule) for group in ("a", "b", None) for rule in ("failed", "rewarded")
    }  # fmt: skip
    told = [a for a in figures["verdict"]["alerts"] if a["folded_into"] is None]
    assert {(a["group"], a["rule"]) for a in told} == {
        ("a", "failed"), ("b", "failed"), (None, "failed"),
    }  # fmt: skip
    status, log = report(caplog, tmp_path, night=2, rewards_segments="[]", **words)
    assert status == 3
    assert "no document came" in log


def shown(folder) -> list[dict]:
    return json.loads((folder / "report.json").read_text())["documents"]


def test_text_that_cannot_be_read_is_said_where_it_would_stand(ray_cluster, tmp_path, caplog):
    add_night(tmp_path, "n1", documents({"a": RNG.normal(size=40)}))
    shutil.move(tmp_path / "corpus", tmp_path / "moved")
    status, log = report(caplog, tmp_path)
    assert status == 0, log
    assert all("cannot be read" in one["remark"] for one in shown(tmp_path / "report"))
    status, _ = report(caplog, tmp_path, corpus_path=tmp_path / "moved")
    assert status == 0
    for one in shown(tmp_path / "report"):
        assert one["remark"] is None
        assert one["chunks"][0]["text"].startswith("document ")
    status, _ = report(caplog, tmp_path, corpus_excerpts="false")
    assert shown(tmp_path / "report") == []
    assert b"document 1" not in (tmp_path / "report" / "report.html").read_bytes()


def test_a_corpus_that_was_scored_by_a_relative_path_has_moved():
    path = "/job/in/a/x.parquet"
    file = PlannedFile(path, 9, "v", (ReadUnit(path, {}, 0, 1, 0, (Shard(path, 0, 4),)),))
    for before, now in (("in/a", "/new"), ("./in", "/new/"), ("/job/in/*/*.parquet", "/new")):
        found = Moved(_moved(before, now, [file]))(file)
        assert found.path == ("/new/x.parquet" if before == "in/a" else "/new/a/x.parquet")
        assert found.units[0].file == found.path
    with pytest.raises(ConfigError, match="does not lie below"):
        Moved(_moved("other", "/new", [file]))(file)


def test_hive_folders_and_texts_that_are_no_utf8_make_groups(ray_cluster, tmp_path, caplog):
    """A file without rows has no document, whose folder would have to be known."""
    rows = documents({"a": RNG.normal(size=40)})
    for name in ("id", "source"):
        values = pa.array([b"a\xff"] * len(rows), pa.binary())
        values = pa.Array.from_buffers(pa.string(), len(rows), values.buffers())
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    for lang, theirs in (("en", rows), ("de", rows), ("fr", rows.slice(0, 0))):
        (tmp_path / "corpus" / f"lang={lang}").mkdir(parents=True)
        pq.write_table(theirs, tmp_path / "corpus" / f"lang={lang}" / "0.parquet")
    add_night(tmp_path, "lang=de/1", rows)
    status, log = report(caplog, tmp_path, "--repeats.by", "none", by="lang,source")
    assert status == 0, log
    groups = json.loads((tmp_path / "report" / "report.json").read_text())["groups"]
    found = [(one["name"], one["documents"]) for one in groups]
    assert found == [(r"de, a\xff", 80), (r"en, a\xff", 40)]
    assert {one["id"] for one in shown(tmp_path / "report")} == {r"a\xff"}


def test_report_and_history_lie_in_an_object_store(made, caplog, s3_bucket, tmp_path):
    words = {"by": "source", "output_path": f"s3://{s3_bucket}/report",
             "history_path": f"s3://{s3_bucket}/history"}  # fmt: skip
    for number in (0, 1):
        status, log = report(caplog, made, night=f"n{number}", rewards_segments=number, **words)
        assert status == 0, log
    fs = open_filesystem("s3://", StorageConfig())
    figures = json.loads(fs.cat_file(f"{s3_bucket}/report/report.json"))
    assert figures["baseline"]["nights"] == ["n0"]
    assert pa.types.is_list(
        pq.read_table(f"{s3_bucket}/history", filesystem=fs).schema.field("cells").type
    )
