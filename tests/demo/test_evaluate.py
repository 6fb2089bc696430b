"""AUC and baselines by hand."""

import pytest

from demo.evaluate import auc, compare, zlib_ratio


def test_auc_by_hand():
    assert auc([3, 4], [1, 2]) == 1.0
    assert auc([1, 2], [3, 4]) == 0.0
    assert auc([1, 3], [2]) == 0.5
    assert auc([1], [1]) == 0.5  # a tie is half a win


def test_zlib_ratio_is_low_for_repetition():
    assert zlib_ratio("ab" * 500) < 0.05 < zlib_ratio("q8Zx!mP2") and zlib_ratio("") > 0


def test_comparison_by_hand():
    kinds = ["real", "real", "noise", "loop"]
    texts = ["some words", "other words", "xq", "aaaaaaaaaaaaaaaaaaaaaaaa"]
    rows = compare(kinds, texts, [1.0, 0.5, 0.8, -2.0])
    assert [row.kind for row in rows] == ["loop", "noise", "all kinds"]
    assert [row.documents for row in rows] == [1, 1, 2]
    assert [row.reward for row in rows] == [1.0, 0.5, 0.75]
    assert rows[2].mean_reward == pytest.approx(-0.6)
    assert rows[2].length == 0.5 and rows[0].length + rows[1].length == 1.0
