"""Each way to make text worse, on texts small enough to check by eye."""

import hashlib
import random
import re

import pytest

from demo.spoil import UNSEEN
from rm_ray.pairs.config import KINDS, PairsConfig
from rm_ray.pairs.worsen.kinds import WORSENED
from rm_ray.pairs.worsen.lines import pieces_of
from rm_ray.pairs.worsen.phrases import LANGUAGES, PAGE_LINES

PLAIN = (
    "One fine day the small brown dog ran home. Then it slept for nine hours; nobody woke it.\n"
    "The harbour was quiet. Boats lay there, and men mended nets in the sun.\n"
)
TEXT = f"{PLAIN}Later the wind came up and everybody went inside to eat.\n"
OTHERS = [
    "Another text that is quite unlike it, in words and in length. " * 4,
    "A third one is about ships, and about those who build them.",
]


def test_the_help_names_every_kind():
    words = re.findall(r"\w+", PairsConfig.model_fields["kinds"].description)
    assert set(KINDS) <= set(words)


def worse(kind, seed=0, text=TEXT):
    return WORSENED[kind](text, random.Random(seed), OTHERS)


@pytest.mark.parametrize("kind", WORSENED)
def test_a_kind_is_seeded_and_changes_the_text(kind):
    found = [worse(kind, seed) for seed in range(8)]
    assert found == [worse(kind, seed) for seed in range(8)]
    assert TEXT not in found and len(set(found)) > 1
    assert all(0.15 * len(TEXT) < len(one) < 4 * len(TEXT) for one in found)


@pytest.mark.parametrize("kind", WORSENED)
@pytest.mark.parametrize("text", ["", " ", "word", "no end", "。", "\n\n\n", "漢字" * 40])
def test_a_kind_stands_any_text(kind, text):
    assert isinstance(worse(kind, text=text), str)


def test_the_kinds_of_before_draw_as_they_did():
    """Digests of what demo/spoil.py made of this text before its kinds came here."""
    before = {
        "shuffled": ["8787b170135a", "c7b6231e3ec9", "da58814d8202"],
        "repeated": ["44d5786cd9b0", "fe20bd2f1a6d", "92a059c6f254"],
        "noised": ["239eb3420670", "994e7f771e4f", "4d3f226c6218"],
        "spliced": ["f4482ece2882", "ede3367ccab5", "d2e4bdfd0143"],
        "sampled": ["c06d733861d5", "e6522e07bf9e", "4d4b84a3e8c8"],
    }
    for kind, digests in before.items():
        found = [worse(kind, seed, PLAIN * 3) for seed in range(3)]
        assert [hashlib.sha256(one.encode()).hexdigest()[:12] for one in found] == digests


def test_the_demos_unseen_kinds_are_not_among_them():
    assert not UNSEEN.keys() & WORSENED.keys()


def test_dropped_words_leaves_out_three_in_ten():
    text = " ".join(f"w{i}" for i in range(10_000))
    left = worse("dropped_words", text=text).split()
    assert 6_800 < len(left) < 7_200
    rest = iter(text.split())
    assert all(word in rest for word in left)  # in the order in which they were
    by_hand = random.Random(3)
    kept = [word for word in ["a", "b", "c", "d", "e", "f"] if by_hand.random() >= 0.3]
    assert worse("dropped_words", 3, "a b c d e f").split() == kept


def test_doubled_lines_has_lines_twice_one_after_the_other():
    for seed in range(5):
        lines = worse("doubled_lines", seed).splitlines()
        once = [line for i, line in enumerate(lines) if not i or line != lines[i - 1]]
        assert once == TEXT.splitlines() and len(lines) > 3
    sentences = worse("doubled_lines", text="It rained. We stayed. He sang. ")
    assert re.search(r"(It rained\.|We stayed\.|He sang\.) +\1", sentences)


def test_missing_lines_keeps_some_in_order():
    for seed in range(8):
        lines = worse("missing_lines", seed).splitlines()
        rest = iter(TEXT.splitlines())
        assert 0 < len(lines) < 3 and all(line in rest for line in lines)


def test_lines_take_blank_ones_along_and_make_up_the_text():
    text = "one\n\n  \ntwo\nthree\n\n"
    assert pieces_of(text) == ["one\n\n  \n", "two\n", "three\n\n"]
    assert pieces_of("a b. c d. e f.") == ["a b.", " c d.", " e f."]
    words = "word " * 30
    assert [len(piece.split()) for piece in pieces_of(words)] == [12, 12, 6]
    assert "".join(pieces_of(words)) == words


def test_boilerplate_puts_lines_of_a_page_before_and_behind_sentences():
    lines = worse("boilerplate").splitlines()
    assert lines[0] in PAGE_LINES
    own = [line for line in lines if line not in PAGE_LINES]
    assert len(own) < len(lines) and re.sub(r"\s", "", "".join(own)) == re.sub(r"\s", "", TEXT)


def test_line_ends_moves_only_white_space():
    ways = {worse("line_ends", seed) for seed in range(12)}
    assert {re.sub(r"\s", "", one) for one in ways} == {re.sub(r"\s", "", TEXT)}
    counts = sorted(one.count("\n") for one in ways)
    assert counts[0] == 0 and counts[-1] > 3 * TEXT.count("\n")


def test_mixed_languages_keeps_stretches_and_puts_words_of_others_between():
    foreign = {word for words in LANGUAGES.values() for word in words}
    words, real = worse("mixed_languages", text=TEXT * 5).split(), (TEXT * 5).split()
    assert len(words) == len(real)
    changed = [new for new, old in zip(words, real, strict=True) if new != old]
    assert 0.25 * len(real) < len(changed) < 0.75 * len(real) and set(changed) <= foreign


def test_truncated_words_lose_their_ends():
    for new, old in zip(worse("truncated_words").split(), TEXT.split(), strict=True):
        assert new == old or (len(new) >= 2 and old.startswith(new.rstrip(".,;")))
    assert worse("truncated_words", text="the cat sat") == "the cat sat"  # of three letters
