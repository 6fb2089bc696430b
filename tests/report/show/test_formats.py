"""Figures as people read them."""

import math

import numpy as np
import pytest

from rm_ray.report.show import formats


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.8312, "0.831"), (12.345, "12.3"), (1234.5, "1,234"), (0.0449, "0.045"), (0.0, "0"),
        (-0.0, "0"), (-2.5, "−2.50"), (0.0001, "<0.001"), (-0.0001, ">−0.001"), (None, "–"),
        (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_number(value, said):
    assert formats.number(value) == said


def test_signs():
    assert formats.signed(0.02) == "+0.020"
    assert formats.signed(-0.02) == "−0.020"
    assert formats.signed(0.0) == "0"
    assert [formats.change(ratio) for ratio in (0.031, 0.0, -0.5)] == ["+3.1%", "0.0%", "−50.0%"]
    assert formats.fixed(-0.001, 2) == "0.00"


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.5, "50.0%"), (0.0001, "<0.1%"), (0.99999, ">99.9%"), (1.0, "100.0%"), (0.0, "0.0%")],
)
def test_percent(share, said):
    assert formats.percent(share) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.565400004386902, "1.5654"), (-2.25, "-2.25"), (65504.0, "65504"), (0.7, "0.7"),
        (-0.0, "0"), (1e-5, "0.00001"), (16777217.0, "16777216"),
    ],
)  # fmt: skip
def test_exact_is_short_and_reads_back(value, said):
    assert formats.exact(value) == said
    assert np.float32(said) == np.float32(value)


def test_exact_reads_back_whatever_the_number():
    rng = np.random.default_rng(3)
    numbers = rng.integers(0, 1 << 32, 20_000, np.uint64).astype(np.uint32).view(np.float32)
    for number in numbers[np.isfinite(numbers)]:
        assert np.float32(formats.exact(float(number))) == number


def test_whole_percent():
    changes = [formats.whole_percent(ratio) for ratio in (-0.5, 0.249, 12.5, 0.0)]
    assert changes == ["−50%", "+25%", "+1,250%", "+0%"]


def test_digits_follow_the_spread():
    assert [formats.places(sd) for sd in (130.0, 1.3, 0.09, 0.0)] == [0, 2, 4, 2]


def test_a_long_name_loses_its_middle():
    assert formats.name("commoncrawl-2026-46-en", 12) == "commonc…6-en"
    assert formats.name("日本語の長い名前です", 9) == "日本…す"
    assert formats.name(" \n ", 9) == "(empty)"


def test_control_characters_are_shown():
    assert formats.clean("a\x00\x1b\x7f\ud800\r\n\tb") == "a␀␛␡\ufffd\n\tb"
