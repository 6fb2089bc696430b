"""How tests run the real job, and look at what it wrote."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.corpus.shards import Shard
from rm_ray.score.__main__ import main
from rm_ray.score.judge_shard import judge_shard
from rm_ray.score.read_stage import tokenize
from tests.conftest import ROOT, TINY_JUDGE, free_port, tiny_judge
from tests.score.notes import Notes

WORDS = (
    *("the", "of", "and", "to", "in", "a", "is", "that", "for", "it", "as", "was", "with", "be"),
    *("by", "on", "not", "he", "his", "but", "at", "are", "this", "have", "from", "or", "had"),
    *("an", "they", "which", "one", "you", "were", "all", "her", "she", "there", "would", "their"),
)

# The tiny judge, small batches and shards: many shards from little text.
OPTIONS = {
    "judge.model": str(TINY_JUDGE),
    "judge.context_tokens": "256",
    "engine.dtype": "float32",
    "engine.max_batch_tokens": "2048",
    "engine.max_batch_windows": "32",
    "engine.threads": "2",
    "engine.kv_cache_gb": "0.25",
    "pool.gpus": "0",
    "pool.cpus": "1",
    "run.progress_s": "1",
}


def options(drop: Collection[str] = (), **changes) -> list[str]:
    """Command-line options; `input_path=...` stands for --input.path. `drop`: of OPTIONS."""
    kept = {key: value for key, value in OPTIONS.items() if key not in drop}
    merged = kept | {key.replace("_", ".", 1): str(value) for key, value in changes.items()}
    return [word for key, value in merged.items() for word in (f"--{key}", value)]


def command(*extra: str, **changes) -> list[str]:
    return [sys.executable, "jobs/score.py", *options(**changes), *extra]


def run_job(*extra: str, **changes) -> subprocess.CompletedProcess:
    """The real job in a process of its own, on a Ray cluster of its own."""
    return subprocess.run(
        command(*extra, **changes), cwd=ROOT, env=environment(), capture_output=True, text=True
    )  # fmt: skip


def run(caplog, *extra: str, **changes) -> tuple[int, str]:
    """Exit status of the job in this process, on the session's cluster, and the lines it logged."""
    caplog.clear()
    caplog.set_level("INFO")
    status = main([*options(**changes), *extra])
    return status, caplog.text


def environment(**extra: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "VLLM_"))}
    return clean | {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": "local", "PATH": path} | extra


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words)).capitalize() + "."


def write_corpus(folder: Path, files: int, rows: int, words: int, seed: int = 0) -> None:
    """Files of `rows` documents of about `words` words, row groups of 4."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for f in range(files):
        ids = [f"{seed}-{f}-{r}" for r in range(rows)]
        texts = [prose(rng, rng.randint(words // 2, words * 2)) for _ in range(rows)]
        table = pa.table({"id": ids, "text": texts})
        pq.write_table(table, folder / f"{seed}-{f}.parquet", row_group_size=4)


def read_rewards(output: Path) -> list[dict]:
    """Every output row, in the corpus's order."""
    rows = pq.read_table(output / "rewards").to_pylist()
    return sorted(rows, key=lambda row: (row["source_file"], row["row"]))


def judged_here(texts: list[str], engine) -> list[float | None]:
    """The rewards that the documents get from an engine of this process, all in one shard: what an
    undisturbed run with OPTIONS would give them.
    """
    tokenizer, judge = tiny_judge(context_tokens=int(OPTIONS["judge.context_tokens"]))
    rows = pa.table({"_row": pa.array(range(len(texts)), pa.int64()), "_judged.text": texts})
    shard = Shard("here", 0, len(texts))
    rewards, _ = judge_shard(shard, tokenize(rows, tokenizer), judge, engine, Notes())
    return rewards.column("reward").to_pylist()


def parts(output: Path) -> dict[str, int]:
    """Committed parts with their modification times, ns."""
    return {path.name: path.stat().st_mtime_ns for path in (output / "rewards").glob("*")}


@contextlib.contextmanager
def ray_head(env, *more):
    """A Ray head with a dashboard, as `ray start --head` gives: its address and its jobs'."""
    ports = [free_port() for _ in range(3)]
    # a folder of its own: other processes must not find this cluster and join it
    folder = tempfile.mkdtemp(prefix="rr", dir="/tmp")
    head = subprocess.Popen(
        [
            str(Path(sys.executable).parent / "ray"), "start", "--head", "--block",
            "--num-cpus=4", f"--port={ports[0]}", f"--dashboard-port={ports[1]}",
            # another cluster of this machine may have the usual one, and then no job can be sent
            f"--dashboard-agent-listen-port={ports[2]}",
            "--object-store-memory=200000000", f"--temp-dir={folder}", "--disable-usage-stats",
            *more,
        ],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(900):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ports[1]), 1):
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"the dashboard of {ports[0]} does not answer: {head.poll()}")
        yield f"127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
    finally:
        os.killpg(head.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            head.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(head.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def ray_node(address, env, *options, before=()):
    """One more machine of a cluster; `before`: words that its command begins with.

    It has a folder of its own, as machines do. In one folder two machines that start at one time
    choose the same names for their sockets, and the second one ends. And one that joins later
    unpacks the job's code anew, while workers of the first import it.
    """
    ray = str(Path(sys.executable).parent / "ray")
    folder = tempfile.mkdtemp(prefix="rr", dir="/tmp")
    node = subprocess.Popen(
        [
            *before, ray, "start", f"--address={address}", "--block", f"--temp-dir={folder}",
            *options,
        ],
        env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield node
    finally:
        node.terminate()
        node.wait()
        shutil.rmtree(folder, ignore_errors=True)
