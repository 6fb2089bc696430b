import pytest

from rm_ray.run.faults.tails import Tails


def test_a_tail_is_from_the_first_engines_last_shard_to_the_last_ones():
    tails = Tails()
    for process, now in (("a", 1.0), ("b", 2.0), ("a", 5.0), ("b", 9.5), ("c", 7.0)):
        tails.done(process, now)
    assert tails.seconds == 0  # the round goes on
    tails.end_round()
    assert tails.seconds == pytest.approx(4.5)
    tails.done("a", 20.0)
    tails.end_round()  # one engine has no tail, and the rounds before count on
    assert tails.seconds == pytest.approx(4.5)


def test_an_engine_whose_process_ended_was_not_idle():
    tails = Tails()
    tails.done("a", 1.0)
    tails.ended("a")
    tails.ended("nobody")
    tails.done("b", 9.0)
    tails.end_round()
    assert tails.seconds == 0
