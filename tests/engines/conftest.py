"""Where tests of weights fetch them from."""

import pytest

from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from tests.conftest import TINY_JUDGE
from tests.engines.hub_server import HubServer
from tests.engines.stored_judge import URI, Bucket


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
