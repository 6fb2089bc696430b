"""What stands around contents, and what is cut off."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rm_ray.judges.encoding import encode, load_plain, load_tokenizer
from rm_ray.judges.frame import Fitting, Frame, longest_first
from tests import checkpoints


@pytest.fixture(scope="module")
def word_pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("word-pieces")
    checkpoints.word_pieces(folder)
    return (folder / "tokenizer.json").read_text()


def test_a_frame_is_what_the_tokenizer_puts_around_a_text(word_pieces, tiny_tokenizer):
    tokenizer, plain = load_tokenizer(word_pieces), load_plain(word_pieces)
    assert Frame.of_text(tokenizer, plain) == Frame((2,), (), (3,))
    assert Frame.of_pair(tokenizer, plain) == Frame((2,), (3,), (3,))
    assert Frame.of_text(tiny_tokenizer, tiny_tokenizer) == Frame()


def prompts(fitting, ids):
    numbers = range(len(fitting.sizes(len(ids))))
    return [one.tolist() for one in fitting.prompts(np.asarray(ids, np.int32), numbers)]


def test_a_long_document_loses_its_end_or_its_beginning():
    frame = Frame((101,), (), (102,))
    ids = [1, 2, 3, 4, 5]
    assert prompts(Fitting(frame, 5), ids) == [[101, 1, 2, 3, 102]]
    assert prompts(Fitting(frame, 5, "left"), ids) == [[101, 3, 4, 5, 102]]
    assert prompts(Fitting(frame, 7), ids) == [[101, *ids, 102]]
    assert Fitting(frame, 5).truncated(5) == 2 and Fitting(frame, 7).truncated(5) == 0
    assert prompts(Fitting(frame, 5), []) == []


def test_windows_hold_all_of_it():
    fitting = Fitting(Frame((101,), (), (102,)), 4, windows=True)
    assert prompts(fitting, [1, 2, 3, 4, 5]) == [[101, 1, 2, 102], [101, 3, 4, 102], [101, 5, 102]]
    assert fitting.sizes(5) == [2, 2, 1] and fitting.truncated(5) == 0


def test_of_a_pair_the_longer_half_loses_first():
    frame = Frame((101,), (102,), (102,))
    # 8 in all: 5 of contents
    assert prompts(Fitting(frame, 8), [1, 2, 102, 3, 4, 5, 6, 7]) == [
        [101, 1, 2, 102, 3, 4, 5, 102]
    ]
    assert prompts(Fitting(frame, 8, "left"), [1, 2, 102, 3, 4, 5, 6, 7]) == [
        [101, 1, 2, 102, 5, 6, 7, 102]
    ]
    assert Fitting(frame, 8).truncated(8) == 2


@given(st.integers(0, 30), st.integers(0, 30), st.integers(4, 40))
def test_halves_are_cut_as_the_tokenizers_library_cuts_them(word_pieces, first, second, most):
    tokenizer = Tokenizer.from_str(word_pieces)
    tokenizer.post_processor = None
    tokenizer.enable_truncation(most, strategy="longest_first")
    words = "the " * first, "of " * second
    kept = tokenizer.encode(*words).ids
    the, of = (encode(load_plain(word_pieces), word)[0] for word in ("the", "of"))
    assert longest_first(first, second, most) == (kept.count(the), kept.count(of))
