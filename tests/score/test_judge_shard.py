"""A shard's documents through an engine whose answers are known: what each row says."""

import math

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.corpus.shards import Piece, Shard
from rm_ray.counts.summable import total
from rm_ray.engines.engine import EngineCounts
from rm_ray.run.output.pieces import failed_rows, stretches_between
from rm_ray.run.output.shard_row import pack, unpack
from rm_ray.score.counts import ScoreCounts as Counts
from rm_ray.score.judge_shard import divide, give_up, judge_shard
from rm_ray.score.read_stage import tokenize
from tests.conftest import tiny_judge
from tests.score.notes import Notes


class CountingEngine:
    """Answers the n-th prompt with logits (n, 0): the log ratio is the window's number."""

    def __init__(self, bad_window=None):
        self.counts = EngineCounts()
        self._bad = bad_window
        self._answers = []

    @property
    def has_room(self):
        return len(self._answers) < 3

    def add(self, key, prompt):
        n = self.counts.prompts
        self.counts.prompts += 1
        self.counts.forwarded_tokens += len(prompt) - 1
        self._answers.append((key, np.float32([math.nan if n == self._bad else n, 0])))

    def step(self):
        answers, self._answers = self._answers[::-1], []
        return answers


@pytest.fixture(scope="module")
def halves():
    return tiny_judge(chunk_tokens=2, context_tokens=8)


@pytest.fixture(scope="module")
def judge(halves):
    return halves[1]


def shard_of(texts):
    rows = pa.table({
        "_row": pa.array(range(len(texts)), pa.int64()),
        "_judged.text": pa.array(texts, pa.large_binary()),
        "id": [f"d{i}" for i in range(len(texts))],
    })  # fmt: skip
    return tokenize(rows, tiny_judge()[0])


def score(texts, judge, engine=None):
    documents = shard_of(texts)
    shard = Shard("f", 0, len(texts))
    return judge_shard(shard, documents, judge, engine or CountingEngine(), Notes())


def test_every_row_has_its_verdict_in_order(judge):
    texts = [b"qzxj", None, b"", b"\xff\xfeab", b"q", b"qz\xc3\xa9j"]
    table, counts = score(texts, judge)
    rows = table.to_pylist()
    assert [row["status"] for row in rows] == [
        "ok", "empty", "empty", "invalid", "too_short", "ok",
    ]  # fmt: skip
    assert [row["row"] for row in rows] == list(range(6))
    assert [row["id"] for row in rows] == [f"d{i}" for i in range(6)]
    assert rows[0]["chunk_rewards"] == list(range(rows[0]["n_chunks"]))
    assert rows[0]["reward"] == np.mean(rows[0]["chunk_rewards"])
    first = rows[0]["n_chunks"]
    assert rows[5]["chunk_rewards"] == [first + i for i in range(rows[5]["n_chunks"])]
    assert rows[1]["error"] == "the text is null" and rows[2]["error"] == "the text is empty"
    assert rows[3]["error"] == "not valid UTF-8: invalid start byte at byte 0"
    assert all(row["reward"] is None and row["chunk_rewards"] is None for row in rows[1:5])
    assert counts.statuses == {"empty": 2, "invalid": 1, "ok": 2, "too_short": 1}
    assert counts.prompt_tokens - counts.forwarded_tokens == counts.windows
    assert counts.documents == 6 and counts.windows == sum(row["n_chunks"] for row in rows)


def test_a_number_that_is_none_fails_its_document_alone(judge):
    table, counts = score([b"qzxj", b"qzxj"], judge, CountingEngine(bad_window=1))
    first, second = table.to_pylist()
    assert (first["status"], first["reward"]) == ("failed", None)
    assert first["error"] == "the engine returned nan for chunk 1"
    assert second["status"] == "ok" and counts.statuses == {"failed": 1, "ok": 1}


def test_rows_around_failed_ones_are_pieces_with_their_share_of_what_was_done(judge):
    texts = [b"qzxjqzxj", b"qzxj", b"qzxj", b"qz"]
    whole, calm = score(texts, judge)
    windows = [row["n_chunks"] for row in whole.to_pylist()]
    table, counts = score(texts, judge, CountingEngine(bad_window=windows[0]))
    assert list(failed_rows(table)) == [1]
    pieces, stretches = stretches_between(Shard("f", 0, 4), table)
    assert [(piece.start, piece.stop) for piece in pieces] == [(0, 1), (2, 4)]
    assert [len(rows) for rows in stretches] == [1, 2]
    given_up, theirs = give_up(
        Shard("f", 1, 2), shard_of(texts).slice(1, 1), {1: "it failed"}, judge
    )
    (row,) = given_up.to_pylist()
    assert row["error"] == "it failed" and row["status"] == "failed" and row["reward"] is None
    same = ("id", "source_file", "row", "n_tokens", "n_chunks")
    assert {n: row[n] for n in same} == {n: table.to_pylist()[1][n] for n in same}
    # what was done for the row that failed belongs to no row
    left_out = Counts(documents=1, rows=1, statuses={"failed": 1}, tokens=theirs.tokens)
    assert total(divide(counts, stretches, judge), Counts) + left_out == counts
    assert counts.windows == sum(windows) - windows[1] < calm.windows
    assert abs(counts.prompt_tokens - counts.forwarded_tokens - counts.windows) <= 1


def test_the_reward_is_the_float64_mean_of_the_stored_chunk_rewards(vllm_engine):
    documents = shard_of([b"The quick brown fox, again and again. " * 40])
    table, _ = judge_shard(Shard("f", 0, 1), documents, tiny_judge()[1], vllm_engine, Notes())
    (row,) = table.to_pylist()
    stored = np.float32(row["chunk_rewards"])
    assert row["reward"] == np.float32(stored.mean(dtype=np.float64))


def test_the_output_has_exactly_the_documented_columns(judge):
    table, _ = score([b"qz"], judge)
    assert table.schema.field("reward").type == pa.float32()
    assert table.schema.field("chunk_rewards").type == pa.list_(pa.float32())
    assert table.column_names == [
        "id", "source_file", "row", "reward", "n_tokens", "status", "error",
        "reward_stderr", "chunk_rewards", "judged_chunks", "n_chunks",
    ]  # fmt: skip


def test_a_shard_survives_being_packed():
    documents = shard_of([b"qzxj", None]).append_column(
        "nested", pa.array([{"a": [1, None], "b": {"c": "x"}}, None])
    )
    block = pa.concat_tables([pack(Shard("f", i, i + 2), documents, "n") for i in (0, 2)])
    (first, out, note), (second, _, _) = unpack(block)
    assert (first, second, note) == (Shard("f", 0, 2), Shard("f", 2, 4), "n")
    assert out.equals(documents.combine_chunks())
    piece = Piece("f", 3, 4, alone=True, failed_on="a machine")
    both = pa.concat_tables([pack(Shard("f", 3, 4), documents), pack(piece, documents)])
    assert [span for span, _, _ in unpack(both)] == [Shard("f", 3, 4), piece]
    (empty,) = unpack(pack(Shard("f", 0, 0), documents.slice(0, 0)))
    assert empty[1].num_rows == 0 and empty[1].schema == documents.schema
