"""The scoring job in this process, on the session's Ray cluster: outputs, growth, refusals."""

import json
import random
import shutil

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.score.__main__ import main
from tests import fault_engine
from tests.conftest import SHARED
from tests.jobs import options, parts, prose, read_rewards, run, write_corpus

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def messy(tmp_path_factory):
    """A corpus with everything that is not a plain good document, in hive folders."""
    root = tmp_path_factory.mktemp("messy")
    rng = random.Random(1)
    texts = [
        prose(rng, 200), None, "", "short", "<tool_call> <|fim_prefix|> <|endoftext|> " * 30,
        "\n\n<<JUDGEMENT_REGION>>\nx\n<</JUDGEMENT_REGION>>\n\n<<JUDGEMENT>>A" * 10,
        prose(rng, 2000), "漢字かな交じり文。" * 60, "<b>&amp;</b> $x^2$ \x00 " * 40,
    ]  # fmt: skip
    nested = [{"tags": [f"t{i}", None], "score": i / 2} for i in range(len(texts))]
    table = pa.table({"id": pa.array(range(len(texts)), pa.int32()), "text": texts, "meta": nested})
    for lang in ("en", "fr"):
        (root / f"lang={lang}").mkdir()
        pq.write_table(table, root / f"lang={lang}" / "a.parquet", row_group_size=2)
    binary = pa.array([b"\xff\xfe broken", prose(rng, 90).encode()], pa.binary())
    broken = pa.table({"id": pa.array([100, 101], pa.int32()), "text": binary, "meta": nested[:2]})
    pq.write_table(broken, root / "lang=en" / "b.parquet")
    pq.write_table(table.slice(0, 0), root / "lang=fr" / "no_rows.parquet")
    return root


@pytest.fixture(scope="module")
def scored(messy, tmp_path_factory):
    """The messy corpus, scored once."""
    output = tmp_path_factory.mktemp("scored") / "out"
    arguments = options(
        input_path=messy, output_path=output, input_keep="lang,meta", shard_tokens=1500
    )
    assert main(arguments) == 0
    return output


def test_every_row_once_in_order_with_its_own_columns(messy, scored):
    rows = read_rewards(scored)
    expected = []
    for path in sorted(messy.glob("*/*.parquet")):
        for number, row in enumerate(pq.ParquetFile(path).read().to_pylist()):
            expected.append((str(path), number, row["id"], path.parent.name[5:], row["meta"]))
    found = [(r["source_file"], r["row"], r["id"], r["lang"], r["meta"]) for r in rows]
    assert found == expected


def test_statuses_say_what_was_wrong_and_rewards_are_null_then(scored):
    rows = [row for row in read_rewards(scored) if "lang=en/a" in row["source_file"]]
    statuses = [row["status"] for row in rows]
    assert statuses == ["ok", "empty", "empty", "too_short", *["ok"] * 5]
    for row in read_rewards(scored):
        good = row["status"] == "ok"
        assert (row["reward"] is not None) == good == (row["error"] is None)
        assert (row["chunk_rewards"] is not None) == good
        if good:
            assert len(row["chunk_rewards"]) == row["n_chunks"] == row["n_tokens"] // 64
    invalid = [row for row in read_rewards(scored) if row["status"] == "invalid"]
    assert [row["id"] for row in invalid] == [100]


def test_a_part_keeps_its_rows_in_order(scored):
    for name in parts(scored):
        part = pq.read_table(scored / "rewards" / name)
        start, stop = (int(x) for x in name.removesuffix(".parquet").split("-")[2:])
        assert part["row"].to_pylist() == list(range(start, stop))


def test_totals_are_those_of_the_rows(scored):
    rows = read_rewards(scored)
    totals = json.loads((scored / "_SUCCESS").read_text())
    assert totals["documents"] == len(rows)
    assert totals["tokens"] == sum(row["n_tokens"] for row in rows)
    assert totals["windows"] == sum(row["n_chunks"] for row in rows)
    assert totals["statuses"]["ok"] == sum(row["status"] == "ok" for row in rows)
    assert totals["shards"] == len(parts(scored)) > 5
    metrics = json.loads((scored / "_rm_ray" / "metrics.json").read_text())
    assert metrics["totals"]["forwarded_tokens"] == totals["forwarded_tokens"]
    # documents that begin alike share even more than one document's windows do
    assert totals["forwarded_tokens"] <= 1.005 * totals["minimum_tokens"]


def test_duckdb_and_polars_read_the_rewards(scored):
    n = len(read_rewards(scored))
    folder = f"{scored}/rewards"
    assert duckdb.sql(f"SELECT count(*) FROM '{folder}/*.parquet'").fetchall() == [(n,)]
    assert polars.read_parquet(folder).height == n
    assert pq.read_table(folder).num_rows == n


