import json

import pytest

from rm_ray.errors import Incomplete, OutputError
from rm_ray.store.folder import Folder
from rm_ray.train import checkpoints as module
from rm_ray.train.checkpoints import Checkpoints, check_room, is_full, put_folder


def written(folder, step):
    place = folder / f"checkpoint-{step}"
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(b"w" * step)
    (place / "trainer_state.json").write_text(json.dumps({"step": step}))
    return place


@pytest.fixture(params=["local", "s3"])
def output(request, tmp_path):
    if request.param == "local":
        return Folder(str(tmp_path / "out"))
    request.getfixturevalue("s3_bucket")
    return Folder(f"s3://corpora/{tmp_path.name}-checkpoints")


def test_the_last_ones_are_kept_and_the_last_is_fetched(output, tmp_path):
    kept = Checkpoints(output, keep=2)
    assert kept.last() is None
    for step in (2, 4, 6):
        kept.keep(written(tmp_path / "scratch", step), step)
    assert [one.step for one in kept.listed()] == [4, 6]
    assert kept.folder.entries() == ["list.json", "step-4", "step-6"]
    place = kept.fetch(kept.last(), tmp_path / "fetched")
    assert (place / "model.safetensors").read_bytes() == b"w" * 6
    assert json.loads((place / "trainer_state.json").read_text()) == {"step": 6}


def test_what_is_not_listed_does_not_count_and_goes(output, tmp_path):
    kept = Checkpoints(output, keep=2)
    kept.keep(written(tmp_path / "scratch", 2), 2)
    put_folder(written(tmp_path / "scratch", 4), kept.folder / "step-4")  # killed before the list
    assert kept.last().step == 2
    kept.keep(written(tmp_path / "scratch", 6), 6)
    assert kept.folder.entries() == ["list.json", "step-2", "step-6"]


def test_a_file_that_is_gone_is_named(tmp_path):
    kept = Checkpoints(Folder(str(tmp_path / "out")), keep=2)
    kept.keep(written(tmp_path / "scratch", 2), 2)
    kept.keep(written(tmp_path / "scratch", 4), 4)
    (tmp_path / "out/checkpoints/step-4/model.safetensors").write_bytes(b"x")
    with pytest.raises(OutputError, match=r"step-4/model.safetensors is not as it was written; .*"
                                          "take step-4 out of"):  # fmt: skip
        kept.last()


def test_no_room_is_said_before_anything_is_written(tmp_path):
    check_room(tmp_path, 1000, 5)
    with pytest.raises(
        Incomplete, match=r"no room for the checkpoint of step 5: with some to spare it takes 10"
    ):
        check_room(tmp_path, 10**16, 5)


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    kept = Checkpoints(Folder(str(tmp_path / "out")), keep=2)
    kept.keep(written(tmp_path / "scratch", 2), 2)

    def full(file, place):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_put", full)
    with pytest.raises(Incomplete, match="the disk is full; free some, and the same command"):
        kept.keep(written(tmp_path / "scratch", 4), 4)
    assert kept.last().step == 2
    # as torch says it
    assert is_full(RuntimeError("PytorchStreamWriter failed: ... No space left on device"))
