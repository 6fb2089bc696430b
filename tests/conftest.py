"""What tests share: the tiny judge, the Qwen tokenizer where it is present, one Ray cluster."""

import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import hypothesis
import pytest
import ray

from rm_ray.cluster import fit, machines
from rm_ray.config import InputConfig, StorageConfig
from rm_ray.engines.engine import EngineSettings
from rm_ray.engines.keys import EngineConfig
from rm_ray.engines.start import start_engine
from rm_ray.engines.weights import resolve_model
from rm_ray.judges.encoding import load_tokenizer
from rm_ray.judges.families import build_judge
from rm_ray.judges.plain import plain_tokenizer
from rm_ray.judges.preference.keys import PreferenceConfig
from rm_ray.store.filesystem import open_filesystem
from rm_ray.tasks.here import warm
from tests import clouds, fault_engine
from tests.chaos.proxy import FaultyProxy

ROOT = Path(__file__).parents[1]
# a busy machine must not decide a test
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")
warm("rm_ray.filter.job", "rm_ray.report.job", "rm_ray.score.job")
# Marks that a fixture gives to every test that asks for it.
MARKS = {
    "ray_cluster": "ray",
    "vllm_engine": "vllm",
    "transformers_engine": "vllm",
    "browser": "browser",
    "qwen_tokenizer": "slow",
    "qwen_tokenizer_json": "slow",
    "s3_endpoint": "cluster",
    "gcs_emulator": "cluster",
    "azure_emulator": "cluster",
    "cloud": "cluster",
}
# Its head is zero but for the labels A and B: for others take `checkpoints.reranker`.
TINY_JUDGE = ROOT / "tests" / "tiny_judge"
# Credentials that moto takes.
S3_DUMMIES = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}
SHARED = ROOT.parent / "shared" / "data"


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in {MARKS[name] for name in MARKS.keys() & set(item.fixturenames)}:
            item.add_marker(mark)


@pytest.fixture(scope="session")
def tiny_tokenizer():
    return load_tokenizer(plain_tokenizer((TINY_JUDGE / "tokenizer.json").read_text()))


@pytest.fixture(scope="session")
def qwen_tokenizer_json():
    path = SHARED / "qwen2.5-tokenizer" / "tokenizer.json"
    if not path.is_file():
        pytest.skip("the Qwen2.5 tokenizer is not on this machine")
    return path.read_text()


@pytest.fixture(scope="session")
def qwen_tokenizer(qwen_tokenizer_json):
    return load_tokenizer(plain_tokenizer(qwen_tokenizer_json))


@contextlib.contextmanager
def s3_server(**environment: str):
    """A real S3 protocol server in its own process: where it is."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def s3_endpoint():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def s3_environment(s3_endpoint):
    """What a process needs to reach it."""
    return {"AWS_ENDPOINT_URL": s3_endpoint, **S3_DUMMIES}


@pytest.fixture
def s3_bucket(s3_environment, monkeypatch):
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    fs = open_filesystem("s3://", StorageConfig())
    fs.mkdirs("corpora", exist_ok=True)
    return "corpora"


@pytest.fixture
def faulty_proxy(s3_endpoint, s3_bucket):
    """A proxy before that server, to be armed."""
    proxy = FaultyProxy(s3_endpoint, stall=1)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def cloud_ports():
    """Ports for the emulators of Google's and Azure's stores, held until these start."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    yield dict(zip(("gs", "az"), held, strict=True))
    for one in held:
        one.close()


@pytest.fixture(scope="session")
def cloud_environment(cloud_ports):
    """Where these emulators are once a test has asked for them.

    The session's cluster, whose workers need to know, may be there before.
    """
    google, azure = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in cloud_ports.values())
    return {
        "STORAGE_EMULATOR_HOST": google,
        "AZURE_STORAGE_CONNECTION_STRING": clouds.connection_string(azure),
    }


