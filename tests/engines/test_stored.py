"""A model in an object store: which judge it is, what comes of it, and what is refused."""

import re
from pathlib import Path

import pytest

from rm_ray.config import StorageConfig
from rm_ray.engines.fetch import lacking, wanted
from rm_ray.engines.weights import place_model, resolve_model
from rm_ray.errors import JudgeError
from rm_ray.judges.tokens import tokenizer_of_run
from rm_ray.store.filesystem import open_filesystem
from tests.chaos.proxy import DENIED
from tests.conftest import TINY_JUDGE
from tests.engines.stored_judge import (
    FETCH_STORED,
    FILES,
    LISTED,
    URI,
    put,
    start,
    stored,
    wait_until,
)


def test_a_model_in_a_store_is_the_judge_that_its_content_is(bucket, tmp_path):
    here = resolve_model(str(TINY_JUDGE), None)
    there = resolve_model(f"{URI}/", None, weights_folder=str(tmp_path))
    assert there.identity == here.identity and there.sample == here.sample
    assert there.name == URI and Path(there.place).parent == tmp_path
    assert here.origin is None and place_model(here, None) == here
    put("README.md", b"no file of the model")
    asked = len(bucket.requests)
    placed = place_model(there, str(tmp_path))
    assert placed.name == there.place and len(bucket.requests) == asked


def test_large_files_come_in_pieces(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr("rm_ray.engines.stored.PIECE_BYTES", 1 << 20)
    put("empty.txt", b"")
    folder = stored().fetch(str(tmp_path))
    assert (folder / "empty.txt").read_bytes() == b"" and bucket.gets("model.safetensors") == 4
    assert (folder / "model.safetensors").read_bytes() == (
        TINY_JUDGE / "model.safetensors"
    ).read_bytes()


def test_a_store_that_stumbles_is_asked_again(bucket, tmp_path):
    listed = stored()
    bucket.fail("truncate", 3)
    assert not lacking(listed.fetch(str(tmp_path)), LISTED) and bucket.injected["truncate"] == 3


def test_weights_that_have_changed_since_the_driver_looked_are_refused(bucket, tmp_path):
    model = resolve_model(URI, None, weights_folder=str(tmp_path / "driver"))
    data = bytearray((TINY_JUDGE / "model.safetensors").read_bytes())
    data[-1] ^= 1
    put("model.safetensors", bytes(data))
    with pytest.raises(JudgeError, match=f"model.safetensors in {URI} has changed .*start the run"):
        place_model(model, str(tmp_path / "machine"))
    assert bucket.gets("model.safetensors") == 1  # the driver's


def test_weights_that_change_while_they_are_read_are_refused(bucket, tmp_path):
    bucket.held = "model.safetensors"
    process = start(FETCH_STORED, tmp_path)
    wait_until(lambda: bucket.gets("model.safetensors"))
    put("config.json", (TINY_JUDGE / "config.json").read_bytes() + b" ")
    bucket.held = ""
    _, said = process.communicate(timeout=60)
    assert re.search("JudgeError: .*config.json in .* has changed or gone", said)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_weights_that_somebody_touched_on_a_machine_are_refused_or_mended(bucket, tmp_path):
    model = resolve_model(URI, None, weights_folder=str(tmp_path))
    weights = Path(model.place, "model.safetensors")
    size = weights.stat().st_size
    with weights.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"another")
    with pytest.raises(JudgeError, match=r"has other content; remove that folder"):
        place_model(model, str(tmp_path))
    weights.unlink()
    place_model(model, str(tmp_path))
    assert bucket.gets("model.safetensors") == 2 and bucket.gets("config.json") == 1


def test_credentials_are_the_models_own_and_never_shown(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_AWS_ACCESS_KEY_ID", "THEKEY")
    monkeypatch.setenv("JUDGE_AWS_SECRET_ACCESS_KEY", "hush")
    storage = StorageConfig(environment_prefix="JUDGE_")
    bucket.keys.clear()
    model = resolve_model(URI, None, storage=storage, weights_folder=str(tmp_path / "a"))
    assert bucket.keys == {"THEKEY"}
    bucket.refuse_all, bucket.denial = True, DENIED
    said = []
    for asks in (
        lambda: place_model(model, str(tmp_path / "b")),
        lambda: resolve_model(URI, None, storage=storage, weights_folder=str(tmp_path / "c")),
    ):
        with pytest.raises(
            JudgeError, match=r"access denied.*JUDGE_AWS_\.\.\. \(judge.storage\)"
        ) as no:
            asks()
        said.append(str(no.value))
    assert "hush" not in "".join(said) and "THEKEY" not in "".join(said)
    with pytest.raises(JudgeError, match=r"no credentials: .* has no OTHER_AWS_ACCESS_KEY_ID"):
        resolve_model(URI, None, storage=StorageConfig(environment_prefix="OTHER_"))


def test_what_is_no_model_is_refused_before_it_is_fetched(bucket, tmp_path):
    fs = open_filesystem(URI, StorageConfig())
    for name, match in {
        "model.safetensors": r"has no .safetensors weights",
        "config.json": f"the folder {URI} has no config.json",
    }.items():
        fs.rm(f"{URI}/{name}")
        with pytest.raises(JudgeError, match=match):
            resolve_model(URI, None, weights_folder=str(tmp_path))
        if name == "model.safetensors":
            put("pytorch_model.bin", b"pickled")
            with pytest.raises(JudgeError, match=r"pickled \(pytorch_model.bin\).*A_LOCAL_COPY"):
                resolve_model(URI, None, weights_folder=str(tmp_path))
    for uri, match in {
        "s3://corpora/nowhere": "there is no folder s3://corpora/nowhere",
        "s3://no-such-bucket/x": "there is no folder s3://no-such-bucket/x",
        "swift://x/y": "cannot list swift://x/y: .*swift",
        "gibberish://x/y": "cannot list gibberish://x/y: .*: gibberish:// is no store",
        f"file://{tmp_path}/nothing": "no folder file://",
    }.items():
        with pytest.raises(JudgeError, match=match):
            resolve_model(uri, None)
    assert not any(tmp_path.iterdir())


def test_only_what_makes_a_model_is_fetched(bucket):
    for name in ("chat_template.jinja", "vocab.txt", "modeling.py", "training_args.bin"):
        put(name, b"x")
    assert set(stored().files) == {*FILES, "chat_template.jinja", "vocab.txt"}
    assert set(stored(code=True).files) - set(stored().files) == {"modeling.py"}
    assert wanted(["pytorch_model.bin", "consolidated.safetensors"], code=True) == [
        "consolidated.safetensors"
    ]


def test_a_report_takes_the_tokenizer_without_the_weights(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = tokenizer_of_run({"model": URI, "tokenizer": None, "storage": {}})
    assert files == tokenizer_of_run({"model": str(TINY_JUDGE)})
    assert not bucket.gets("model.safetensors")
