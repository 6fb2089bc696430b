"""Weights come onto a machine once, whole, and engines start from there without a request.

A machine is a folder for weights here; its processes are real ones, the stores real servers.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest

from rm_ray.command_line.arguments import parse_arguments
from rm_ray.command_line.load import load_config
from rm_ray.engines.engine import answer_all
from rm_ray.engines.fetch import lacking
from rm_ray.engines.hub import HubFolder
from rm_ray.engines.identity import hash_folder
from rm_ray.engines.weights import resolve_model
from rm_ray.errors import ConfigError, JudgeError
from rm_ray.score.config import ScoreConfig
from tests.conftest import ROOT, TINY_JUDGE
from tests.engines.hub_server import COMMIT, NAME
from tests.engines.stored_judge import (
    FETCH_STORED,
    FILES,
    LISTED,
    URI,
    start,
    stored,
    wait_until,
)

pytestmark = pytest.mark.slow

FETCH_HUB = f"""
import sys
from rm_ray.engines.hub import HubFolder
print(HubFolder({NAME!r}, {COMMIT!r}, {LISTED}, False).fetch(sys.argv[1]))
"""


def folder_of(process):
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return Path(out.strip().splitlines()[-1]), said


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
    others = set()
    for half in list(tmp_path.rglob("*.incomplete")):
        os.utime(half, (0, 0))
        others.add(half.with_name("another.incomplete"))  # whose process goes on
        half.with_name("another.incomplete").touch()
    server.held = ""
    folder, _ = folder_of(fetching(tmp_path))
    assert not lacking(folder, LISTED) and hash_folder(folder) == hash_folder(TINY_JUDGE)
    halves = {path for path in tmp_path.rglob("*") if path.suffix in (".incomplete", ".tmp")}
    assert halves == others
    assert {name: server.gets(name) for name in small} == dict.fromkeys(small, 1)
    assert server.gets("model.safetensors") == 2


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


def test_a_file_uri_is_the_folder():
    here = resolve_model(f"file://{TINY_JUDGE}", None)
    assert here.name == str(TINY_JUDGE) and here.origin is None


def test_a_hub_that_refuses_is_said(hub, tmp_path):
    hub.status = 401
    process = start(FETCH_HUB, tmp_path, HF_ENDPOINT=hub.url)
    _, said = process.communicate(timeout=60)
    assert re.search(f"JudgeError: judge.model: cannot fetch {NAME} onto .*401.*HF_TOKEN", said)


@pytest.mark.parametrize(
    ("said", "tries", "match"),
    [
        ("IO Error: No space left on device (os error 28)", 1, "; --engine.weights_folder names"),
        ("IO Error: No such file or directory (os error 2)", 1, "No such file"),
        ("CAS Client Error: Request error: error sending request", 2, None),
    ],
)
def test_an_outage_of_the_hubs_file_store_passes_and_a_full_disk_does_not(
    tmp_path, monkeypatch, said, tries, match
):
    """As hf_xet says them: all of its errors are bare ones."""
    hub_folder, asked = HubFolder(NAME, COMMIT, LISTED, False), []

    def download(*_, **keys):
        asked.append(keys)
        if len(asked) == 1:
            raise RuntimeError(f"Task error: File reconstruction error: {said}")
        shutil.copytree(TINY_JUDGE, tmp_path / "models--someone--judge" / "snapshots" / COMMIT)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    refused = pytest.raises(JudgeError, match=f"cannot fetch {NAME} onto .*{match}")
    with refused if match else contextlib.nullcontext():
        hub_folder.fetch(str(tmp_path))
    assert len(asked) == tries


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
from rm_ray.engines.engine import answer_all
from rm_ray.engines.start import start_engine
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
