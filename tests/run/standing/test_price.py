"""Hours and dollars as people read them."""

import pytest

from rm_ray.run.standing.price import Price, dollars


def test_two_gpus_for_half_an_hour_are_one_gpu_hour():
    price = Price(gpus=2, per_hour=2.5)
    assert price.hours(1800) == 1 and price.money(1) == 2.5
    assert price.text(1) == "1 GPU hours, $2.50"


def test_an_engine_on_cpu_is_counted_whole_and_asked_about_only_where_it_has_a_price():
    assert Price(gpus=0).hours(3600) == 1
    assert not Price(gpus=0).is_asked and Price(0, 0.1).is_asked and Price(0.25).is_asked
    assert Price(gpus=0).text(0.5) == "0.5 engine hours"


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (1234.5, "1,234 GPU hours"),
        (99.94, "99.9 GPU hours"),
        (0.01234, "0.0123 GPU hours"),
        (0.0000924, "0.0000924 GPU hours"),
        (0, "0 GPU hours"),
    ],
)
def test_hours(hours, text):
    assert Price(gpus=1).text(hours) == text


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (0, "$0.00"),
        (0.00123, "$0.0012"),
        (0.0000321, "$0.000032"),
        (0.1, "$0.10"),
        (53.4, "$53.40"),
        (12345.6, "$12,346"),
    ],
)
def test_dollars(money, text):
    assert dollars(money) == text
