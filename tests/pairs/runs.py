"""How tests run the pairs job."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import ray

from rm_ray.pairs.__main__ import main
from rm_ray.pairs.config import PairsJobConfig
from tests.conftest import ROOT, TINY_JUDGE
from tests.generate_engine import NAME
from tests.jobs import environment

OPTIONS = {
    "judge.model": str(TINY_JUDGE),
    "judge.context_tokens": "256",
    "engine.dtype": "float32",
    "engine.max_batch_windows": "16",
    "engine.threads": "1",
    "engine.kv_cache_gb": "0.25",
    "pool.gpus": "0",
    "pool.cpus": "1",
    "shard.rows": "6",
    "run.progress_s": "1",
}
# A generator that the test runs know the answers of.
HASHES = {"engine_name": NAME, "generator_model": TINY_JUDGE}


def job_config(**sections) -> PairsJobConfig:
    """A configuration whose engines are small."""
    return PairsJobConfig.model_validate(
        {
            "input": {"path": "unused"}, "output": {"path": "unused"},
            "judge": {"model": str(TINY_JUDGE), "context_tokens": 256},
            "engine": {"dtype": "float32", "max_batch_windows": 8, "kv_cache_gb": 0.1},
            "pool": {"gpus": 0}, **sections,
        }
    )  # fmt: skip


def options(**changes) -> list[str]:
    """Command-line options; `input_path=...` stands for --input.path."""
    merged = OPTIONS | {key.replace("_", ".", 1): str(value) for key, value in changes.items()}
    return [word for key, value in merged.items() for word in (f"--{key}", value)]


def run(caplog, *extra: str, **changes) -> tuple[int, str]:
    """Exit status of the job in this process, on the session's cluster, and the lines it logged."""
    caplog.clear()
    caplog.set_level("INFO")
    status = main([*options(**changes), *extra])
    return status, caplog.text


def start(log: Path, **changes) -> subprocess.Popen:
    """The real job in a process of its own, on the session's cluster."""
    address = ray.get_runtime_context().gcs_address
    return subprocess.Popen(
        [sys.executable, "jobs/pairs.py", *options(**changes)],
        cwd=ROOT, env=environment(RAY_ADDRESS=address, PYTHONPATH=str(ROOT)),
        stderr=log.open("w"),
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def files_of(output: Path) -> dict[str, bytes]:
    """All parts, as they are."""
    return {path.name: path.read_bytes() for path in (output / "pairs").glob("*.parquet")}


def rows_of(output: Path) -> list[dict]:
    return pq.read_table(output / "pairs").to_pylist()
