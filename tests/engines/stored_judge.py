"""The tiny judge in a bucket, behind a proxy that keeps what it is asked."""

import asyncio
import os
import subprocess
import sys
import time

from rm_ray.config import StorageConfig
from rm_ray.engines.stored import list_stored
from rm_ray.store.filesystem import open_filesystem
from tests.chaos.proxy import FaultyProxy
from tests.conftest import ROOT, TINY_JUDGE

URI = "s3://corpora/models/judge"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
LISTED = {name: (TINY_JUDGE / name).stat().st_size for name in FILES}
FETCH_STORED = f"""
import sys
from rm_ray.config import StorageConfig
from rm_ray.engines.stored import list_stored
print(list_stored({URI!r}, StorageConfig(), code=False)[0].fetch(sys.argv[1]))
"""


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


def put(name, data):
    open_filesystem(URI, StorageConfig()).pipe_file(f"{URI}/{name}", data)


def stored(code=False):
    return list_stored(URI, StorageConfig(), code=code)[0]


def start(script, *argv, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, argv)],
        env={**os.environ, "HF_HUB_OFFLINE": "0", **environment},
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_until(true):
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to this")
