"""Groups of one night, tonight or before, with the documents that a test chooses."""

import numpy as np

from rm_ray.counts.moments import moments_of
from rm_ray.report.compare.history import GroupResult, PastGroup
from rm_ray.report.measure.nights import GroupNight
from tests.counts.histograms import histogram


def group(label, rewards, failed=0) -> GroupNight:
    rewards = np.asarray(rewards, np.float32)
    (moments,) = moments_of(np.zeros(len(rewards), np.int64), rewards, 1)
    statuses = {"ok": len(rewards)} | ({"failed": failed} if failed else {})
    total = len(rewards) + failed
    return GroupNight(label, total, total, statuses, moments, histogram(rewards))


def past(label, documents, tokens=None, scored=None) -> PastGroup:
    """A quiet night; a token a document, and each with a reward, if nothing else is said."""
    tokens = documents if tokens is None else tokens
    return PastGroup(
        label, documents, 0.0, {}, GroupResult(), tokens, documents if scored is None else scored
    )


def steady(label, documents=400, **more) -> tuple[PastGroup, ...]:
    """Ten nights, a little more and a little less than so many documents."""
    return tuple(past(label, documents + way * 4, **more) for way in (-2, -1, 0, 1, 2) * 2)
