"""From rewards to probabilities: known answers, documents of chunks, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pytest

from rm_ray.errors import JudgeError
from rm_ray.judges.calibration import ELSE, RAW, Calibration, CalibrationCurve, fit

MAP = CalibrationCurve(x=(0.0, 2.0), p=(0.2, 0.8))


def calibration(**changes) -> Calibration:
    known = {"method": "isotonic", "unit": "chunk", "by": None, "maps": {ELSE: MAP}}
    return Calibration(
        **(known | {"model": "sha256:m", "asked": {"family": "preference"}} | changes)
    )


def test_isotonic_pools_what_falls():
    """Pool adjacent violators by hand: 0 | 1 0 -> 1/2 | 1, cut off at 1/5 and 4/5 of four texts."""
    rewards = np.array([0.0, 1.0, 2.0, 3.0])
    found = fit("isotonic", rewards, np.array([False, True, False, True]))
    assert found.of(rewards).tolist() == [0.2, 0.5, 0.5, 0.8]
    assert found.of(np.array([-9.0, 0.5, 9.0])).tolist() == [0.2, 0.35, 0.8]


def test_isotonic_takes_equal_rewards_together():
    rewards = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    found = fit("isotonic", rewards, np.array([True, False, False, False, True]))
    assert found.of(np.array([1.0, 2.0])).tolist() == [0.25, 5 / 6]


def test_platt_finds_the_logistic_function_that_made_the_labels():
    rng = np.random.default_rng(0)
    rewards = rng.normal(0, 2, 40_000)
    good = rng.random(40_000) < 1 / (1 + np.exp(-(1.5 * rewards - 0.7)))
    found = fit("platt", rewards, good)
    assert (found.slope, found.intercept) == (
        pytest.approx(1.5, abs=0.05),
        pytest.approx(-0.7, abs=0.05),
    )


def test_platt_stays_finite_where_labels_are_parted_and_never_falls():
    rewards = np.array([-2.0, -1.0, 1.0, 2.0])
    parted = fit("platt", rewards, rewards > 0)
    assert 0 < parted.slope < 10
    assert fit("platt", rewards, rewards < 0).slope == 0.0


def test_raw_rewards_are_log_odds():
    assert RAW.of(np.array([0.0, np.log(3)])).tolist() == pytest.approx([0.5, 0.75])


def rows(**more) -> pa.Table:
    return pa.table(
        {
            "reward": pa.array([1.0, None, 2.0], pa.float32()),
            "chunk_rewards": [[0.0, 2.0], None, [2.0]],
            **more,
        }
    )


def test_a_document_has_the_mean_of_its_chunks_probabilities():
    """And not the probability of their mean, where the map was fitted on chunks."""
    curved = CalibrationCurve(x=(0.0, 1.0, 2.0), p=(0.0, 0.1, 1.0))
    found = calibration(maps={ELSE: curved}).p_chosen(rows())
    assert found.to_pylist() == [0.5, None, 1.0] and found.type == pa.float32()
    of_documents = calibration(maps={ELSE: curved}, unit="document").p_chosen(rows())
    assert of_documents.to_pylist() == [pytest.approx(0.1), None, 1.0]


def test_each_source_has_its_map_and_others_have_the_common_one():
    by = calibration(
        by="lang", unit="document", maps={ELSE: MAP, "en": CalibrationCurve(x=(0.0,), p=(0.3,))}
    )
    told = rows(lang=["en", "en", "de"])
    assert by.p_chosen(told).to_pylist() == [pytest.approx(0.3), None, pytest.approx(0.8)]
    none = rows(lang=pa.nulls(3, pa.string()))
    assert by.p_chosen(none).to_pylist() == [pytest.approx(0.5), None, pytest.approx(0.8)]
    assert len(by.p_chosen(told.slice(0, 0))) == 0


def test_what_is_stored_is_read_back():
    for one in (
        calibration(),
        calibration(maps={ELSE: CalibrationCurve(slope=2.0, intercept=-1.0)}),
    ):
        data = json.dumps(one.to_dict() | {"more": 1}).encode()
        assert Calibration.from_json(data, "here") == one
        assert Calibration.from_json(data, "here").digest == one.digest
    other = calibration(maps={ELSE: CalibrationCurve(x=(0.0,), p=(0.3,))})
    assert other.digest != calibration().digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "x"}, "its format is x"),
        ({"maps": {}}, "it has no map"),
        ({"maps": {"*": {"x": [2.0, 1.0], "p": [0.0, 1.0]}}}, "not in order"),
    ],
)
def test_a_damaged_one_is_refused(change, said):
    data = json.dumps(calibration().to_dict() | change).encode()
    with pytest.raises(JudgeError, match=f"folder/calibration.json cannot be read.*{said}"):
        Calibration.from_json(data, "folder/calibration.json")


def test_that_of_another_judge_is_refused():
    found = calibration()
    found.check("sha256:m", {"family": "preference"}, "here")
    with pytest.raises(JudgeError, match="fitted for another model"):
        found.check("sha256:other", {"family": "preference"}, "here")
    with pytest.raises(
        JudgeError, match=r"fitted with judge\.chunk_tokens None, and here it is 32"
    ):
        found.check("sha256:m", {"family": "preference", "judge.chunk_tokens": 32}, "here")


@pytest.mark.parametrize(
    ("key", "fitted", "asked"),
    [
        ("judge.reduction", "softmax:1", "softmax:0"), ("judge.alpha", 1.0, 10.0),
        ("judge.weights", [0.0, 1.0], [1.0, 0.0]), ("judge.max_tokens", 512, 4096),
        ("chat template", "sha256:a", "sha256:b"), ("judge.chunks", "all", "first:1"),
    ],
)  # fmt: skip
def test_rewards_on_another_scale_are_refused(key, fitted, asked):
    found = calibration(unit="document", asked={"family": "classifier", key: fitted})
    found.check("sha256:m", {"family": "classifier", key: fitted}, "here")
    with pytest.raises(JudgeError, match=f"fitted with {key} .*, and here it is"):
        found.check("sha256:m", {"family": "classifier", key: asked}, "here")


def test_a_map_of_single_chunks_holds_whichever_chunks_are_judged():
    found = calibration(asked={"family": "preference", "judge.chunks": "all"})
    found.check("sha256:m", {"family": "preference", "judge.chunks": "first:1"}, "here")
