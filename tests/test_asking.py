"""Asking look by look, with answers known by hand."""

import numpy as np
import pyarrow as pa

from rm_ray.asking import Asking
from rm_ray.config import JudgeConfig
from rm_ray.judges.preference import PreferenceJudge
from rm_ray.model import resolve_model
from tests.conftest import TINY_JUDGE


def make(lengths, **judge):
    """Documents of so many chunks of 2 tokens; the tokens are the document's number."""
    config = JudgeConfig(model="m", chunk_tokens=2, context_tokens=8, **judge)
    ids = pa.array([[d] * 2 * n for d, n in enumerate(lengths)], pa.large_list(pa.int32()))
    return Asking(ids, PreferenceJudge.of(config, resolve_model(str(TINY_JUDGE), None, None)))


def test_a_fixed_choice_never_waits_for_answers():
    asking = make([3, 0, 2])
    prompts = list(asking.prompts())
    assert len(prompts) == 5 and all(prompt is not None for prompt in prompts)
    ended = [asking.answer(float(i)) for i in range(5)]
    assert [document is not None for document in ended] == [False, False, True, False, True]
    verdicts = [document.verdict() for document in asking.documents()]
    assert [v.status for v in verdicts] == ["ok", "too_short", "ok"]
    assert [v.chunk_rewards for v in verdicts] == [[0, 1, 2], None, [3, 4]]
    assert [v.judged_chunks for v in verdicts] == [None, None, None]
    assert [v.stderr for v in verdicts] == [0.0, None, 0.0]


def test_a_clear_document_is_left_and_an_unclear_one_asked_about_to_its_end():
    asking = make([20, 20], adaptive={"threshold": 0.0, "min_chunks": 8, "order": "front"})
    source = asking.prompts()
    asked = []
    for prompt in source:
        if prompt is not None:
            asked.append(len(asked))
            continue
        # all answers of what is out: the first document is clear, the second is not
        for n in asked:
            document = asking._answering[0]
            first = document is asking.documents()[0]
            asking.answer(5.0 + n % 2 if first else (-1.0) ** n)
        asked = []
    for n in asked:
        asking.answer((-1.0) ** n)
    clear, unclear = (document.verdict() for document in asking.documents())
    assert clear.judged_chunks == list(range(8)) and clear.reward == 5.5 and clear.n_chunks == 8
    assert clear.stderr == np.float64(np.std([5, 6] * 4, ddof=1) / np.sqrt(8) * np.sqrt(1 - 8 / 20))
    assert unclear.judged_chunks is None and unclear.n_chunks == 20 and unclear.reward == 0.0


def test_judged_chunks_stand_in_the_documents_order():
    asking = make([5], chunks="random:3")
    count = len(list(asking.prompts()))
    for n in range(count):
        asking.answer(float(n))
    (document,) = asking.documents()
    verdict = document.verdict()
    assert count == 3 and verdict.judged_chunks == sorted(verdict.judged_chunks)
    assert verdict.chunk_rewards == [0, 1, 2] and verdict.n_chunks == 3