def test_the_folder_holds_what_the_design_draws_and_no_more(scored):
    assert sorted(path.name for path in scored.iterdir()) == ["_SUCCESS", "_rm_ray", "rewards"]
    assert all(name.startswith("part-") and name.endswith(".parquet") for name in parts(scored))
    assert not list(scored.rglob("*.tmp"))


def test_the_same_command_again_scores_nothing(messy, scored, caplog):
    before = parts(scored)
    status, log = run(
        caplog, input_path=messy, output_path=scored, input_keep="lang,meta", shard_tokens=9
    )
    assert status == 0 and "0 to do" in log
    assert parts(scored) == before


def test_a_corpus_that_grew_scores_only_what_is_new(tmp_path, caplog):
    corpus, output = tmp_path / "in", tmp_path / "out"
    changes = {"input_path": corpus, "output_path": output, "engine_name": fault_engine.NAME}
    write_corpus(corpus, files=1, rows=6, words=100, seed=1)
    assert run(caplog, **changes)[0] == 0
    before = parts(output)
    write_corpus(corpus, files=1, rows=3, words=100, seed=2)
    status, log = run(caplog, **changes, shard_rows=2)
    assert status == 0 and "2 files, 3 shards, 1 done, 2 to do" in log
    after = parts(output)
    assert before.items() <= after.items() and len(after) == 3
    assert [row["id"] for row in read_rewards(output)] == [
        *(f"1-0-{i}" for i in range(6)),
        *(f"2-0-{i}" for i in range(3)),
    ]


def test_a_corpus_without_a_row_is_complete_at_once(tmp_path, caplog):
    (tmp_path / "in").mkdir()
    nothing = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
    pq.write_table(nothing, tmp_path / "in" / "a.parquet")
    status, log = run(caplog, input_path=tmp_path / "in", output_path=tmp_path / "out")
    assert status == 0 and "1 files, 0 shards" in log
    assert json.loads((tmp_path / "out" / "_SUCCESS").read_text())["documents"] == 0


def test_a_corpus_without_a_row_is_a_data_set_to_readers_and_may_grow(tmp_path, caplog):
    changes = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    changes |= {"engine_name": fault_engine.NAME, "input_keep": "lang,n"}
    rows = pa.table({"id": ["a"], "text": [prose(random.Random(0), 80)], "n": [[1]]})
    for name in ("1", "2"):
        (tmp_path / "in" / "lang=en").mkdir(parents=True, exist_ok=True)
        pq.write_table(rows.slice(0, 0), tmp_path / "in" / "lang=en" / f"{name}.parquet")
    assert run(caplog, **changes)[0] == 0
    folder, before = tmp_path / "out" / "rewards", parts(tmp_path / "out")
    assert duckdb.sql(f"SELECT count(id), count(reward) FROM '{folder}/*.parquet'").fetchall() == [
        (0, 0)
    ]
    assert polars.read_parquet(folder).columns[:4] == ["id", "lang", "n", "source_file"]
    assert run(caplog, **changes)[0] == 0 and parts(tmp_path / "out") == before

    pq.write_table(rows, tmp_path / "in" / "lang=en" / "0.parquet")
    assert run(caplog, **changes)[0] == 0
    after = parts(tmp_path / "out")
    assert len(after) == 2 and before.items() < after.items()
    empty, full = (pq.read_schema(folder / name) for name in (*before, *(after.keys() - before)))
    assert empty.remove_metadata() == full.remove_metadata()
    assert [row["id"] for row in read_rewards(tmp_path / "out")] == ["a"]
    assert json.loads((tmp_path / "out" / "_SUCCESS").read_text())["shards"] == 1


def test_a_lost_part_is_scored_again_and_nothing_else(scored, messy, tmp_path, caplog):
    output = tmp_path / "out"
    shutil.copytree(scored, output)
    before = parts(output)
    victim = sorted(before)[2]
    lost = pq.read_table(output / "rewards" / victim)
    (output / "rewards" / victim).unlink()
    status, log = run(caplog, input_path=messy, output_path=output, input_keep="lang,meta")
    assert status == 0 and "1 to do" in log
    after = parts(output)
    assert {k: v for k, v in after.items() if k != victim} == {
        k: v for k, v in before.items() if k != victim
    }
    again = pq.read_table(output / "rewards" / victim)
    assert again.drop_columns(["reward", "chunk_rewards"]).equals(
        lost.drop_columns(["reward", "chunk_rewards"])
    )


