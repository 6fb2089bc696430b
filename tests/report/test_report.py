"""The report job, end to end: every figure against DuckDB or SciPy over the same parts."""

import json
import math

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from rm_ray.report.figures import QUANTILES, Figures
from tests.report.runs import add_night, documents, report

SOURCES = ("a", "b", "c<script>", None)
# A cell of a histogram is 1/4096 of its values.
NEAR = 1 / 2000


def night(seed: int, shift: float = 0.0, **sizes: int):
    rng = np.random.default_rng(seed)
    wanted = {"a": 120, "b": 260, "c<script>": 90, None: 60} | sizes
    rewards = {
        "a": rng.normal(2, 1, wanted["a"]),
        "b": rng.standard_t(3, wanted["b"]) + shift,
        "c<script>": rng.choice([-1.5, 0.0, 2.0], wanted["c<script>"]),
        None: rng.exponential(3, wanted[None]),
    }
    return documents(rewards, {"a": 2})


@pytest.fixture(scope="module")
def nights(ray_cluster, tmp_path_factory):
    """Three nights of one run; `b` has moved in the last one, and `a` has shrunk."""
    folder = tmp_path_factory.mktemp("nights")
    for name, rows in (("n1", night(1)), ("n2", night(2)), ("n3", night(3, 0.9, a=40))):
        add_night(folder, name, rows, shard_rows=37)
    return folder


@pytest.fixture(scope="module")
def reported(nights):
    """The report of the last night, with the others as its history."""
    from rm_ray.report.config import ReportConfig
    from rm_ray.report.job import report as make_report

    figures = None
    for number, name in enumerate(("n1", "n2", "n3")):
        config = {
            "rewards": {"path": str(nights / "scored"), "segments": [number]},
            "output": {"path": str(nights / "reports" / name)},
            "history": {"path": str(nights / "history")},
            "by": ["source"],
            "night": name,
            "page": {"cut": 1.25},
        }
        figures = make_report(ReportConfig.model_validate(config))
    return figures


@pytest.fixture(scope="module")
def db(nights):
    db = duckdb.connect()
    db.execute(f"CREATE TABLE r AS SELECT * FROM '{nights}/scored/rewards/*.parquet'")
    db.execute("CREATE TABLE t AS SELECT * FROM r WHERE source_file LIKE '%n3%'")
    db.execute("CREATE TABLE b AS SELECT * FROM r WHERE source_file NOT LIKE '%n3%'")
    return db


def rewards(db, table: str, source="every"):
    where = "true" if source == "every" else "source IS NOT DISTINCT FROM ?"
    query = f"SELECT reward FROM {table} WHERE reward IS NOT NULL AND {where}"
    found = db.execute(query, [] if source == "every" else [source]).fetchnumpy()["reward"]
    return np.asarray(found, np.float64)


def named(source) -> str:
    return "null" if source is None else source


def groups(reported: Figures):
    return {group.name: group for group in reported.groups}


def test_counts_are_duckdbs(reported, db):
    query = "SELECT count(*), sum(n_tokens), count(reward) FROM t"
    whole = reported.whole
    assert (whole.documents, whole.tokens, whole.scored) == db.execute(query).fetchone()
    for source in SOURCES:
        group = groups(reported)[named(source)]
        found = db.execute(f"{query} WHERE source IS NOT DISTINCT FROM ?", [source]).fetchone()
        assert (group.documents, group.tokens, group.scored) == found
        statuses = db.execute(
            "SELECT status, count(*) FROM t WHERE source IS NOT DISTINCT FROM ? GROUP BY 1",
            [source],
        ).fetchall()
        assert group.statuses == dict(statuses)
        (before,) = db.execute(
            "SELECT count(*) / 2 FROM b WHERE source IS NOT DISTINCT FROM ?", [source]
        ).fetchone()
        assert group.expected == before
    assert groups(reported)["a"].failed_share == 2 / 42


