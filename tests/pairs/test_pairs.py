"""The real job: killed and resumed, refused, and grown."""

import json
import signal
import time

import duckdb
import pyarrow.parquet as pq
import pytest

from rm_ray.config import OutputConfig, StorageConfig
from rm_ray.errors import InputError
from rm_ray.pairs.reading import open_pairs, read_pairs
from rm_ray.pairs.worsen.kinds import WORSENED
from rm_ray.scored.run import open_scored
from rm_ray.status.look import look
from tests.conftest import tiny_judge
from tests.jobs import write_corpus
from tests.pairs.runs import HASHES, files_of, options, rows_of, run, start

BOTH = "{continued: 2, shuffled: 1, spliced: 1, noised: 1, doubled_lines: 1}"


@pytest.fixture
def corpus(tmp_path):
    write_corpus(tmp_path / "in", files=3, rows=24, words=300)
    return tmp_path / "in"


def until(condition, job, log):
    deadline = time.monotonic() + 120
    while not condition():
        assert job.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.005)


RULES = {"pairs_per_document": 6, "shard_rows": 2}
GENERATOR = {**HASHES, "pairs_kinds": BOTH, "shard_rows": 2}
MIDDLE = 1 << 30


@pytest.mark.parametrize(
    ("more", "places"),
    [
        pytest.param(GENERATOR, [MIDDLE], id="generator"),
        pytest.param(RULES, [0, 1, MIDDLE], id="rules, three times", marks=pytest.mark.chaos),
        pytest.param(GENERATOR, [0, 1, MIDDLE], id="three times", marks=pytest.mark.chaos),
    ],
)
def test_killed_and_resumed_it_is_to_the_byte_an_undisturbed_run(
    more, places, corpus, tmp_path, ray_cluster, caplog
):
    """Places are numbers of parts that are there; 0: it has planned."""
    calm, hurt, log = tmp_path / "calm", tmp_path / "hurt", tmp_path / "log"
    words = {"input_path": corpus, **more}
    assert run(caplog, output_path=calm, **words)[0] == 0
    whole = files_of(calm)
    before: dict[str, bytes] = {}
    for place in places:
        job = start(log, output_path=hurt, **words)
        until(lambda: list((hurt / "_rm_ray").glob("plan/*")), job, log)
        wanted = min(place, len(whole) // 2)
        until(lambda wanted=wanted: len(files_of(hurt)) >= wanted, job, log)
        job.send_signal(signal.SIGKILL)
        job.wait()
        now = files_of(hurt)
        assert before.items() <= now.items() and not (hurt / "_SUCCESS").exists()
        before = now
    assert len(before) < len(whole)
    times = {name: (hurt / "pairs" / name).stat().st_mtime_ns for name in before}
    status, said = run(caplog, output_path=hurt, **words)
    assert status == 0, said
    assert files_of(hurt) == whole
    assert (
        times.items()
        <= {name: (hurt / "pairs" / name).stat().st_mtime_ns for name in whole}.items()
    )
    assert (hurt / "_SUCCESS").exists()


def test_a_run_says_what_its_pairs_are_and_grows_with_the_corpus(
    corpus, tmp_path, ray_cluster, capsys, caplog
):
    out = tmp_path / "out"
    words = {"input_path": corpus, "output_path": out, "pairs_validation_fraction": 0.3}
    status, said = run(caplog, "--dry-run", **words)
    assert status == 0 and not out.exists()
    status, said = run(caplog, **words)
    assert status == 0, said
    rows, manifest = rows_of(out), json.loads((out / "manifest.json").read_text())
    assert manifest["pairs"] == len(rows) == sum(manifest["kinds"].values())
    assert set(manifest["kinds"]) == set(WORSENED)
    for name, counts in (("split", "splits"), ("extent", "extents"), ("context", "contexts")):
        found = duckdb.sql(f"select {name}, count(*) from '{out}/pairs/*.parquet' group by 1")
        assert dict(found.fetchall()) == manifest[counts]
    documents = {(row["source_file"], row["row"]): set() for row in rows}
    for row in rows:
        documents[row["source_file"], row["row"]].add(row["split"])
    assert all(len(splits) == 1 for splits in documents.values())
    before = files_of(out)
    write_corpus(corpus, files=1, rows=24, words=300, seed=1)
    assert run(caplog, **words)[0] == 0
    after = files_of(out)
    assert before.items() < after.items()

    facts = {**tiny_judge()[0].fingerprint(), **tiny_judge()[1].fingerprint()}
    source = open_pairs([str(out)], StorageConfig(), facts)
    assert source.manifest["pairs"] == len(rows_of(out))
    read = [len(one) for one in read_pairs(source, ["prompt_ids", "kind"], split="validation")]
    assert sum(read) == source.manifest["splits"]["validation"]
    other = {**facts, "judge.chunk_tokens": 32}
    with pytest.raises(InputError, match="were made with chunks of 64 tokens, and the judge has"):
        open_pairs([str(out / "pairs")], StorageConfig(), other)
    with pytest.raises(InputError, match="made with another tokenizer"):
        open_pairs([str(out)], StorageConfig(), {**facts, "tokenizer": "sha256:0"})
    assert look(OutputConfig(path=str(out))).kind == "pairs"
    assert look(OutputConfig(path=str(out))).state == "complete"
    with pytest.raises(InputError, match="the run of another job"):
        open_scored(str(out), StorageConfig())
    (out / "_SUCCESS").unlink()
    with pytest.raises(InputError, match="is not complete"):
        open_pairs([str(out)], StorageConfig(), facts)
    assert open_pairs([str(out / "pairs" / "*.parquet")], StorageConfig(), facts).files

    # as a driver that was killed leaves the folder: without figures of its own
    (out / "_rm_ray" / "metrics.json").unlink()
    gone = max((out / "pairs").iterdir(), key=lambda path: pq.read_metadata(path).num_rows)
    missing = pq.read_metadata(gone).num_rows
    gone.unlink()
    capsys.readouterr()
    assert run(caplog, "--dry-run", **words)[0] == 0
    (told,) = (line for line in capsys.readouterr().out.splitlines() if "left to make" in line)
    assert float(told.split()[1]) == pytest.approx(missing, rel=0.3)


def test_a_dry_run_says_pairs_by_kind_and_hours(corpus, tmp_path, ray_cluster, capsys, caplog):
    words = {"input_path": corpus, "output_path": tmp_path / "out", **HASHES}
    words |= {"pairs_kinds": "{continued: 3, shuffled: 1}", "estimate_pairs_per_s": 0.02}
    status, said = run(caplog, "--dry-run", **words)
    assert status == 0, said
    shown = capsys.readouterr().out
    kinds = {line.split()[0]: line.split()[1] for line in shown.splitlines() if line[:2] == "  "}
    pairs = float(kinds["continued"]) + float(kinds["shuffled"])
    assert 200 < pairs <= 288 and float(kinds["continued"]) == pytest.approx(0.75 * pairs, abs=1)
    assert f"for {kinds['continued']} pairs of continued at the given 0.0" in shown
    hours = float(shown.partition("engine hours ")[2].partition(",")[0])
    assert hours == pytest.approx(0.75 * pairs / 0.02 / 3600, rel=0.01)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"pairs_kinds": "{continued: 1}"}, "which needs a language model, and none is given"),
        ({"pairs_kinds": "{shufled: 1}"}, "there is no kind 'shufled'; the kinds are continued"),
        ({"pairs_kinds": "{shuffled: 0}"}, "all weights are 0"),
        ({"input_messages": "chat"}, "judges plain text"),
        ({"input_keep": "split"}, "the output has a column 'split' of its own"),
        ({"pairs_rewrite": '["no place"]'}, "must contain {text} exactly once"),
        (
            {**HASHES, "pairs_kinds": "{rewritten: 1}"},
            "generator.model: its tokenizer has no chat template",
        ),
        (
            {**HASHES, "engine_name": "transformers", "pairs_kinds": BOTH},
            "cannot write text in this job",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence(more, said, corpus, tmp_path, caplog):
    status, log = run(caplog, input_path=corpus, output_path=tmp_path / "out", **more)
    assert status == 2 and said in log, log
    assert not (tmp_path / "out").exists() and "Traceback" not in log


def test_documents_that_are_all_too_short_end_a_run_and_lose_nothing(tmp_path, ray_cluster, caplog):
    write_corpus(tmp_path / "in", files=1, rows=4, words=10)
    words = {"input_path": tmp_path / "in", "output_path": tmp_path / "out"}
    for _ in range(2):
        status, log = run(caplog, **words)
        assert status == 2 and "no document of" in log and "4 have no whole chunk" in log
        assert not (tmp_path / "out" / "_SUCCESS").exists()
    write_corpus(tmp_path / "in", files=1, rows=4, words=300, seed=1)
    status, log = run(caplog, **words)
    assert status == 0 and rows_of(tmp_path / "out"), log


def test_another_seed_is_another_run(corpus, tmp_path, ray_cluster, caplog):
    words = {"input_path": corpus, "output_path": tmp_path / "out", "input_limit": 6}
    assert run(caplog, **words)[0] == 0
    status, log = run(caplog, pairs_seed=1, **words)
    assert status == 2 and "pairs.seed is 0 there and 1 here" in log
    status, log = run(caplog, pairs_split_seed=1, **words)
    assert status == 2 and "pairs.split_seed" in log
    assert options()  # the same words but for the seed
