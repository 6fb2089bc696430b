"""Corpora and scoring runs of other shapes than one folder, scored whole, at once."""

import re
import shutil
from datetime import datetime
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.corpus.sample import RowSample
from rm_ray.corpus.shards import Shard
from rm_ray.filter.count import passes
from rm_ray.scored import passes as run_passes
from rm_ray.tasks import on_ray
from tests.filter import hostile
from tests.filter.rules import HAS, RULES, best
from tests.filter.runs import Oracle, files_of, run, tie_hash
from tests.scored_runs import FINGERPRINT, fabricate, write_part


@pytest.mark.parametrize("rule", ["by two columns, of rewards and corpus", "tokens", "a sample"])
def test_counting_in_many_tasks_is_counting_in_one(
    joined_cluster, tmp_path, caplog, monkeypatch, rule
):
    """Every part a task of its own, merged two by two, and no cell small enough to be sorted."""
    monkeypatch.setattr(run_passes, "PARTS_PER_TASK", 1)
    monkeypatch.setattr(on_ray, "MERGED_AT_ONCE", 2)
    monkeypatch.setattr(passes, "SORTED", 0)
    corpus = hostile.write(tmp_path / "corpus", rows=60)
    fabricate(tmp_path / "scored", corpus, hostile.rewards, shard_rows=25)
    changes, kept = RULES[rule]
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words, **changes, rule_seed=3)
    assert status == 0 and "pass 6:" in log, log
    oracle = Oracle(corpus, tmp_path / "scored", seed=3)
    assert oracle.found(tmp_path / "out") == oracle.expected(kept)


def test_rows_that_a_sample_has_left_out_have_no_reward(ray_cluster, tmp_path, caplog):
    """They count as dropped among the corpus's rows, and are none of the run's."""
    corpus = hostile.write(tmp_path / "corpus", rows=60)

    def sampled(shard):
        chosen = RowSample(0.4, 0).chosen(shard.file, shard.start, shard.stop)
        rows = hostile.rewards(shard).take(pa.array(chosen - shard.start))
        return rows.append_column("row", pa.array(chosen))

    fabricate(tmp_path / "scored", corpus, sampled, shard_rows=25)
    oracle = Oracle(corpus, tmp_path / "scored")
    (scored,) = oracle.rows("SELECT count(*) FROM r0")[0]
    words = {"rewards_path": tmp_path / "scored", "rule_keep_fraction": 0.5}
    status, log = run(caplog, output_path=tmp_path / "out", **words)
    assert status == 0 and "of 480 documents kept" in log, log
    assert re.search(rf"no reward: not scored +{480 - scored} ", log)
    kept = best(HAS, "rank <= floor(0.5 * n + 0.5)")
    assert oracle.found(tmp_path / "out") == oracle.expected(kept)
    status, log = run(caplog, output_path=tmp_path / "ids", output_kind="ids", **words)
    assert status == 0 and f"of {scored} documents kept" in log, log
    ids = oracle.rows(f"SELECT source_file, row FROM '{tmp_path}/ids/ids/*.parquet'")
    assert sorted(ids) == sorted(oracle.rows(kept))


