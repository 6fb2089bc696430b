"""Bunches of documents, by hand and over any lengths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rm_ray.score import bunches
from rm_ray.score.bunches import Bunch, Bunches


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [0.0]
    monkeypatch.setattr(bunches.time, "monotonic", lambda: now[0])
    return now


def test_an_engine_of_unknown_speed_gets_small_bunches(clock):
    some = Bunches(np.array([10_000, 6_384, 1, 40_000, 5]))
    assert some.begin(0) == (Bunch(0, 2, 2), True)
    assert some.begin(1) == (Bunch(0, 2, 2), False)
    assert some.begin(2) == (Bunch(2, 3, 1), True)
    assert some.begin(3) == (Bunch(3, 4, 1), True)  # longer than a bunch: a bunch by itself
    assert some.begin(4) == (Bunch(4, 5, 1), True)


def test_a_bunch_of_a_fast_engine_is_two_seconds_of_its_work(clock):
    some = Bunches(np.array([1_000] * 10_000))
    assert some.begin(0)[0] == Bunch(0, 16, 16)
    for _ in range(16):
        some.ended(1_000)
    clock[0] = 0.1  # 160 documents a second
    assert some.begin(16)[0] == Bunch(16, 336, 320)
    clock[0] = 1.0  # 16 documents a second
    assert some.begin(336)[0] == Bunch(336, 368, 32)
    clock[0] = 10.0
    assert some.begin(368)[0] == Bunch(368, 384, 16)


def test_short_documents_of_a_fast_engine_are_as_many_as_it_does(clock):
    some = Bunches(np.array([1] * 10_000))
    assert some.begin(0)[0] == Bunch(0, 256, 256)
    for _ in range(256):
        some.ended(1)
    clock[0] = 1.0
    assert some.begin(256)[0] == Bunch(256, 768, 512)
    clock[0] = 1e-3
    assert some.begin(768)[0] == Bunch(768, 1792, 1024)


@given(st.lists(st.integers(0, 40_000), max_size=600), st.integers(0, 50))
def test_every_document_is_in_one_bunch(lengths, ended_each):
    some, begun = Bunches(np.array(lengths, np.int64)), []
    for position in range(len(lengths)):
        bunch, is_first = some.begin(position)
        assert bunch.start <= position < bunch.stop and bunch.left == bunch.stop - bunch.start
        begun += [bunch] * is_first
        for _ in range(ended_each):
            some.ended(10_000)
    stops = [bunch.stop for bunch in begun]
    assert [bunch.start for bunch in begun] == [0, *stops][: len(begun)]
    assert stops[-1:] == ([len(lengths)] if lengths else [])
