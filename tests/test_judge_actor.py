"""A shard's documents through an engine whose answers are known: what each row says."""

import math

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.config import JudgeConfig
from rm_ray.engines import EngineCounts
from rm_ray.judge_shard import score_shard
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.model import resolve_model
from rm_ray.plan import Shard
from rm_ray.reading import tokenize
from rm_ray.shard_row import pack, unpack
from tests.conftest import TINY_JUDGE


class CountingEngine:
    """Answers the n-th prompt with logits (n, 0): the log ratio is the window's number."""

    def __init__(self, bad_window=None):
        self.counts = EngineCounts()
        self._bad = bad_window

    def score(self, prompts):
        for prompt in prompts:
            n = self.counts.windows
            self.counts.windows += 1
            self.counts.prompt_tokens += len(prompt)
            self.counts.forwarded_tokens += len(prompt) - 1
            yield np.float32([math.nan if n == self._bad else n, 0])


@pytest.fixture(scope="module")
def judge():
    model = resolve_model(str(TINY_JUDGE), None, None)
    return PreferenceJudge.of(JudgeConfig(model="m", chunk_tokens=2, context_tokens=8), model)


def shard_of(texts, judge):
    rows = pa.table({
        "_row": pa.array(range(len(texts)), pa.int64()),
        "_text": pa.array(texts, pa.large_binary()),
        "id": [f"d{i}" for i in range(len(texts))],
    })  # fmt: skip
    return tokenize(rows, judge)


def test_every_row_has_its_verdict_in_order(judge):
    texts = [b"qzxj", None, b"", b"\xff\xfeab", b"q", b"qz\xc3\xa9j"]
    table, counts = score_shard("f", shard_of(texts, judge), judge, CountingEngine())
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
    table, counts = score_shard(
        "f", shard_of([b"qzxj", b"qzxj"], judge), judge, CountingEngine(bad_window=1)
    )
    first, second = table.to_pylist()
    assert (first["status"], first["reward"]) == ("failed", None)
    assert first["error"] == "the engine returned nan for chunk 1"
    assert second["status"] == "ok" and counts.statuses == {"failed": 1, "ok": 1}


def test_the_reward_is_the_float64_mean_of_the_stored_chunk_rewards(judge, vllm_engine):
    document = shard_of([b"The quick brown fox, again and again. " * 40], judge)
    whole = PreferenceJudge.of(
        JudgeConfig(model="m", context_tokens=1024), resolve_model(str(TINY_JUDGE), None, None)
    )
    (row,) = score_shard("f", document, whole, vllm_engine)[0].to_pylist()
    stored = np.float32(row["chunk_rewards"])
    assert row["reward"] == np.float32(stored.mean(dtype=np.float64))


def test_the_output_has_exactly_the_documented_columns(judge):
    table, _ = score_shard("f", shard_of([b"qz"], judge), judge, CountingEngine())
    assert table.schema.field("reward").type == pa.float32()
    assert table.schema.field("chunk_rewards").type == pa.list_(pa.float32())
    assert table.column_names == [
        "id", "source_file", "row", "reward", "reward_stderr", "chunk_rewards", "judged_chunks",
        "n_tokens", "n_chunks", "status", "error",
    ]  # fmt: skip


def test_a_shard_survives_being_packed(judge):
    documents = shard_of([b"qzxj", None], judge).append_column(
        "nested", pa.array([{"a": [1, None], "b": {"c": "x"}}, None])
    )
    block = pa.concat_tables([pack(Shard("f", i, i + 2), documents, "n") for i in (0, 2)])
    (first, out, note), (second, _, _) = unpack(block)
    assert (first, second, note) == (Shard("f", 0, 2), Shard("f", 2, 4), "n")
    assert out.equals(documents.combine_chunks())
    (empty,) = unpack(pack(Shard("f", 0, 0), documents.slice(0, 0)))
    assert empty[1].num_rows == 0 and empty[1].schema == documents.schema