def test_two_folders_one_with_a_column_and_one_with_folders_of_that_name(
    ray_cluster, tmp_path, caplog
):
    """A file's own column comes before the names of its folders, file by file."""
    first, second = tmp_path / "c" / "lang=en", tmp_path / "c" / "flat"
    for folder in (first, second):
        folder.mkdir(parents=True)
    texts = pa.table({"id": list("abcd"), "text": list("wxyz")})
    pq.write_table(texts, first / "a.parquet")
    langs = pa.array(["de", "en", None, "de"])
    pq.write_table(texts.append_column("lang", langs), second / "a.parquet")

    def rewards(shard):
        base = 0 if "flat" in shard.file else 10
        n = shard.stop - shard.start
        return pa.table({
            "reward": pa.array(base + np.arange(n), pa.float32()),
            "n_tokens": pa.array([1] * n, pa.int64()), "status": ["ok"] * n,
        })  # fmt: skip

    fabricate(tmp_path / "scored", tmp_path / "c", rewards)
    words = {"rewards_path": tmp_path / "scored", "rule_keep_documents": 1, "rule_by": "lang"}
    for kind in ("rows", "ids"):
        out = tmp_path / kind
        status, log = run(caplog, output_path=out, output_kind=kind, **words)
        assert status == 0, log
        (table,) = ("corpus",) if kind == "rows" else ("ids",)
        assert pq.ParquetDataset(out / table, partitioning=None).read().num_rows == 3
    rows = duckdb.sql(f"SELECT source_file, row FROM '{tmp_path}/ids/ids/*.parquet'").fetchall()
    assert {(file.split("/")[-2], row) for file, row in rows} == {
        ("flat", 3), ("flat", 2), ("lang=en", 3)
    }  # fmt: skip


def test_some_files_of_the_corpus_for_rows_and_for_ids(ray_cluster, tmp_path, caplog):
    corpus = hostile.write(tmp_path / "corpus", rows=40)
    fabricate(tmp_path / "scored", corpus, hostile.rewards)
    words = {"rewards_path": tmp_path / "scored", "corpus_path": f"{corpus}/lang=en/*.parquet"}
    words |= {"rule_keep_fraction": 0.5}
    counts = []
    for kind in ("rows", "ids"):
        status, log = run(caplog, output_path=tmp_path / kind, output_kind=kind, **words)
        assert status == 0 and "of 120 documents kept" in log, log
        counts.append(pq.ParquetDataset(tmp_path / kind / {"rows": "corpus"}.get(kind, kind),
                                        partitioning=None).read().num_rows)  # fmt: skip
    assert counts[0] == counts[1] > 40


def test_files_that_scoring_has_skipped_and_a_corpus_without_rows(ray_cluster, tmp_path, caplog):
    corpus = hostile.write(tmp_path / "corpus", rows=20)
    scored = fabricate(tmp_path / "scored", corpus, hostile.rewards)
    bad = corpus / "lang=en" / "bad.parquet"
    bad.write_bytes(b"hello")
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    status, log = run(caplog, **words)
    assert status == 2 and f"1 of 10 corpus files were not scored there, first {bad}" in log
    scored.mark_complete({"skipped_files": {str(bad): "is not a readable Parquet file"}})
    status, log = run(caplog, **words)
    assert status == 0 and f"1 files that could not be scored are left out, first {bad}" in log

    for path in corpus.rglob("*.parquet"):
        path.unlink()
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), corpus / "none.parquet")
    none = fabricate(tmp_path / "none", corpus, hostile.rewards)
    nothing = Shard(str(corpus / "none.parquet"), 0, 0)
    write_part(none, nothing, hostile.rewards(nothing), FINGERPRINT)
    for kind, rule in (("rows", "rule_keep_fraction"), ("ids", "rule_min_reward")):
        words = {"rewards_path": tmp_path / "none", "output_path": tmp_path / f"none-{kind}"}
        for _ in range(2):
            status, log = run(caplog, output_kind=kind, **{rule: 0.5}, **words)
            assert status == 0 and "0 of 0 documents kept" in log, log
        folder = {"rows": "corpus"}.get(kind, kind)
        assert pq.read_table(tmp_path / f"none-{kind}" / folder).num_rows == 0


def test_a_run_in_a_folder_called_rewards(ray_cluster, tmp_path, caplog):
    corpus = hostile.write(tmp_path / "corpus", rows=20)
    fabricate(tmp_path / "rewards", corpus, hostile.rewards)
    for number, path in enumerate(("rewards", "rewards/rewards")):
        status, log = run(
            caplog, rewards_path=tmp_path / path, output_path=tmp_path / f"out{number}"
        )
        assert status == 0, log
    assert files_of(tmp_path / "out0") == files_of(tmp_path / "out1")


