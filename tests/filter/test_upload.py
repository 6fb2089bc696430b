"""A large file goes to the store as a whole or not at all."""

import base64
import random
import signal
import subprocess
import sys
import time

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rm_ray.config import StorageConfig
from rm_ray.store.filesystem import open_filesystem
from tests.conftest import ROOT
from tests.filter.runs import files_of, options, run
from tests.jobs import environment
from tests.scored_runs import fabricate

# By hand it was seen with 256.
MEGABYTES = 32


def rewards(shard):
    n = shard.stop - shard.start
    return pa.table({
        "reward": pa.array(range(n), pa.float32()), "n_tokens": pa.array([9] * n, pa.int64()),
        "status": ["ok"] * n,
    })  # fmt: skip


@pytest.mark.chaos
def test_a_job_killed_in_the_middle_of_an_upload_leaves_nothing_of_it(
    ray_cluster, tmp_path, caplog, faulty_proxy, s3_environment
):
    (tmp_path / "corpus").mkdir()
    rng, count = random.Random(0), MEGABYTES * 16
    texts = [base64.b64encode(rng.randbytes(49_000)).decode() for _ in range(count)]
    path = tmp_path / "corpus" / "a.parquet"
    pq.write_table(pa.table({"text": texts}), path, row_group_size=64, compression="none")
    fabricate(tmp_path / "scored", tmp_path / "corpus", rewards)
    words = {"rewards_path": tmp_path / "scored", "output_file_mb": 4 * MEGABYTES}
    assert run(caplog, output_path=tmp_path / "calm", **words)[0] == 0

    bucket = f"s3://corpora/upload-{MEGABYTES}"
    command = [sys.executable, "jobs/filter.py", *options(output_path=bucket, **words)]
    env = environment(**s3_environment | {"AWS_ENDPOINT_URL": faulty_proxy.url})
    faulty_proxy.hold_uploads = True  # its client is left in the middle of the body
    job = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    while not faulty_proxy.uploads and job.poll() is None:
        time.sleep(0.02)
    time.sleep(1)
    processes = psutil.Process(job.pid).children(recursive=True)
    uploading = [one for one in processes if "Agent" not in one.name()]  # Ray's own end in a minute
    job.send_signal(signal.SIGKILL)
    job.wait()
    assert not psutil.wait_procs(uploading, timeout=120)[1]
    faulty_proxy.hold_uploads = False
    time.sleep(1)
    folder = bucket.removeprefix("s3://")
    store = open_filesystem("s3://", StorageConfig())
    assert faulty_proxy.uploads and not store.find(f"{folder}/corpus")
    assert not store.find(f"{folder}/_rm_ray/done")
    assert not store.call_s3("list_multipart_uploads", Bucket="corpora").get("Uploads")

    subprocess.run(command, cwd=ROOT, env=env, check=True, stderr=subprocess.DEVNULL)
    (name,) = store.find(f"{folder}/corpus")
    calm = files_of(tmp_path / "calm")
    found = store.cat_file(name)
    assert found == calm[name.removeprefix(f"{folder}/")]
    assert len(found) > 0.99 * (MEGABYTES << 20)
