"""The share of the documents that a rule keeps."""

import numpy as np
import pytest

from rm_ray.filter.config import RuleConfig
from rm_ray.select.shares import kept_shares, share_beforehand

REWARDS = np.array([4.0, 3.0, 2.0, 1.0, 9.0, 8.0, 7.0, 6.0])
TOKENS = np.array([10, 20, 30, 40, 100, 100, 100, 100])
GROUPS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
LABELS = ['["a"]', '["b"]']


def shares(sampled=0.5, **rule):
    return kept_shares(
        RuleConfig(**rule, by="lang"),
        LABELS,
        GROUPS,
        rewards=REWARDS,
        tokens=TOKENS,
        sampled=sampled,
    )


def test_the_share_of_each_kind_of_rule_by_hand():
    assert shares(keep_fraction=0.3) == [0.3, 0.3]
    assert shares(keep_fraction={"a": 0.25, "*": 0.5}) == [0.25, 0.5]
    # 4 of the corpus are 2 of the sample, of 4
    assert shares(keep_documents=4) == [0.5, 0.5]
    # 60 tokens of the corpus are 30 of the sample: the documents of 10 and 20; none of 100
    assert shares(keep_tokens=60) == [0.5, 0.125]
    # half of 100 tokens: the documents of 10 and 20; half of 400: two of 100
    assert shares(keep_fraction=0.5, weight="tokens") == [0.5, 0.5]


def test_a_group_that_keeps_nothing_or_all_has_a_share_beyond_its_documents():
    assert shares(keep_documents=1000) == [1 - 1 / 8, 1 - 1 / 8]
    assert shares(keep_documents=0) == [1 / 8, 1 / 8]


def test_what_is_known_beforehand():
    assert share_beforehand(RuleConfig(keep_fraction=0.2), 100) == 0.2
    assert share_beforehand(RuleConfig(keep_fraction=0.9), 100) == pytest.approx(0.1)
    assert share_beforehand(RuleConfig(keep_documents=5), 100) == pytest.approx(0.05)
    assert share_beforehand(RuleConfig(keep_documents=95), 100) == pytest.approx(0.05)
    assert share_beforehand(RuleConfig(min_reward=1.0), 100) == 0.1
    assert share_beforehand(RuleConfig(keep_tokens=5), 100) == 0.1
