"""Weights come onto a machine once, whole, and engines start from there without a request.

A machine is a folder for weights here; its processes are real ones, the stores real servers.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rm_ray.cli import load_config, parse_arguments
from rm_ray.config import StorageConfig
from rm_ray.engines.engine import answer_all
from rm_ray.engines.fetch import is_wanted, lacking
from rm_ray.engines.identity import hash_folder
from rm_ray.engines.stored import list_stored
from rm_ray.engines.weights import place_model, resolve_model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.judges.tokens import tokenizer_of_run
from rm_ray.score.config import ScoreConfig
from rm_ray.store.filesystem import open_filesystem
from tests.chaos.proxy import DENIED, FaultyProxy
from tests.conftest import ROOT, TINY_JUDGE
from tests.engines.hub_server import COMMIT, NAME, HubServer

URI = "s3://corpora/models/judge"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
LISTED = {name: (TINY_JUDGE / name).stat().st_size for name in FILES}


class Bucket(FaultyProxy):
    """A proxy that keeps what it is asked; `held`: a file that is not sent while it is set."""

    def __init__(self, target):
        self.requests, self.held = [], ""
        super().__init__(target, stall=1)

    async def _serve(self, request):
        self.requests.append(f"{request.method} {request.path}")
        while self.held and request.path.endswith(self.held):
            await asyncio.sleep(0.05)
        return await super()._serve(request)

    def gets(self, file):
        return self.requests.count(f"GET /corpora/models/judge/{file}")


@pytest.fixture
def bucket(s3_endpoint, s3_bucket, monkeypatch):
    """The tiny judge in a bucket, behind a proxy."""
    fs = open_filesystem(URI, StorageConfig())
    if fs.exists(URI):
        fs.rm(URI, recursive=True)
    for file in TINY_JUDGE.iterdir():
        fs.pipe_file(f"{URI}/{file.name}", file.read_bytes())
    proxy = Bucket(s3_endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    type(fs).clear_instance_cache()  # of those that know the server itself
    yield proxy
    proxy.close()
    type(fs).clear_instance_cache()


@pytest.fixture
def hub():
    server = HubServer(TINY_JUDGE)
    yield server
    server.close()


def put(name, data):
    open_filesystem(URI, StorageConfig()).pipe_file(f"{URI}/{name}", data)


def stored(code=False):
    return list_stored(URI, StorageConfig(), code=code)[0]


FETCH_STORED = f"""
import sys
from rm_ray.config import StorageConfig
from rm_ray.engines.stored import list_stored
print(list_stored({URI!r}, StorageConfig(), code=False)[0].fetch(sys.argv[1]))
"""
FETCH_HUB = f"""
import sys
from rm_ray.engines.hub import HubFolder
print(HubFolder({NAME!r}, {COMMIT!r}, {LISTED}, False).fetch(sys.argv[1]))
"""


def start(script, *argv, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, argv)],
        env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def folder_of(process):
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return Path(out.strip().splitlines()[-1]), said


def wait_until(true):
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to this")


def waiting(kept):
    """How many processes wait for a lock in a folder."""
    inodes = [f":{lock.stat().st_ino} " for lock in kept.rglob("*.lock")]
    lines = Path("/proc/locks").read_text().splitlines()
    return sum("-> FLOCK" in line and any(one in line for one in inodes) for line in lines)


@pytest.fixture(params=["store", "hub"])
def source(request):
    """What serves the model, and a function that starts a process that fetches it."""
    server = request.getfixturevalue("bucket" if request.param == "store" else "hub")
    script = FETCH_STORED if request.param == "store" else FETCH_HUB
    environment = {} if request.param == "store" else {"HF_ENDPOINT": server.url}
    return server, lambda kept: start(script, kept, **environment)


def test_of_processes_that_start_at_once_one_fetches_and_the_others_wait(source, tmp_path):
    server, fetching = source
    server.held = "model.safetensors"
    processes = [fetching(tmp_path) for _ in range(3)]
    wait_until(lambda: server.gets("model.safetensors"))
    wait_until(lambda: waiting(tmp_path) == 2)
    server.held = ""
    found = [folder_of(process) for process in processes]
    assert {name: server.gets(name) for name in FILES} == dict.fromkeys(FILES, 1)
    (folder,) = {folder for folder, _ in found}
    assert hash_folder(folder) == hash_folder(TINY_JUDGE)
    said = "".join(said for _, said in found)
    assert said.count("another process fetches") == 2 and said.count(": fetching ") == 1


def test_what_a_killed_process_leaves_is_not_whole_and_is_not_fetched_again(source, tmp_path):
    server, fetching = source
    server.held = "model.safetensors"
    killed = fetching(tmp_path)
    small = [name for name in FILES if name != server.held]
    wait_until(lambda: all(any(tmp_path.rglob(name)) for name in small))
    wait_until(lambda: server.gets("model.safetensors"))
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert not [path for path in tmp_path.rglob("*.safetensors") if path.is_file()]
    server.held = ""
    folder, _ = folder_of(fetching(tmp_path))
    assert not lacking(folder, LISTED) and hash_folder(folder) == hash_folder(TINY_JUDGE)
    assert {name: server.gets(name) for name in small} == dict.fromkeys(small, 1)
    assert server.gets("model.safetensors") == 2


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


@pytest.mark.parametrize("script", [FETCH_STORED, FETCH_HUB])
def test_a_disk_without_room_is_said_before_anything_is_fetched(script, bucket, hub, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this user may not mount a small disk")
    mounted = f'mount -t tmpfs -o size=4m none {tmp_path} && exec {sys.executable} -c "$0" $1'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mounted, script, str(tmp_path)],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert re.search(
        rf"JudgeError: judge.model: no room for \S+ on \S+: {tmp_path} has 4.2 MB free, and "
        "3.7 MB are needed, with 67.1 MB to spare; free some, or .*--engine.weights_folder",
        done.stderr,
    ), done.stderr
    assert not bucket.gets("model.safetensors") and not hub.gets("model.safetensors")


def test_a_folder_that_cannot_be_written_is_said(bucket, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JudgeError, match=rf"cannot fetch {URI} onto .*, into {tmp_path}/file: "):
        stored().fetch(str(tmp_path / "file"))


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
        "gibberish://x/y": "cannot list gibberish://x/y: Protocol not known",
        f"file://{tmp_path}/nothing": "no folder file://",
    }.items():
        with pytest.raises(JudgeError, match=match):
            resolve_model(uri, None)
    assert not any(tmp_path.iterdir())


def test_a_file_uri_is_the_folder():
    here = resolve_model(f"file://{TINY_JUDGE}", None)
    assert here.name == str(TINY_JUDGE) and here.origin is None


def test_only_what_makes_a_model_is_fetched(bucket):
    for name in ("chat_template.jinja", "vocab.txt", "modeling.py", "training_args.bin"):
        put(name, b"x")
    assert set(stored().files) == {*FILES, "chat_template.jinja", "vocab.txt"}
    assert set(stored(code=True).files) - set(stored().files) == {"modeling.py"}
    assert not is_wanted("pytorch_model.bin", code=True)


def test_a_report_takes_the_tokenizer_without_the_weights(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    files = tokenizer_of_run({"model": URI, "tokenizer": None, "storage": {}})
    assert files == tokenizer_of_run({"model": str(TINY_JUDGE)})
    assert not bucket.gets("model.safetensors")


def test_a_hub_that_refuses_is_said(hub, tmp_path):
    hub.status = 401
    process = start(FETCH_HUB, tmp_path, HF_ENDPOINT=hub.url)
    _, said = process.communicate(timeout=60)
    assert re.search(f"JudgeError: judge.model: cannot fetch {NAME} onto .*401.*HF_TOKEN", said)


@pytest.mark.parametrize(
    ("argv", "match"),
    [
        (["--judge.model", "s3://key:hush@bucket/m"], "judge.*: model holds credentials"),
        (["--judge.tokenizer", "s3://bucket/m"], "tokenizer is s3://bucket/m; it must be a folder"),
        (["--engine.weights_folder", "weights"], "it must be a whole path"),
        (["--judge.storage.endpoint_url", "http://u:hush@h"], "endpoint_url holds credentials"),
    ],
)
def test_keys_are_refused_without_showing_a_secret(argv, match):
    keys = {"--input.path": "in", "--output.path": "out", "--judge.model": "m"}
    words = [word for pair in (keys | {argv[0]: argv[1]}).items() for word in pair]
    with pytest.raises(ConfigError, match=match) as refused:
        load_config(ScoreConfig, parse_arguments(words))
    assert "hush" not in str(refused.value)


ENGINES = f"""
import os, sys
from dataclasses import replace
import numpy as np
from huggingface_hub.errors import OfflineModeIsEnabled
from rm_ray.engines.engine import answer_all, start_engine
from rm_ray.engines.hub import list_hub
from rm_ray.engines.weights import place_model, resolve_model
from tests.conftest import engine_settings
for name, model, engine in (
    ("hub", {NAME!r}, "transformers"),
    ("store", {URI!r}, "vllm"),
):
    found = resolve_model(model, None, weights_folder=sys.argv[1])
    keys = dict(kv_cache_gb=0.25) if engine == "vllm" else {{}}
    settings = engine_settings(engine, weights_folder=sys.argv[1], **keys)
    settings = replace(settings, model=found)
    os.environ.update(settings.environment())
    place_model(found, sys.argv[1])
    print("placed", name, flush=True)
    sys.stdin.readline()
    engine = start_engine(settings)
    numbers = answer_all(engine, np.load(sys.argv[2]))
    np.save(f"{{sys.argv[1]}}/{{name}}.npy", numbers)
    try:
        list_hub({NAME!r}, {COMMIT!r}, code=False)
    except OfflineModeIsEnabled:
        print("started", name, flush=True)
    else:
        raise SystemExit("not offline")
    sys.stdin.readline()
"""


def test_engines_start_from_what_was_fetched_and_ask_nobody(bucket, hub, tmp_path, vllm_engine):
    """Both engines, one of a hub model, one of a model in a store."""
    prompts = np.random.default_rng(0).integers(0, 1000, (4, 70)).astype(np.int32)
    np.save(tmp_path / "prompts.npy", prompts)
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINES, str(tmp_path), str(tmp_path / "prompts.npy")],
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0",
             "HF_HOME": str(tmp_path / "home")},
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    expected = answer_all(vllm_engine, prompts)
    for name, server in (("hub", hub), ("store", bucket)):
        _line(process, f"placed {name}")
        asked = list(hub.requests), list(bucket.requests)
        assert server.gets("model.safetensors") == 1
        _go_on(process)
        _line(process, f"started {name}")
        assert (hub.requests, bucket.requests) == asked
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-4)
        _go_on(process)
    process.communicate(timeout=60)


def _go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process, wanted):
    for line in process.stdout:
        if line.strip() == wanted:
            return
    raise AssertionError(f"{wanted} did not come")