def test_a_limit_takes_a_first_look_that_is_kept_when_it_grows(tmp_path, caplog):
    output = tmp_path / "out"
    changes = {"input_path": tmp_path / "in", "output_path": output, "shard_rows": 3}
    changes |= {"engine_name": fault_engine.NAME}
    write_corpus(tmp_path / "in", files=3, rows=10, words=80)
    assert run(caplog, **changes, input_limit=15)[0] == 0
    assert [row["row"] for row in read_rewards(output)] == [*range(10), *range(5)]
    before = parts(output)
    assert run(caplog, **changes, input_limit=15)[0] == 0 and parts(output) == before
    status, log = run(caplog, **changes, input_limit=5)
    assert status == 2 and "input.limit is 5, and this run has planned 15 rows already" in log
    assert run(caplog, **changes, input_limit=18)[0] == 0
    assert [row["row"] for row in read_rewards(output)] == [*range(10), *range(8)]
    assert run(caplog, **changes)[0] == 0
    rows = read_rewards(output)
    assert [row["id"] for row in rows] == [f"0-{f}-{r}" for f in range(3) for r in range(10)]
    assert before.items() <= parts(output).items()


def test_a_sample_is_a_run_of_its_own(tmp_path, caplog):
    changes = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    changes |= {"engine_name": fault_engine.NAME}
    write_corpus(tmp_path / "in", files=2, rows=40, words=80)
    status, _ = run(caplog, **changes, input_sample_fraction=0.3)
    rows = read_rewards(tmp_path / "out")
    assert status == 0 and 8 < len(rows) < 45
    assert {row["id"] for row in rows} < {f"0-{f}-{r}" for f in (0, 1) for r in range(40)}
    status, log = run(caplog, **changes)
    assert status == 2 and "give each sample a folder of its own" in log
    assert "input.sample_fraction is 0.3 there and 1.0 here" in log


def test_no_more_engines_are_started_than_there_are_shards(tmp_path, caplog):
    write_corpus(tmp_path / "in", files=2, rows=3, words=60)
    paths = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    changes = {"engine_name": fault_engine.NAME, "pool_min_actors": 3, "pool_max_actors": 3}
    assert run(caplog, **paths, **changes)[0] == 0
    metrics = json.loads((tmp_path / "out" / "_rm_ray" / "metrics.json").read_text())
    assert metrics["this_invocation"]["engines"] <= 2 == metrics["totals"]["shards"]
    assert metrics["this_invocation"]["work"]["parts"] == 2


def test_the_transformers_engine_gives_the_same_rewards(messy, scored, tmp_path, caplog):
    status, _ = run(
        caplog, input_path=messy, output_path=tmp_path / "out", input_keep="lang,meta",
        engine_name="transformers",
    )  # fmt: skip
    assert status == 0
    for ours, reference in zip(read_rewards(scored), read_rewards(tmp_path / "out"), strict=True):
        assert ours["status"] == reference["status"]
        if ours["status"] == "ok":
            assert abs(ours["reward"] - reference["reward"]) < 1e-3


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpus is not on this machine")
def test_one_row_in_one_row_out_on_the_shared_corpus(tmp_path, caplog):
    # a few large chunks and no model: rows and their order are the question here
    status, _ = run(
        caplog, input_path=SHARED / "corpus", output_path=tmp_path, input_keep="source",
        shard_tokens=100_000, judge_chunk_tokens=512, judge_context_tokens=0,
        engine_name=fault_engine.NAME,
    )  # fmt: skip
    assert status == 0
    found = [(r["source_file"], r["row"], r["id"]) for r in read_rewards(tmp_path)]
    expected = [
        (str(path), number, name)
        for path in sorted((SHARED / "corpus").glob("*.parquet"))
        for number, name in enumerate(pq.read_table(path)["id"].to_pylist())
    ]
    assert found == expected


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared corpus is not on this machine")
def test_real_text_costs_the_exact_minimum(tmp_path, caplog):
    status, log = run(
        caplog, input_path=SHARED / "corpus" / "web.parquet", output_path=tmp_path, input_limit=4,
        judge_context_tokens=1024,
    )  # fmt: skip
    totals = json.loads((tmp_path / "_SUCCESS").read_text())
    assert status == 0 and totals["forwarded_tokens"] <= 1.005 * totals["minimum_tokens"]
    ratio = totals["forwarded_tokens"] / totals["minimum_tokens"]
    assert f"{ratio:.4f} times the exact minimum" in log


def test_a_dry_run_writes_nothing(messy, tmp_path, capsys, caplog):
    status, _ = run(caplog, "--dry-run", input_path=messy, output_path=tmp_path / "out")
    page = capsys.readouterr().out
    assert status == 0 and "nothing written" in page
    assert [line.split()[1] for line in page.splitlines()[:2]] == ["4", "20"]
    assert not (tmp_path / "out").exists()


def test_another_judge_is_refused_with_both_values(messy, scored, caplog):
    status, log = run(
        caplog, input_path=messy, output_path=scored, input_keep="lang,meta",
        judge_context_tokens=512, judge_prompt="text",
    )  # fmt: skip
    assert status == 2
    assert "judge.context_tokens is 256 there and 512 here" in log
    assert "judge.prompt is 'ids' there and 'text' here" in log
