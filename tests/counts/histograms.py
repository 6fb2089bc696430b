"""Histograms of rewards that a test chooses, and floats to choose them from."""

import numpy as np
from hypothesis import strategies as st

from rm_ray.counts.histograms import Histogram, Histograms

FLOATS = st.floats(-1e6, 1e6, width=32)


def histogram(rewards, tokens=None) -> Histogram:
    rewards = np.asarray(rewards, np.float32)
    tokens = np.ones(len(rewards), np.int64) if tokens is None else np.asarray(tokens, np.int64)
    return Histograms.of(np.zeros(len(rewards), np.int64), rewards, tokens).of_group(0)
