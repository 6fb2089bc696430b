"""Pairs as ids, and the two windows that a judge is asked about."""

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.evaluate.pair_judge import pair_judge
from rm_ray.evaluate.pair_tokens import IDS, TEXTS, LabelledPairTokenizer, joined, parted
from rm_ray.judges.plain import plain_tokenizer
from tests.conftest import TINY_JUDGE, tiny_judge
from tests.evaluate.tables import small_texts

PLAIN = plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text())


def ids(*numbers):
    return np.array(numbers, np.int32)


@pytest.mark.parametrize(
    "pair", [((5, 6), (0, 1, 2), (7,)), ((), (0,), (0,)), ((0, 0), (9,), (9, 9))]
)
def test_one_array_holds_the_three_lists_and_no_more(pair):
    whole = joined(*(ids(*part) for part in pair))
    assert len(whole) == sum(map(len, pair)) and whole.dtype == np.int32
    assert [part.tolist() for part in parted(whole)] == [list(part) for part in pair]


@pytest.fixture(scope="module")
def judge():
    _, inner = tiny_judge(context_tokens=128)
    return pair_judge(inner)


def test_the_windows_are_those_of_the_document(judge, tiny_tokenizer):
    """A pair of two chunks of a document is asked about as scoring asks about the document."""
    tokens = ids(*tiny_tokenizer.encode(small_texts(1)[0], add_special_tokens=False).ids)[:192]
    window = list(judge.inner.prompts(tokens))[2]
    pair = joined(tokens[:128], tokens[128:192], tokens[64:128])
    (look,) = judge.looks(pair)
    chosen, rejected = judge.prompts(pair, look)
    assert np.array_equal(chosen, window)
    assert not np.array_equal(rejected, window) and len(rejected) == len(window)


def test_what_is_too_long_is_cut_and_counted(judge):
    pair = joined(np.arange(200), np.arange(70), np.arange(1, 31))
    (look,) = judge.looks(pair)
    chosen, rejected = judge.prompts(pair, look)
    m = judge.inner.marker_tokens
    assert (len(chosen), len(rejected)) == (128 + 64 + m, 128 + 30 + m)
    start = len(judge.inner.bos)
    assert chosen[start : start + 128].tolist() == list(range(72, 200))  # the last whole chunks
    verdict = judge.verdict({look[0]: ids(3, 1), look[1]: ids(0, 1)}, len(pair))
    assert verdict.reward == 3.0
    assert verdict.more == {
        "chosen_reward": 2.0, "rejected_reward": -1.0, "context_tokens": 200, "chosen_tokens": 70,
        "rejected_tokens": 30, "cut_tokens": 6,
    }  # fmt: skip
    columns = {name: [verdict.more[name]] for name in judge.columns.names}
    work = judge.work(pa.table(columns))
    assert work.windows == 2 and work.prompt_tokens == len(chosen) + len(rejected)
    assert work == judge.estimate(pair)


def test_an_answer_that_is_no_number_fails_the_pair(judge):
    pair = joined(ids(1), ids(2), ids(3))
    (look,) = judge.looks(pair)
    nan = np.array([np.nan, 0.0], np.float32)
    assert judge.verdict({look[0]: nan, look[1]: ids(0, 1)}, 3).status == "failed"
    given_up = pa.table({name: pa.nulls(1, pa.int32()) for name in judge.columns.names})
    assert judge.work(given_up).windows == 0
    harmless = judge.harmless(0, 5)
    assert len(list(judge.prompts(harmless, *judge.looks(harmless)))) == 2
    assert not np.array_equal(harmless, judge.harmless(0, 6))


def test_pairs_of_another_split_and_empty_chunks_are_left_out():
    lists = {
        "prompt_ids": [[1], [1], None, []], "chosen_ids": [[2], [], [2], [2]],
        "rejected_ids": [[3]] * 4,
    }  # fmt: skip
    columns = {name: pa.array(lists[name], pa.list_(pa.int32())) for name in IDS}
    columns["split"] = pa.array(["train", "validation", "validation", "validation"])
    found = LabelledPairTokenizer(IDS, PLAIN, "validation").tokenize(columns)
    assert found.statuses == ["left_out", "empty", "empty", "ok"]
    assert [len(one) for one in found.ids] == [0, 0, 0, 2]
    assert LabelledPairTokenizer(IDS, PLAIN, None).tokenize(columns).statuses[0] == "ok"


def test_texts_are_encoded_as_plain_text(tiny_tokenizer):
    columns = {
        "prompt": pa.array(["", "The cat", None]),
        "chosen": pa.array(["one <|endoftext|>", "two", "three"]),
        "rejected": pa.array(["a", None, "c"]),
    }
    found = LabelledPairTokenizer(TEXTS, PLAIN, None).tokenize(columns)
    assert found.statuses == ["ok", "empty", "ok"]
    prompt, chosen, _ = parted(found.ids[0])
    assert not len(prompt) and tiny_tokenizer.decode(chosen.tolist()) == "one <|endoftext|>"
    assert found.errors[1] == "the rejected is null"
