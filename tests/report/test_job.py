"""What the job itself says of the keys that it was given."""

import logging
from types import SimpleNamespace

from rm_ray.report.job import _warn_of_accepted


def warned(caplog, accept):
    caplog.clear()
    config = SimpleNamespace(night="n05", baseline=SimpleNamespace(accept=accept))
    with caplog.at_level(logging.WARNING):
        _warn_of_accepted(config, [SimpleNamespace(night=night) for night in ("n02", "n04")])
    return caplog.text


def test_an_accepted_night_that_is_not_there_is_warned_of(caplog):
    assert "baseline.accept: a: there is no night n03 in the history" in warned(
        caplog, {"a": "n03"}
    )
    for there in ("n02", "n04", "n05", "n01"):  # n01 may have been deleted since
        assert warned(caplog, {"a": there}) == ""
