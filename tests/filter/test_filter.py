"""The filter job, end to end, against DuckDB over the same files."""

import json
import statistics
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.filter import hostile
from tests.filter.rules import HAS, RULES, best
from tests.filter.runs import Oracle, files_of, run
from tests.scored_runs import fabricate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus, two runs that cut it into different shards, and DuckDB over them."""
    folder = tmp_path_factory.mktemp("filter")
    corpus = hostile.write(folder / "corpus")
    fabricate(folder / "one", corpus, hostile.rewards, shard_rows=50)
    fabricate(folder / "two", corpus, partial(hostile.rewards, seed=1, ties=50), shard_rows=17)
    return folder, Oracle(corpus, folder / "one", folder / "two", seed=3)


def test_a_weight_is_beside_the_tokens_and_not_in_their_place(made, ray_cluster, tmp_path, caplog):
    folder, oracle = made
    words = {"rewards_path": folder / "one", "output_path": tmp_path / "out", "rule_seed": 3}
    status, log = run(caplog, rule_keep_tokens=2000, rule_weight="size", **words)
    assert status == 0, log
    kept = best(HAS, "tokens <= 2000").replace("n_tokens", "size")
    ((tokens,),) = oracle.rows(
        f"SELECT sum(n_tokens) FROM d JOIN ({kept}) USING (source_file, row)"
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["totals"]["tokens"] == tokens
    assert f"documents kept, {tokens:,} tokens" in log


@pytest.mark.parametrize("rule", RULES)
def test_what_a_rule_keeps(made, ray_cluster, tmp_path, caplog, rule):
    folder, oracle = made
    changes, kept = RULES[rule]
    status, log = run(
        caplog, rewards_path=folder / "one", output_path=tmp_path / "out", rule_seed=3, **changes
    )
    assert status == 0, log
    expected = oracle.expected(kept)
    assert oracle.found(tmp_path / "out") == expected and 0 < len(expected) < 961
    assert f"{len(expected):,} of 960 documents kept" in log


def test_groups_that_are_delivered_apart_are_what_one_delivery_would_be(made, tmp_path, caplog):
    """With the cut of all documents: by a column of the rewards and one of the corpus."""
    folder, oracle = made
    _, kept = RULES["fraction"]
    given = {"rewards_path": folder / "one", "rule_seed": 3, "rule_keep_fraction": 0.35}
    group = """['["a", "u"]']"""
    for name in ("only", "without"):
        status, log = run(
            caplog, output_path=tmp_path / name, deliver_by="source,kind",
            **{f"deliver_{name}": group}, **given,
        )  # fmt: skip
        assert status == 0, log
    only, rest = oracle.found(tmp_path / "only"), oracle.found(tmp_path / "without")
    both = f"SELECT k.* FROM ({kept}) k JOIN d USING (source_file, row) WHERE"
    assert only == oracle.expected(f"{both} source = 'a' AND kind = 'u'") and only
    assert sorted([*only, *rest]) == sorted(oracle.expected(kept))
    assert "kept, in a group that is not delivered here" in log
    assert "--rule.min_reward" not in log and "unused" not in log
    status, log = run(
        caplog, output_path=tmp_path / "only", deliver_by="source,kind", deliver_without=group,
        **given,
    )  # fmt: skip
    assert status == 2 and "deliver.only" in log


RANK = """((2 * (rank() OVER (ORDER BY {0}) - 1) + count(*) OVER (PARTITION BY {0})) * 65535)
    // (2 * count(*) OVER ())"""


@pytest.mark.parametrize(
    "combine, sql",
    [
        ("mean", "(one + two) / 2.0"),
        ("minimum", "least(one, two)"),
        ("maximum", "greatest(one, two)"),
    ],
)  # fmt: skip
def test_several_runs_are_combined_by_their_ranks(
    made, ray_cluster, tmp_path, caplog, combine, sql
):
    folder, oracle = made
    status, log = run(
        caplog, rewards_path=f"{folder}/one,{folder}/two", rewards_combine=combine,
        output_path=tmp_path / "out", output_add="reward", rule_seed=3, rule_keep_fraction=0.4,
    )  # fmt: skip
    assert status == 0, log
    kept = f"""
        WITH a AS (SELECT source_file, row, {RANK.format("reward")} AS one
                   FROM d WHERE reward IS NOT NULL),
        b AS (SELECT source_file, row, {RANK.format("other")} AS two
              FROM d WHERE other IS NOT NULL),
        ranked AS (SELECT *, ({sql} / 65535)::FLOAT AS combined
                 FROM a JOIN b USING (source_file, row) JOIN d USING (source_file, row))
        SELECT source_file, row, combined FROM (
            SELECT *, row_number() OVER (ORDER BY combined DESC, hash, source_file, row) AS rank,
                count(*) OVER () AS n FROM ranked) WHERE rank <= floor(0.4 * n + 0.5)"""
    assert oracle.found(tmp_path / "out", "* EXCLUDE reward") == oracle.expected(kept)
    found = pq.read_table(tmp_path / "out" / "corpus").column("reward").to_pylist()
    assert sorted(found) == sorted(row[2] for row in oracle.rows(kept))