def test_view_columns_empty_row_groups_and_large_ones(ray_cluster, tmp_path, caplog):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    views = pa.table({
        "text": pa.array([f"t{i}" for i in range(50)], pa.string_view()),
        "tags": pa.array([[f"g{i}"] for i in range(50)], pa.list_(pa.string_view())),
    })  # fmt: skip
    with pq.ParquetWriter(corpus / "a.parquet", views.schema) as writer:
        for rows in (views.slice(0, 0), views.slice(0, 40), views.slice(0, 0), views.slice(40)):
            writer.write_table(rows)
    fabricate(tmp_path / "scored", corpus, hostile.rewards, shard_rows=7)
    out = tmp_path / "out"
    status, log = run(caplog, rewards_path=tmp_path / "scored", output_path=out,
                      rule_keep_documents=20)  # fmt: skip
    assert status == 0, log
    found = pq.read_table(out / "corpus")
    assert found.schema.equals(pq.read_schema(corpus / "a.parquet")) and len(found) == 20
    rewards = pq.read_table(tmp_path / "scored" / "rewards", columns=["row", "reward"]).to_pylist()
    ranked = sorted(
        (row for row in rewards if row["reward"] is not None),
        key=lambda row: (-row["reward"], tie_hash(0, str(corpus / "a.parquet"), row["row"])),
    )
    rows = sorted(row["row"] for row in ranked[:20])
    assert found.to_pylist() == [views.slice(row, 1).to_pylist()[0] for row in rows]