@pytest.mark.parametrize("table", ["tonight", "baseline"])
def test_distributions_are_duckdbs(reported, db, table):
    for source in ("every", *SOURCES):
        group = reported.whole if source == "every" else groups(reported)[named(source)]
        found, mine = getattr(group, table), rewards(db, table[0], source)
        assert found.documents == len(mine)
        assert found.mean == pytest.approx(mine.mean(), abs=1e-7)
        assert found.sd == pytest.approx(mine.std(), abs=1e-7)
        ends = mine.min(), mine.max()
        assert (found.minimum, found.maximum) == pytest.approx(ends, rel=NEAR, abs=1e-9)
        expected = np.quantile(mine, QUANTILES, method="inverted_cdf")
        assert list(found.quantiles.values()) == pytest.approx(expected, rel=NEAR, abs=1e-9)


def test_drift_is_scipys(reported, db):
    for source in ("every", *SOURCES):
        group = reported.whole if source == "every" else groups(reported)[named(source)]
        mine, before = rewards(db, "t", source), rewards(db, "b", source)
        if group.outliers:  # they are taken for the ends of the usual range
            ends = group.outliers.below, group.outliers.above
            outside = [int(((one < ends[0]) | (one > ends[1])).sum()) for one in (mine, before)]
            assert outside == [group.outliers.tonight, group.outliers.baseline]
            mine, before = np.clip(mine, *ends), np.clip(before, *ends)
        sd = before.std()
        distance = stats.wasserstein_distance(mine, before) / sd
        assert group.drift.wasserstein.effect == pytest.approx(distance, rel=0.01)
        moved = abs(mine.mean() - before.mean()) / sd
        assert group.drift.mean.effect == pytest.approx(moved, rel=0.01, abs=1e-3)
        assert group.spread == pytest.approx(mine.std() / sd, rel=0.01)
        edges = np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf")
        shares = []
        for some in (mine, before):
            counts = np.bincount(np.searchsorted(edges, some), minlength=10)
            shares.append((counts + 0.5) / (len(some) + 5))
        psi = ((shares[0] - shares[1]) * np.log(shares[0] / shares[1])).sum()
        # a reward within 1/4096 of an edge may be counted beside it
        assert group.drift.psi.effect == pytest.approx(psi, rel=0.1)


def test_the_mean_is_split_exactly(reported, db):
    mix = reported.mix
    before, after = rewards(db, "b").mean(), rewards(db, "t").mean()
    assert (mix.before, mix.after) == pytest.approx((before, after))
    assert mix.mix + mix.inside == pytest.approx(after - before)
    shares = {
        source: (len(rewards(db, "b", source)) / len(rewards(db, "b")),
                 len(rewards(db, "t", source)) / len(rewards(db, "t")))
        for source in SOURCES
    }  # fmt: skip
    inside = sum(
        (rewards(db, "t", s).mean() - rewards(db, "b", s).mean()) * sum(shares[s]) / 2
        for s in SOURCES
    )
    assert mix.inside == pytest.approx(inside)


def test_histograms_and_retention_are_counts(reported, db):
    mine = rewards(db, "t")
    inner = np.array(reported.edges[1:-1])
    below = np.concatenate([[0], (mine[:, None] < inner).sum(axis=0), [len(mine)]])
    shares = np.diff(below) / len(mine)
    assert np.abs(np.array(reported.whole.histogram) - shares).max() < 3 / len(mine)
    assert sum(reported.whole.histogram) == pytest.approx(1)
    for point in reported.retention:
        kept = db.execute(
            "SELECT count(*), sum(n_tokens) FROM t WHERE reward >= ?", [point.threshold]
        ).fetchone()
        assert (point.documents, point.tokens) == kept
    assert reported.retention[-1].documents == len(mine)
    assert 1.25 in [point.threshold for point in reported.retention]


def test_what_a_cut_keeps_of_the_groups_adds_up_to_what_it_keeps(tmp_path, caplog):
    """The small groups are added up, and a cut keeps some of them too."""
    rng = np.random.default_rng(3)
    sizes = {"a": 90, "b": 60, "c": 40, "d": 20, "e": 10}
    add_night(tmp_path, "1", documents({name: rng.normal(0, 1, n) for name, n in sizes.items()}))
    status, log = report(caplog, tmp_path, "--corpus.excerpts", "false", by="source",
                         page_cut=0.1, page_max_groups=2)  # fmt: skip
    assert status == 0, log
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    for number, point in enumerate(figures["retention"]):
        for unit in ("documents", "tokens"):
            kept = [group[unit][number] for group in figures["retained_groups"]]
            assert len(kept) == 3 and sum(kept) == point[unit]
    assert 0.1 in [point["threshold"] for point in figures["retention"]]


