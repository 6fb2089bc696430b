"""Which model a folder holds: nothing of it may change unseen, and it is read whole only once."""

import json
import shutil
from dataclasses import replace

import pytest

from rm_ray.engines import identity
from rm_ray.engines.identity import difference, hash_folder, sample_folder
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import check_weights, resolve_model
from rm_ray.errors import JudgeError
from tests import fault_engine
from tests.conftest import TINY_JUDGE, engine_settings

MIB = 1 << 20


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of several pieces, of which a sample is not all, in a folder of its own."""
    monkeypatch.setattr(identity, "PIECE_BYTES", 15 * MIB)
    folder = tmp_path / "model"
    folder.mkdir()
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(40 * MIB)
    return folder / "model.safetensors"


def change(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"retrained")


@pytest.mark.parametrize("at", [3 * MIB // 2, 15 * MIB - 4, 38 * MIB])
def test_a_few_bytes_anywhere_are_another_model(at, weights, cache):
    before, sample = hash_folder(weights.parent), sample_folder(weights.parent)
    change(weights, at)
    assert hash_folder(weights.parent) != before
    assert sample_folder(weights.parent) == sample  # which is why a sample does not do


def test_a_large_file_is_hashed_once_for_as_long_as_it_stays_the_same(
    weights, cache, caplog, monkeypatch
):
    monkeypatch.setattr(identity, "QUIET_BYTES", 0)
    caplog.set_level("INFO")
    first = hash_folder(weights.parent)
    assert f"hashing the 0 GB of {weights.parent}, once" in caplog.text
    caplog.clear()
    assert hash_folder(weights.parent) == first and not caplog.text
    change(weights, 3 * MIB // 2)
    assert hash_folder(weights.parent) != first and "hashing the" in caplog.text
    (note,) = (cache / "rm_ray" / "weights").iterdir()
    assert json.loads(note.read_text())["path"] == str(weights)


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"times": 1}'])
def test_a_damaged_note_costs_time_and_nothing_else(text, weights, cache):
    first = hash_folder(weights.parent)
    (note,) = (cache / "rm_ray" / "weights").iterdir()
    note.write_text(text)
    assert hash_folder(weights.parent) == first
    assert json.loads(note.read_text())["digest"]


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(weights, cache):
    cache.write_text("no folder")
    assert hash_folder(weights.parent) == hash_folder(weights.parent)


def test_small_files_leave_nothing_in_the_cache(cache):
    hash_folder(TINY_JUDGE)
    assert not cache.exists()


def test_what_differs_is_said_of_the_first_file_that_does():
    one = {"a": (1, "x"), "b": (2_000, "y")}
    assert difference(one, dict(one)) is None
    assert difference(one, {"b": (2_000, "y")}) == "a is missing"
    assert difference(one, one | {"c": (1, "z")}) == "c is one file too many"
    assert difference(one, one | {"b": (3, "y")}) == "b has 3 bytes, not 2,000"
    assert difference(one, one | {"b": (2_000, "z")}) == "b has other content"


def test_an_engine_does_not_start_on_other_weights_than_the_drivers(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(TINY_JUDGE, folder)
    model = resolve_model(str(folder), None)
    check_weights(model)
    settings = replace(engine_settings(fault_engine.NAME), model=model)
    start_engine(settings)
    change(folder / "model.safetensors", 1000)
    with pytest.raises(JudgeError, match=rf"{folder} on .*: model.safetensors has other content"):
        start_engine(settings)
    shutil.rmtree(folder)
    with pytest.raises(JudgeError, match=f"{folder} on .* is not the model .*No such"):
        start_engine(settings)
