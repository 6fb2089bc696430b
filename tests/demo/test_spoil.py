"""Each way to make text worse, on texts small enough to check by eye."""

import random
import re

import pytest

from demo.spoil import TRAINING, UNSEEN, backwards, menu, misread
from rm_ray.pairs.worsen.rearranged import repeated, shuffled

TEXT = "One fine day the small brown dog ran home. Then it slept."


def spoil(function, seed=0, text=TEXT):
    return function(text, random.Random(seed), ["Another text that is quite unlike it " * 5])


@pytest.mark.parametrize("kind", [*TRAINING, *UNSEEN])
def test_a_kind_is_seeded_changes_the_text_and_keeps_its_length_in_sight(kind):
    function = (TRAINING | UNSEEN)[kind]
    text = TEXT * 10
    junk = spoil(function, 1, text)
    assert junk == spoil(function, 1, text) and junk != text
    assert 0.8 * len(text) <= len(junk) <= 1.2 * len(text)


def test_at_least_two_kinds_are_never_trained_on():
    assert len(UNSEEN) >= 2 and not UNSEEN.keys() & TRAINING.keys()


def test_shuffled_keeps_the_words():
    assert sorted(spoil(shuffled).split()) == sorted(TEXT.split())


def test_repeated_is_one_passage_again_and_again():
    junk = spoil(repeated, text=TEXT * 10)
    assert any(junk == (junk[:n] * len(junk))[: len(junk)] for n in range(1, len(junk) // 2 + 1))


def test_backwards_by_hand():
    assert spoil(backwards) == "home. ran dog brown small the day fine One slept. it Then"


def test_menu_has_the_links_of_every_page():
    assert re.search(r"(\||\n\*|»|\n-)", spoil(menu, text=TEXT * 5))


def test_misread_confuses_letters():
    assert spoil(misread, text="m" * 50).count("rn") > 3