def test_rewards_too_small_for_exact_moments_are_warned_of(tmp_path, caplog):
    rewards = np.random.default_rng(4).normal(0, 1e-6, 50)
    add_night(tmp_path, "1", documents({"a": rewards}))
    status, log = report(caplog, tmp_path, "--corpus.excerpts", "false", by="source")
    assert status == 0 and "no number of the column reward is farther from 0 than" in log


def test_where_the_judge_is_blind(reported, db):
    mine = rewards(db, "t")
    between = sum(
        len(theirs) * (theirs.mean() - mine.mean()) ** 2
        for theirs in (rewards(db, "t", source) for source in SOURCES)
    )
    blind = reported.blind
    assert blind.between_share == pytest.approx(between / (len(mine) * mine.var()))
    rows = db.execute("SELECT reward, n_tokens, row FROM t WHERE reward IS NOT NULL").fetchnumpy()
    for found, column in ((blind.length, "n_tokens"), (blind.position, "row")):
        rho = stats.spearmanr(rows["reward"], rows[column]).statistic
        assert found.rho == pytest.approx(rho, abs=1e-9)
        assert found.documents == len(mine)
    for group in blind.groups:
        source = None if group.name == "null" else group.name
        assert group.sd == pytest.approx(rewards(db, "t", source).std())
        assert not group.flat


def test_documents_are_the_best_the_worst_and_those_at_the_cut(reported, db):
    mine = np.sort(rewards(db, "t"))
    shown = reported.documents
    best = [one.reward for one in shown if one.why == "best"]
    worst = [one.reward for one in shown if one.why == "worst"]
    assert best == mine[::-1][: len(best)].tolist()
    assert worst == mine[: len(worst)].tolist()
    assert reported.cut == 1.25
    kept = sorted(one.reward for one in shown if one.why == "kept" and one.at == 1.25)
    dropped = sorted(one.reward for one in shown if one.why == "dropped" and one.at == 1.25)
    assert kept == mine[mine >= 1.25][:2].tolist()
    assert dropped == mine[mine < 1.25][-2:].tolist()
    for one in shown:
        found = db.execute(
            "SELECT id, reward, n_tokens FROM t WHERE source_file = ? AND row = ?",
            [one.file, one.row],
        ).fetchone()
        assert (one.id, one.reward, one.tokens) == found
        (text,) = [chunk.text for chunk in one.chunks]
        assert (
            text
            == f"document {one.id.removeprefix('doc-').partition(' ')[0]} of {one.group}".replace(
                "null", "None"
            )
        )


def test_what_a_cut_keeps_of_each_group_is_exact(reported, db):
    """At the cut in use and at the other thresholds."""
    for number, point in list(enumerate(reported.retention))[::7]:
        kept = dict(
            db.execute(
                "SELECT source, count(*) FROM t WHERE reward >= ?::FLOAT GROUP BY source",
                [point.threshold],
            ).fetchall()
        )
        found = {one.name: one.documents[number] for one in reported.retained_groups}
        assert found == {name: kept.get(None if name == "null" else name, 0) for name in found}
    (at,) = (n for n, point in enumerate(reported.retention) if point.threshold == 1.25)
    of_groups = sum(one.documents[at] for one in reported.retained_groups)
    assert of_groups == reported.retention[at].documents


def test_the_verdict_names_what_broke(reported):
    alerts = reported.verdict.alerts
    found = {(a.group, a.rule) for a in alerts if a.folded_into is None}
    assert found == {("b", "drift")}  # two nights cannot tell how much volumes vary
    assert reported.verdict.status == "fail"
    (drift,) = (a for a in alerts if (a.group, a.rule) == ("b", "drift"))
    assert drift.effect == groups(reported)["b"].drift.wasserstein.effect
    assert drift.sentence.startswith("the rewards of b are 0.")


