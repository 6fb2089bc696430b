"""Asking look by look, with answers known by hand."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.judges.preference.rule_file import ALL, CalibratedRule
from rm_ray.judges.preference.stopping import Band, Forecast, StopTable, Strictness
from rm_ray.score import bunches
from rm_ray.score.asking import Asking
from tests.conftest import tiny_judge
from tests.score.notes import Notes


class Engine:
    """Holds `room` prompts; a step answers the newest, by its document's next number."""

    def __init__(self, room, numbers):
        self._room, self._numbers = room, [iter(some) for some in numbers]
        self._in_flight = []
        self.asked = Counter()

    @property
    def has_room(self):
        return len(self._in_flight) < self._room

    def add(self, key, prompt):
        document = int(prompt[-1])
        self.asked[document] += 1
        # the tiny judge's markers stand last: the document's tokens are its number
        self._in_flight.append((key, np.float32([next(self._numbers[document]), 0])))

    def step(self):
        return [self._in_flight.pop()]


def documents(lengths):
    """Documents of so many chunks of 2 tokens; the tokens are the document's number."""
    return pa.array([[d] * 2 * n for d, n in enumerate(lengths)], pa.large_list(pa.int32()))


def ask(lengths, numbers, room=4, firsts=(), rule=None, **judge):
    """The verdicts, what was asked of each document, and what the listener was told."""
    settings = {"chunk_tokens": 2, "context_tokens": 8, "after_chunk": "", "before_chunk": ""}
    _, half = tiny_judge(**settings | judge)
    half = half.with_rule(rule) if rule else half
    notes, engine = Notes(), Engine(room, numbers)
    judges = [half.for_document(first, ALL) for first in firsts or [0] * len(lengths)]
    return Asking(documents(lengths), judges, notes).through(engine), engine.asked, notes


@pytest.mark.parametrize("room", [1, 2, 100])
def test_answers_in_any_order_make_each_documents_verdict(room):
    verdicts, asked, notes = ask([3, 0, 2], [[0, 1, 2], [], [3, 4]], room)
    assert [v.status for v in verdicts] == ["ok", "too_short", "ok"]
    assert [v.more.get("chunk_rewards") for v in verdicts] == [[0, 1, 2], None, [3, 4]]
    assert [v.more.get("judged_chunks") for v in verdicts] == [None, None, None]
    assert [v.more.get("reward_stderr") for v in verdicts] == [0.0, None, 0.0]
    assert asked == {0: 3, 2: 2} and notes.steps == 5
    assert sorted(notes.ends) == [(0, 0), (4, 2), (6, 3)]
    assert notes.begun == [(0, 3)] and notes.answers == [(0, 2)]


def test_a_clear_document_is_left_and_an_unclear_one_asked_about_to_its_end():
    clear, unclear = [5.0, 6.0] * 10, [1.0, -1.0] * 10
    # after 8 chunks the mean of the rest is expected to be that of the first 8, within 1
    table = StopTable((Forecast(8, 0.0, (1.0,), 1.0, 0.0),), Strictness(2.0, 2.0))
    rule = CalibratedRule(table, by=(), bands={ALL: Band(0.0, 0.0)}, judge={})
    (one, other), _, _ = ask([20, 20], [clear, unclear], rule=rule)
    assert one.more["judged_chunks"] == list(range(8)) and one.reward == 5.5
    assert one.more["n_chunks"] == 8
    spread = np.std([5, 6] * 4, ddof=1)
    assert one.more["reward_stderr"] == np.float64(spread / np.sqrt(8) * np.sqrt(1 - 8 / 20))
    assert other.more["judged_chunks"] is None and other.more["n_chunks"] == 20
    assert other.reward == 0.0


def test_a_document_that_was_begun_is_asked_about_from_there_on():
    verdicts, asked, _ = ask([5, 3, 2], [[7, 8], [1, 2, 3], []], firsts=[3, 0, 2])
    assert asked == {0: 2, 1: 3}
    assert [v.more.get("judged_chunks") for v in verdicts] == [[3, 4], None, None]
    assert verdicts[0].more["chunk_rewards"] == [7, 8] and verdicts[1].reward == 2
    assert verdicts[2].status == "too_short"


def test_judged_chunks_stand_in_the_documents_order():
    (verdict,), asked, _ = ask([5], [[0, 1, 2]], room=1, chunks="random:3")
    chunks = verdict.more["judged_chunks"]
    assert asked == {0: 3} and len(chunks) == 3 and chunks == sorted(chunks)
    assert verdict.more["chunk_rewards"] == [0, 1, 2] and verdict.more["n_chunks"] == 3


def test_whoever_listens_knows_which_documents_are_in_the_engine(monkeypatch):
    monkeypatch.setattr(bunches, "BUNCH_TOKENS", 8)
    monkeypatch.setattr(bunches, "BUNCH_SECONDS", 0)
    _, _, notes = ask([2, 2, 3, 9, 1], [[0] * n for n in (2, 2, 3, 9, 1)], room=1)
    assert notes.begun == [(0, 2), (2, 3), (3, 4), (4, 5)]  # the fourth is a bunch by itself
    assert notes.answers == [(0, 2), (2, 1), (3, 1), (4, 1)]


def test_an_answer_that_is_no_number_scores_nobody():
    (verdict,), _, notes = ask([2], [[1, float("nan")]])
    assert verdict.status == "failed" and verdict.reward is None
    assert verdict.error == "the engine returned nan for chunk 1"
    assert notes.answers == [(0, 0)]