@pytest.fixture(scope="session")
def gcs_emulator(cloud_environment, cloud_ports):
    with clouds.gcs_server(cloud_ports["gs"]) as url:
        yield url


@pytest.fixture(scope="session")
def azure_emulator(cloud_environment, cloud_ports):
    if not shutil.which("npm"):
        pytest.skip("Azure's emulator needs node, and this machine has none")
    with clouds.azure_server(cloud_ports["az"]) as url:
        yield url


@pytest.fixture(params=["gs", "az"])
def cloud(request, cloud_environment, monkeypatch):
    """A bucket of Google's store, and a container of Azure's."""
    request.getfixturevalue("gcs_emulator" if request.param == "gs" else "azure_emulator")
    for name, value in cloud_environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"{request.param}://corpora"
    fs = open_filesystem(bucket, StorageConfig())
    if not fs.exists("corpora"):
        fs.mkdir("corpora")
    return bucket


@pytest.fixture
def cloud_proxy(cloud, gcs_emulator, azure_emulator):
    """A proxy before that server, to be armed, and how the store is reached through it."""
    google = cloud.startswith("gs")
    proxy = FaultyProxy(gcs_emulator if google else azure_emulator, stall=1)
    url = proxy.url if google else f"{proxy.url}/{clouds.ACCOUNT}"
    proxy.storage = StorageConfig(endpoint_url=url, timeout_s=5)
    yield proxy
    proxy.close()


def tiny_judge(**config):
    """Both halves of the tiny judge: the tokenizer, of the column `text`, and the judge."""
    settings = PreferenceConfig(model=str(TINY_JUDGE), **{"context_tokens": 1024} | config)
    return build_judge(settings, InputConfig(path="unused"), tiny_model())


@functools.cache
def tiny_model():
    return resolve_model(str(TINY_JUDGE), None)


def engine_settings(name: str, **changes) -> EngineSettings:
    """The tiny judge on CPU in float32, small enough for tests."""
    _, judge = tiny_judge()
    config = EngineConfig(
        name=name, dtype="float32", max_batch_tokens=2048, max_batch_windows=32, **changes
    )
    return EngineSettings(
        config=config,
        model=tiny_model(),
        read_out=judge.read_out,
        max_prompt_tokens=judge.max_prompt_tokens,
        block_size=64,
        gpus=0,
        threads=2,
    )


@pytest.fixture(scope="session")
def vllm_engine():
    """One real vLLM engine for the whole session, with the fast cache; jobs run without it."""
    settings = engine_settings("vllm", kv_cache_gb=0.25, fast_cache=True)
    os.environ.update(settings.environment())
    return start_engine(settings)


@pytest.fixture(scope="session")
def transformers_engine():
    return start_engine(engine_settings("transformers"))


@pytest.fixture
def joined_cluster(ray_cluster, monkeypatch):
    """The session's cluster, as one that this process has joined: Ray runs the tasks."""
    for module in (machines, fit):
        monkeypatch.setattr(module, "started_here", lambda: False)


@pytest.fixture
def fault_folder(ray_cluster):
    """Where fault engines of the session's cluster write what they judge; empty before and after.

    What is left there, such as a cure, would change the tests after it.
    """
    _empty(ray_cluster)
    yield ray_cluster
    _empty(ray_cluster)


def _empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory, cloud_environment):
    """One local Ray cluster for the tests that need one in their own process.

    Yields the folder of its fault engines.
    """
    folder = tmp_path_factory.mktemp("fault-engine")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ[fault_engine.ENVIRONMENT] = json.dumps({"folder": str(folder)})
    with pytest.MonkeyPatch.context() as only_its:
        for name, value in cloud_environment.items():
            only_its.setenv(name, value)
        ray.init(
            address="local", num_cpus=4, include_dashboard=False, object_store_memory=200 << 20,
            logging_level="ERROR",
        )  # fmt: skip
    yield folder
    ray.shutdown()