def test_buckets_hold_as_many_documents_each_by_their_rank(made, ray_cluster, tmp_path, caplog):
    folder, oracle = made
    out = tmp_path / "out"
    status, log = run(
        caplog, rewards_path=folder / "one", output_path=out, rule_seed=3, output_buckets=12,
        rule_by="lang",
    )  # fmt: skip
    assert status == 0, log
    assert len(list((out / "corpus").iterdir())) == 12
    worst = "ORDER BY reward, hash DESC, source_file DESC, row DESC"
    bucket = best(HAS, "true", "lang", worst).replace(
        "SELECT source_file, row FROM",
        "SELECT source_file, row, (2 * rank - 1) * 12 // (2 * n) AS b FROM",
    )
    for number in range(12):
        part = out / "corpus" / f"quality={number:02d}"
        found = oracle.db.execute(
            f"SELECT count(*) FROM read_parquet('{part}/**/*.parquet', union_by_name = true)"
        ).fetchone()[0]
        assert found == len(oracle.rows(f"SELECT * FROM ({bucket}) WHERE b = {number}"))
    found = oracle.found(out, "* EXCLUDE quality")
    assert sorted(found) == sorted(oracle.expected(best(HAS, "true")))
    files = f"read_parquet('{out}/corpus/**/*.parquet', union_by_name = true)"
    ids = f"SELECT quality::INT, id, text FROM {files}"
    said = "DuckDB and polars do not read quality"
    assert said not in log
    wanted = f"""SELECT b, id, text FROM ({bucket}) k
        JOIN corpus ON filename = source_file AND file_row_number = k.row"""
    assert sorted(map(repr, oracle.rows(ids))) == sorted(map(repr, oracle.rows(wanted)))


def test_buckets_of_mixed_folders_are_told_and_have_a_column_if_asked(
    ray_cluster, tmp_path, caplog
):
    """Some files of the corpus are below a hive folder and some are not."""
    corpus = hostile.write(tmp_path / "corpus", rows=20)
    pq.write_table(pq.read_table(corpus / "lang=en" / "0.parquet", partitioning=None),
                   corpus / "0.parquet")  # fmt: skip
    fabricate(tmp_path / "scored", corpus, hostile.rewards)
    words = {"rewards_path": tmp_path / "scored", "output_buckets": 4}
    status, log = run(caplog, "--dry-run", output_path=tmp_path / "out", **words)
    assert status == 0 and "DuckDB and polars do not read quality" in log
    more = {"output_path": tmp_path / "out", "output_add": "quality"}
    status, log = run(caplog, **words, **more)
    assert status == 0 and "DuckDB and polars do not" not in log, log
    files = f"'{tmp_path}/out/corpus/**/*.parquet'"
    wrong = f"""SELECT count(*) FROM read_parquet({files}, union_by_name = true, filename = true)
        WHERE quality IS NULL OR NOT contains(filename, '/quality=' || quality || '/')"""
    assert Oracle.ask(wrong) == [(0,)]
    sizes = f"SELECT count(*) FROM read_parquet({files}, union_by_name = true) GROUP BY quality"
    assert len(Oracle.ask(sizes)) == 4
    for kind in ("ids", "rewards"):
        where = tmp_path / kind
        assert run(caplog, output_kind=kind, **words, **more | {"output_path": where})[0] == 0
        table = pq.read_table(where / kind, partitioning=None)
        assert table.schema.field("quality").type == pa.int32()
        assert set(table.column("quality").to_pylist()) == {0, 1, 2, 3}


def test_ids_and_rewards_in_place_of_rows(made, ray_cluster, tmp_path, caplog):
    folder, oracle = made
    kept = best(HAS, "rank <= 123")
    for kind, columns in (("ids", "id, source_file, row, reward, n_tokens"), ("rewards", "*")):
        out = tmp_path / kind
        changes = {"output_add": "n_tokens"} if kind == "ids" else {}
        status, log = run(
            caplog, rewards_path=folder / "one", output_path=out, rule_seed=3,
            rule_keep_documents=123, output_kind=kind, **changes,
        )  # fmt: skip
        assert status == 0, log
        (part,) = (out / kind).iterdir()
        found = oracle._all(f"SELECT {columns} FROM '{part}'")
        wanted = f"""SELECT {columns} FROM r0 SEMI JOIN ({kept}) USING (source_file, row)
            ORDER BY source_file, row"""
        assert found == oracle._all(wanted)