def test_timestamps_of_old_spark_are_what_they_were(ray_cluster, tmp_path, caplog):
    """INT96, of which nanoseconds in 64 bits would hold three centuries."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    moments = [datetime(1066, 10, 14, 9), datetime(3000, 1, 1), None, datetime(2026, 11, 26)]
    table = pa.table({"at": pa.array(moments, pa.timestamp("us")), "text": list("abcd")})
    pq.write_table(table, corpus / "a.parquet", use_deprecated_int96_timestamps=True)
    fabricate(tmp_path / "scored", corpus, lambda shard: hostile.rewards(shard, ties=1))
    words = {"rewards_path": tmp_path / "scored", "rule_null_rewards": "keep"}
    status, log = run(caplog, output_path=tmp_path / "out", **words)
    assert status == 0, log
    (part,) = (tmp_path / "out" / "corpus").iterdir()
    assert pq.read_metadata(part).row_group(0).column(0).physical_type == "INT96"
    read = pq.ParquetFile(part, coerce_int96_timestamp_unit="us").read()
    assert read.column("at").to_pylist() == moments


def test_an_ensemble_of_runs_of_which_one_has_not_seen_everything(ray_cluster, tmp_path, caplog):
    """What the second run says of rows that the first one has not counts nowhere."""
    corpus = hostile.write(tmp_path / "corpus", rows=40)
    first = fabricate(tmp_path / "one", corpus, hostile.rewards, shard_rows=20)
    fabricate(tmp_path / "two", corpus, partial(hostile.rewards, seed=1, ties=60), shard_rows=15)
    shards = [s for f in first.segments.read()[0].files for u in f.units for s in u.shards]
    for shard in shards[::2]:
        first.parts.remove(shard.part)
    first.mark_incomplete()
    kept = []
    for kind in ("rows", "ids"):
        status, log = run(
            caplog, "--rewards.allow_incomplete", rewards_path=f"{tmp_path}/one,{tmp_path}/two",
            output_path=tmp_path / kind, output_kind=kind, rule_keep_fraction=0.5,
            **({"output_add": "reward"} if kind == "rows" else {}),
        )  # fmt: skip
        assert status == 0, log
        folder = tmp_path / kind / {"rows": "corpus"}.get(kind, kind)
        table = pq.ParquetDataset(folder, partitioning=None).read(["reward"])
        kept.append(sorted(table.column("reward").to_pylist()))
    assert kept[0] == kept[1] and len(kept[0]) > 50


def test_a_file_that_was_written_again_and_scored_again_is_another(ray_cluster, tmp_path, caplog):
    """Also where its rewards are the same: its rows may not be."""
    corpus = hostile.write(tmp_path / "corpus", rows=20)
    fabricate(tmp_path / "scored", corpus, hostile.rewards)
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    assert run(caplog, **words)[0] == 0
    victim = corpus / "lang=en" / "0.parquet"
    pq.write_table(pq.read_table(victim, partitioning=None), victim, compression="gzip")
    shutil.rmtree(tmp_path / "scored")
    fabricate(tmp_path / "scored", corpus, hostile.rewards)
    status, log = run(caplog, **words)
    assert status == 2 and f"{victim} has changed since this filter was planned" in log


def test_segments_of_a_run_that_a_limit_had_cut_short(ray_cluster, tmp_path, caplog):
    """What was scored first stays apart from what was scored later of the same file."""
    corpus = hostile.write(tmp_path / "corpus", rows=60)
    for path in list(corpus.rglob("*.parquet"))[1:]:
        path.unlink()
    run_ = fabricate(tmp_path / "scored", corpus, hostile.rewards, shard_rows=20)
    (whole,) = run_.segments.read()[0].files
    shutil.rmtree(tmp_path / "scored" / "_rm_ray" / "plan")
    units = whole.units
    later = [s for unit in units for s in unit.shards][1:]
    cut = [u for u in units if u.shards[0] not in later][:1]
    first = type(whole)(
        whole.path,
        whole.size,
        whole.version,
        tuple(u.with_shards(tuple(s for s in u.shards if s not in later)) for u in cut),
        40,
    )
    run_.segments.add([first], {})
    words = {"rewards_path": tmp_path / "scored", "output_path": tmp_path / "out"}
    assert run(caplog, output_kind="ids", **words)[0] == 0
    run_.segments.add([whole], {})
    status, log = run(caplog, output_kind="ids", **words)
    assert status == 2 and "more rows of files that this filter has planned were scored" in log
    assert "--rewards.segments 0" in log
    status, log = run(caplog, "--rewards.segments", "0", output_kind="ids", **words)
    assert status == 0 and f"of {first.rows} documents kept" in log, log


def test_a_page_shows_ids_and_groups_that_no_terminal_obeys(ray_cluster, tmp_path, caplog, capsys):
    """And such as are no UTF-8."""
    (tmp_path / "corpus").mkdir()
    pq.write_table(pa.table({"text": list("abcd")}), tmp_path / "corpus" / "a.parquet")
    odd = pa.array([b"\x1b[2J\n", b"\xff", b"\x1b[2J\n", b"\xff"], pa.binary())
    odd = pa.Array.from_buffers(pa.string(), 4, odd.buffers())

    def rewards(shard):
        return pa.table({"id": odd, "source": odd, "reward": pa.array([1.0, 2, 3, 4], pa.float32()),
                         "n_tokens": [1] * 4, "status": ["ok"] * 4})  # fmt: skip

    fabricate(tmp_path / "scored", tmp_path / "corpus", rewards)
    status, log = run(
        caplog, "--dry-run", rewards_path=tmp_path / "scored", output_path=tmp_path / "out",
        rule_by="source", rule_keep_documents=1,
    )  # fmt: skip
    assert status == 0, log
    page = capsys.readouterr().out
    assert "\\x1b[2J\\n:\n" in page and "\\xff:\n" in page
    assert "  kept    \\x1b[2J\\n: 3  \\x1b[2J\\n  c\n" in page
    assert "  dropped \\xff: 2  \\xff  b\n" in page
    assert all(line.isprintable() for line in page.split("\n"))
