"""How many requests to an S3 store a run makes: for each file, for each shard, and while it lasts.

    python -m benchmarks.scale_requests

The real job runs three times with an engine that does nothing, on corpora of few and many shards,
and of few and many files. A proxy before a real S3 server counts the requests.
"""

import contextlib
import os
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import sleep_engine
from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from tests.chaos.proxy import FaultyProxy
from tests.conftest import ROOT, S3_DUMMIES, s3_server
from tests.jobs import command, environment

FEW_FILES, MANY_FILES = 4, 12
FEW_SHARDS, MANY_SHARDS = 48, 144
# What a path of a run's bucket is for, by the folder that it names.
PLACES = {"/in-": "corpus", "/rewards": "parts", "/_rm_ray/lease": "lease", "/out-": "the rest"}


def write_corpus(folder: Path, files: int, shards: int) -> None:
    """Write files of documents that are a shard each."""
    folder.mkdir()
    rows = shards // files
    for f in range(files):
        table = pa.table({"id": [f"{f}-{i}" for i in range(rows)], "text": ["a word"] * rows})
        pq.write_table(table, folder / f"{f:05d}.parquet")


def place_of(asked: str) -> str:
    """Return the place that a request is for, from its method and path."""
    return next((name for part, name in PLACES.items() if part in asked), "buckets")


def count(proxy: FaultyProxy, files: int, shards: int) -> tuple[Counter[tuple[str, str]], float]:
    """Return the requests of one run by method and place, and the run's seconds."""
    bucket, name = "scale", f"{files}-{shards}"
    direct = open_filesystem("s3://", StorageConfig())
    direct.mkdirs(bucket, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder) / "in", files, shards)
        direct.put(f"{folder}/in", f"{bucket}/in-{name}", recursive=True)
        log = Path(folder) / "log"
        words = command(
            input_path=f"s3://{bucket}/in-{name}", output_path=f"s3://{bucket}/out-{name}",
            engine_name=sleep_engine.NAME, shard_rows=1,
        )  # fmt: skip
        env = environment(
            PYTHONPATH=str(ROOT), AWS_ENDPOINT_URL=proxy.url, **{sleep_engine.RATE: "0"}
        )
        before, began = len(proxy.asked), time.monotonic()
        with log.open("w") as out:
            if subprocess.run(words, cwd=ROOT, env=env, stdout=out, stderr=out).returncode:
                raise SystemExit(log.read_text()[-3000:])
    asked = proxy.asked[before:]
    found = Counter((one.partition(" ")[0], place_of(one)) for one in asked)
    return found, time.monotonic() - began


def main() -> None:
    """Run three times, and print what a shard and a file add."""
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(s3_server())
        stack.enter_context(patch.dict(os.environ, {**S3_DUMMIES, "AWS_ENDPOINT_URL": endpoint}))
        proxy = FaultyProxy(endpoint, stall=1)
        stack.callback(proxy.close)
        few, few_s = count(proxy, FEW_FILES, FEW_SHARDS)
        more, more_s = count(proxy, FEW_FILES, MANY_SHARDS)
        files, files_s = count(proxy, MANY_FILES, MANY_SHARDS)
    sizes = (
        (FEW_FILES, FEW_SHARDS, few_s),
        (FEW_FILES, MANY_SHARDS, more_s),
        (MANY_FILES, MANY_SHARDS, files_s),
    )
    titles = [f"{f} files, {s} shards, {t:.0f} s" for f, s, t in sizes]
    print(f"| request | for | {' | '.join(titles)} | for each shard | for each file |")
    print(f"| --- | --- |{' ---: |' * 5}")
    for method, place in sorted(few | more | files, key=lambda key: key[::-1]):
        key = method, place
        of_shard = (more[key] - few[key]) / (MANY_SHARDS - FEW_SHARDS)
        of_file = (files[key] - more[key]) / (MANY_FILES - FEW_FILES)
        print(f"| {method} | {place} | {few[key]} | {more[key]} | {files[key]} "
              f"| {of_shard:.2f} | {of_file:.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