def test_the_three_files_and_the_history(reported, nights):
    folder = nights / "reports" / "n3"
    stored = json.loads((folder / "report.json").read_text())
    assert Figures.model_validate(stored) == reported
    assert {path.name for path in folder.iterdir()} == {
        "report.json", "report.html", "summary.md",
    }  # fmt: skip
    trend = [(one.night, one.documents) for one in reported.trend]
    assert [name for name, _ in trend] == ["n1", "n2", "n3"]
    rows = pq.read_table(nights / "history").to_pylist()
    assert {row["night"] for row in rows} == {"n1", "n2", "n3"}
    whole = next(row for row in rows if row["night"] == "n3" and row["group"] is None)
    assert sum(whole["cell_documents"]) == reported.whole.scored
    assert math.isclose(whole["mean"], reported.whole.tonight.mean)


def test_reporting_a_night_again_says_the_same(reported, nights, caplog):
    """Also when later nights are there by then."""
    words = {"history.path": nights / "history", "by": "source", "page.cut": 1.25}
    extra = [word for key, value in words.items() for word in (f"--{key}", str(value))]
    before = (nights / "history" / "night-n2.parquet").read_bytes()
    status, _ = report(
        caplog, nights, *extra, rewards_segments=1, output_path=nights / "again", night="n2"
    )
    assert status == 0
    assert (nights / "history" / "night-n2.parquet").read_bytes() == before
    again, first = (
        json.loads((nights / where / "report.json").read_text())
        for where in ("again", "reports/n2")
    )
    assert {**again, "made": None} == {**first, "made": None}


def test_the_exit_status_wakes_somebody_once(nights, reported, caplog):
    """The same drift the night after stands, and fails no night again."""
    words = ["--by", "source", "--history.path", str(nights / "history")]
    words += ["--repeats.by", "none"]  # the same documents are reported as two nights
    status, log = report(
        caplog, nights, *words, rewards_segments=-1, output_path=nights / "n3b", night="n3"
    )
    assert status == 3
    assert "drift (fail)" in log
    status, log = report(
        caplog, nights, *words, rewards_segments=2, output_path=nights / "n4", night="n4"
    )
    assert status == 0
    assert "standing since the night before" in log
    (nights / "history" / "night-n4.parquet").unlink()


def test_groups_that_are_gathered_are_not_missing_and_new_ones_are_new(
    ray_cluster, tmp_path, caplog
):
    """Six groups both nights, of which three stand for themselves; then a seventh comes."""
    rng = np.random.default_rng(0)

    def six(more=()):
        sizes = [*((f"s{i}", 100 + i) for i in range(6)), *more]
        return documents({name: rng.normal(size=size) for name, size in sizes})

    for number, rows in enumerate((six(), six(), six([("late", 300)]))):
        add_night(tmp_path, f"n{number}", rows)
    words = {"by": "source", "page_max_groups": 3, "history_path": tmp_path / "history"}
    for number in (0, 1):
        status, log = report(caplog, tmp_path, rewards_segments=number, night=number, **words)
        assert status == 0, log
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (figures["verdict"]["alerts"], figures["gathered"]) == ([], 3)
    status, log = report(
        caplog, tmp_path, night=2, rewards_segments=2, baseline_path=tmp_path / "scored",
        baseline_segments="[0, 1]", by="source", page_max_groups=20,
    )  # fmt: skip
    assert status == 0, log
    figures = json.loads((tmp_path / "report" / "report.json").read_text())
    found = [(a["group"], a["rule"], a["level"]) for a in figures["verdict"]["alerts"]]
    assert found == [("late", "new", "warn")]
    by_name = {group["name"]: group["expected"] for group in figures["groups"]}
    assert (by_name["s3"], by_name["late"]) == (103, 0)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "late is new: 300 documents" in page


def test_a_pinned_baseline(nights, caplog):
    words = ["--by", "source", "--baseline.path", str(nights / "scored")]
    status, _ = report(
        caplog, nights, *words, baseline_segments="[0, 1]", rewards_segments=2,
        output_path=nights / "pinned",
    )  # fmt: skip
    assert status == 3
    stored = json.loads((nights / "pinned" / "report.json").read_text())
    assert stored["baseline"]["kind"] == "run"
    assert stored["trend"][-1]["documents"] == stored["whole"]["documents"]
