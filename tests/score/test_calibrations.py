"""Where a judge's calibration is looked for, and what is refused."""

import json
import shutil

import pytest

from rm_ray.config import InputConfig
from rm_ray.engines.fetch import wanted
from rm_ray.engines.identity import hash_folder, sample_folder
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.judges.calibration import ELSE, Calibration, CalibrationCurve
from rm_ray.judges.families import build_judge
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.score.calibrations import calibration_folder, find_calibration
from rm_ray.store.folder import Folder
from tests.conftest import TINY_JUDGE


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY_JUDGE, tmp_path / "judge")


def look(folder, keep=(), **keys):
    asked = PreferenceConfig(model=str(folder), context_tokens=1024, **keys)
    model = resolve_model(asked.model, None)
    tokenizer, judge = build_judge(asked, InputConfig(path="unused"), model)
    made_by = {**tokenizer.fingerprint(), **judge.fingerprint()}
    return find_calibration(asked, model, made_by, list(keep))


def stored(folder, by=None, **changes) -> bytes:
    """A calibration of the judge in a folder."""
    asked = PreferenceConfig(model=str(folder), context_tokens=256)
    model = resolve_model(asked.model, None)
    _, judge = build_judge(asked, InputConfig(path="unused"), model)
    keys = ("family", "label_ids", "judge.before_chunk", "judge.after_chunk", "judge.chunk_tokens")
    known = {key: judge.fingerprint()[key] for key in keys}
    maps = {ELSE: CalibrationCurve(x=(0.0,), p=(0.3,))}
    found = Calibration("platt", "chunk", by, maps, model.identity, known | changes)
    return json.dumps(found.to_dict()).encode()


def test_it_lies_beside_the_model_and_is_no_part_of_it(folder):
    before = hash_folder(folder), dict(sample_folder(folder))
    assert look(folder) is None
    (folder / "calibration.json").write_bytes(stored(folder))
    assert (hash_folder(folder), dict(sample_folder(folder))) == before
    assert "calibration.json" not in wanted(["config.json", "calibration.json"], code=False)
    found = look(folder)  # contexts may be longer than where it was fitted
    assert found is not None and found.maps[ELSE].p == (0.3,)
    assert look(folder, calibration="none") is None


def test_another_folder_may_be_named(folder, tmp_path):
    (tmp_path / "own").mkdir()
    with pytest.raises(JudgeError, match=r"there is no .*/own/calibration.json; give its folder"):
        look(folder, calibration=str(tmp_path / "own"))
    (tmp_path / "own" / "calibration.json").write_bytes(stored(folder))
    assert look(folder, calibration=str(tmp_path / "own")) is not None


def test_one_in_a_store_is_read_there(folder, s3_bucket):
    place = f"s3://{s3_bucket}/a-judge"
    assert Folder(place).create("calibration.json", stored(folder))
    assert look(folder, calibration=place) is not None
    assert calibration_folder("owner/model", PreferenceConfig(model="x").storage) is None


def test_that_of_another_judge_is_refused(folder):
    place = folder / "calibration.json"
    place.write_bytes(stored(folder, **{"judge.chunk_tokens": 32}))
    with pytest.raises(JudgeError, match="chunk_tokens 32, and here it is 64"):
        look(folder)
    place.write_bytes(stored(folder).replace(b"sha256:", b"sha256:0"))
    with pytest.raises(JudgeError, match="fitted for another model"):
        look(folder)
    place.write_bytes(b"{")
    with pytest.raises(JudgeError, match="cannot be read"):
        look(folder)


def test_one_by_source_needs_the_column(folder):
    (folder / "calibration.json").write_bytes(stored(folder, by="source"))
    with pytest.raises(ConfigError, match=r"give --input\.keep lang,source, or give"):
        look(folder, keep=["lang"])
    assert look(folder, keep=["source"]) is not None
    with pytest.raises(ConfigError, match="'p_chosen' has the name of the column"):
        look(folder, keep=["source", "p_chosen"])
