"""The audit: what the chain would have decided, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest

from rm_ray.judges.preference.stopping import Band, Forecast, StopTable, Strictness
from rm_ray.select.statistics.audit import Share, audit
from rm_ray.select.statistics.chain import Chain
from tests.select.simulated import sample_of

SURE = StopTable((Forecast(1, 0.0, (1.0,), 0.0, 0.0),), Strictness(1.0, 1.0))
# rewards 5, -5, -1 (kept early), 1 (dropped early), 0 (in doubt)
DOCUMENTS = sample_of(np.array([[5.0, 5], [-5, -5], [2, -4], [-2, 4], [0, 0]]))


def test_wrong_decisions_are_counted_against_the_cut():
    everyone, each = audit(Chain(SURE, (Band(-1.0, 1.0),)), DOCUMENTS, (0.0,))
    assert everyone.wrong_keeps == Share.of(1, 5) and everyone.wrong_drops == Share.of(1, 5)
    assert everyone.kept == Share.of(3, 5) and everyone.decided == Share.of(4, 5)
    assert each == [everyone]
    # the textbook's 95% interval of 1 of 5
    assert (everyone.wrong_keeps.low, everyone.wrong_keeps.high) == pytest.approx(
        (0.0051, 0.7164), abs=1e-4
    )


def test_each_group_is_counted_against_its_own_cut():
    groups = np.array([0, 0, 1, 1, 1], np.int32)
    chain = Chain(SURE, (Band(-1.0, 1.0), Band(-1.0, 1.0), Band(-1.0, 1.0)))
    everyone, each = audit(chain, replace(DOCUMENTS, groups=groups), (0.0, -1.0, 0.0))
    assert everyone.wrong_keeps.found == 0 and everyone.wrong_drops.found == 1
    assert [one.kept for one in each] == [Share.of(1, 2), Share.of(3, 3), Share.of(0, 0)]
    assert [one.wrong_drops.found for one in each] == [0, 1, 0]