def test_files_are_written_as_the_corpus_is(made, ray_cluster, tmp_path, caplog):
    folder, _ = made
    out = tmp_path / "out"
    assert run(caplog, rewards_path=folder / "one", output_path=out, output_add="reward")[0] == 0
    written = sorted((out / "corpus").rglob("*.parquet"))
    # the first file has another codec than the second, and the last one of `en` a column more
    sources = {
        "lang=__HIVE_DEFAULT_PARTITION__": [["0"], ["1", "2"]],
        "lang=de": [["0"], ["2"]],  # the second one has no rows
        "lang=en": [["0"], ["1"], ["2"]],
    }
    assert [path.parent.name for path in written] == [
        folder for folder, files in sources.items() for _ in files
    ]
    firsts = [files[0] for every in sources.values() for files in every]
    for path, first in zip(written, firsts, strict=True):
        beside = folder / "corpus" / path.parent.name
        like, new = pq.ParquetFile(beside / f"{first}.parquet"), pq.ParquetFile(path)
        theirs, ours = like.schema_arrow, new.schema_arrow
        assert ours.names[-1] == "reward" and ours.metadata == theirs.metadata
        assert ours.remove(len(ours) - 1).equals(theirs)
        groups = [new.metadata.row_group(i) for i in range(new.metadata.num_row_groups)]
        sizes = [rows for file in beside.iterdir() for rows in group_rows(file) if rows]
        assert {group.num_rows for group in groups[:-1]} <= {statistics.median_high(sizes)}
        for i in range(like.metadata.num_columns):
            old, now = like.metadata.row_group(0).column(i), groups[0].column(i)
            assert (old.path_in_schema, old.compression, old.has_dictionary_page) == (
                now.path_in_schema, now.compression, now.has_dictionary_page
            )  # fmt: skip


def group_rows(path):
    footer = pq.read_metadata(path)
    return [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]


def test_the_dry_run_and_the_run_say_the_same(made, ray_cluster, tmp_path, caplog, capsys):
    folder, oracle = made
    words = {
        "rewards_path": folder / "one", "output_path": tmp_path / "out", "rule_by": "lang",
        "rule_keep_fraction": 0.25, "rule_where": "n_tokens > 3",
    }  # fmt: skip
    assert run(caplog, "--dry-run", **words)[0] == 0
    page = capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    status, log = run(caplog, **words)
    assert status == 0
    table = [line for line in page.splitlines() if line.startswith("  ") and "%" in line][:20]
    assert table and all(line.strip() in log for line in table if "keeps" not in line)
    assert "next to the cuts:" in page and "kept    de: " in page and "dropped en: " in page
    assert "rule.where does not hold" in page and "no reward: failed" in page
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    kept = sum(row["documents"] for row in manifest["outcomes"] if row["kept"])
    assert kept == manifest["totals"]["rows"] == len(oracle.found(tmp_path / "out"))
    assert {tuple(cut["group"]) for cut in manifest["cuts"]} == {("en",), ("de",), (None,)}
    # a threshold of the page keeps what the page says
    line = next(line.split() for line in page.splitlines() if " keeps " in line)
    more = {key: words[key] for key in ("rewards_path", "rule_where")}
    status, log = run(
        caplog, output_path=tmp_path / "fixed", rule_min_reward=line[0], output_kind="ids", **more
    )
    assert f"{line[2]} of 960 documents kept" in log


def test_small_files_small_bundles_and_the_same_rows(made, ray_cluster, tmp_path, caplog):
    folder, oracle = made
    out = tmp_path / "out"
    words = {"rewards_path": folder / "one", "rule_seed": 3, "rule_keep_fraction": 0.35}
    status, _ = run(caplog, output_path=out, output_file_mb=0.002, output_codec="zstd",
                    output_row_group_rows=10, **words)  # fmt: skip
    assert status == 0 and len(list((out / "corpus").rglob("*.parquet"))) > 10
    assert oracle.found(out) == oracle.expected(RULES["fraction"][1])
    before = files_of(out)
    assert run(caplog, output_path=out, output_file_mb=0.002, output_codec="zstd",
               output_row_group_rows=10, **words)[0] == 0  # fmt: skip
    assert files_of(out) == before


def test_nothing_kept_is_an_empty_data_set(made, ray_cluster, tmp_path, caplog):
    folder, _ = made
    status, log = run(
        caplog, rewards_path=folder / "one", output_path=tmp_path / "out", rule_min_reward=1e9
    )
    assert status == 0 and "0 of 960 documents kept" in log
    (part,) = (tmp_path / "out" / "corpus").rglob("*.parquet")
    like = next((folder / "corpus" / part.parent.name).glob("0.parquet"))
    assert pq.read_schema(part).equals(pq.read_schema(like), check_metadata=True)
    assert pq.read_metadata(part).num_rows == 0
