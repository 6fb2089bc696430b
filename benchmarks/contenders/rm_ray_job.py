"""rm_ray's whole job, Parquet to Parquet; timed from the first ready engine to the last part."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.contenders import Result, Task, Timed, run

ROOT = Path(__file__).parents[2]


def score(task: Task) -> Timed:
    folder = Path(tempfile.mkdtemp())
    table = pa.table({"id": [str(i) for i in range(len(task.texts))], "text": task.texts})
    pq.write_table(table, folder / "in.parquet")
    words = {
        "input.path": folder / "in.parquet", "output.path": folder / "out",
        "judge.model": task.model, "judge.context_tokens": task.context_tokens,
        "engine.dtype": task.dtype, "engine.kv_cache_gb": 1,
        "engine.threads": task.threads, "pool.gpus": 0,
        "shard.tokens": 250_000,
    }  # fmt: skip

    def timed() -> Result:
        metrics, rows = run_job(words)
        return Result(
            [rewards or [] for rewards in rows.column("chunk_rewards").to_pylist()],
            metrics["this_invocation"]["judging_seconds"],
            metrics["totals"]["forwarded_tokens"],
        )

    return timed


def run_job(words: dict[str, object]) -> tuple[dict[str, Any], pa.Table]:
    """Run the job with these keys, on a Ray of its own; return its metrics and its rows in
    order.
    """
    command = [sys.executable, "jobs/score.py"]
    command += [word for key, value in words.items() for word in (f"--{key}", str(value))]
    env = os.environ | {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled"}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    output = Path(str(words["output.path"]))
    metrics = json.loads((output / "_rm_ray" / "metrics.json").read_text())
    return metrics, pq.read_table(output / "rewards").sort_by("row")


if __name__ == "__main__":
    run(score)
