"""One long run with the tiny judge, a fault every few minutes: what grows in its processes?

    python -m tests.chaos.long_run --minutes 120 --output long_run

The scoring job runs on the cluster and store of `make chaos`, by vLLM. Every fault is one that its
driver survives, so the same driver runs from the beginning to the end. Every few seconds the
memory, file descriptors and threads of each process are written to samples.jsonl, with the shared
memory of Ray's object stores, and the bytes of the temporary folder, which has Ray's logs.
picture.png shows them over time. After its time the run is stopped as a person stops it. Then each
row of each shard that has a part has to be there once.
"""

import argparse
import contextlib
import json
import random
import signal
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests import raising_vllm
from tests.chaos.harness import BUCKET, STORE_FAULTS, Chaos, fault_plan
from tests.conftest import S3_DUMMIES, s3_server
from tests.jobs import prose

FAULTS = (
    *("judge killed", "judge raises", "reader killed", "node lost", "judge frozen"),
    *STORE_FAULTS,
)
SAMPLE_S = 15
SHARD_ROWS = 100
# Names of the quantities of all processes together.
SHARED = "shared memory of Ray's object stores, MiB"
FOLDER = "TMPDIR, with Ray's logs, MiB"
PROCESSES = "processes"
# What a process is, by a word of its command line; the first that fits.
ROLES = {
    "driver": "jobs/score.py",
    "judge": "JudgeActor",
    "reader": "ReadStage",
    "commit": "CommitStage",
    "tally": "ray::Tally",
    "idle worker": "ray::IDLE",
    "raylet": "raylet",
    "gcs_server": "gcs_server",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.long_run", description=__doc__)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--fault-minutes", type=float, default=3, help="between two faults")
    parser.add_argument("--tokens-per-second", type=float, default=3000, help="for the corpus size")
    parser.add_argument("--output", type=Path, default=Path("long_run"))
    options = parser.parse_args()
    options.output.mkdir(parents=True)
    with s3_server() as endpoint:
        chaos = Chaos(endpoint, S3_DUMMIES, options.output / "chaos")
        try:
            hurt(chaos, options)
        finally:
            chaos.close()


def hurt(chaos: Chaos, options: argparse.Namespace) -> None:
    """Run the job, hurt it, and look at every row at the end."""
    corpus, rows = write_corpus(chaos, options.minutes * 60 * options.tokens_per_second)
    output, log = f"{BUCKET}/long", options.output / "score.log"
    began = time.monotonic()
    changes = {"shard_rows": SHARD_ROWS, "run_progress_s": 60}
    job = chaos.start(log, corpus, output, raising_vllm.NAME, **changes)
    samples = options.output / "samples.jsonl"
    rng, faults = random.Random(0), iter(fault_plan(0, 10_000, FAULTS))
    done: Counter[str] = Counter()
    next_fault, end = began + 60 * options.fault_minutes, began + 60 * options.minutes
    fault = next(faults)
    while job.poll() is None and time.monotonic() < end:
        with samples.open("a") as file:
            for line in sample(job.pid, Path(chaos.env["TMPDIR"]), time.monotonic() - began):
                file.write(json.dumps(line) + "\n")
        if next_fault < time.monotonic() and chaos.inject(fault, job, rng):
            done[fault] += 1
            fault, next_fault = next(faults), time.monotonic() + 60 * options.fault_minutes
        time.sleep(SAMPLE_S)
    hours = (time.monotonic() - began) / 3600
    if stopped := job.poll() is None:
        job.send_signal(signal.SIGTERM)
        job.wait(300)
    found = Counter(int(row["id"]) for row in chaos.rows(output) if row["reward"] is not None)
    shards = {row // SHARD_ROWS for row in found} if stopped else range(rows // SHARD_ROWS)
    result = {
        "hours": round(hours, 2), "stopped": stopped, "exit": job.returncode, "rows": len(found),
        "lost": len(shards) * SHARD_ROWS - len(found),
        "doubled": sum(n - 1 for n in found.values()),
        "faults": dict(sorted(done.items())), "fault_count": done.total(),
        "early_and_late": growth(samples),
    }  # fmt: skip
    (options.output / "result.json").write_text(json.dumps(result, indent=1))
    print(json.dumps(result, indent=1))
    draw(samples, options.output / "picture.png")
    sys.exit(bool(result["lost"] or result["doubled"] or result["exit"] != int(stopped)))


def write_corpus(chaos: Chaos, tokens: float) -> tuple[str, int]:
    """Write files of documents of about 300 tokens, whose ids count up; return where, and rows."""
    rng, written = random.Random(0), 0
    while written * 300 < tokens:
        names = [f"{written + n}" for n in range(2000)]
        texts = [prose(rng, rng.randint(100, 360)) for _ in names]
        with chaos.direct.open(f"{BUCKET}/long-in/{written:08d}.parquet", "wb") as file:
            pq.write_table(pa.table({"id": names, "text": texts}), file, row_group_size=100)
        written += len(names)
    return f"s3://{BUCKET}/long-in", written


def sample(driver: int, temporary: Path, seconds: float) -> Iterator[dict]:
    """Yield a line for each process, and one for what they share."""
    raylets = []
    for process in psutil.Process().children(recursive=True):
        try:
            words = " ".join(process.cmdline())
            role = next((role for role, word in ROLES.items() if word in words), None)
            if role is None or (role == "driver" and process.pid != driver):
                continue
            if role == "raylet":
                raylets.append(process.pid)
            with process.oneshot():
                yield {
                    "s": round(seconds), "role": role, "pid": process.pid,
                    "mib": round(process.memory_full_info().uss / 2**20, 1),
                    "files": process.num_fds(), "threads": process.num_threads(),
                }  # fmt: skip
        except psutil.Error:
            continue
    yield {
        "s": round(seconds), "role": "all",
        SHARED: round(sum(shared_bytes(pid) for pid in raylets) / 2**20, 1),
        FOLDER: round(size(temporary) / 2**20, 1),
        PROCESSES: len(psutil.Process().children(recursive=True)),
    }  # fmt: skip


def shared_bytes(pid: int) -> int:
    """Return the bytes of /dev/shm that this process has mapped and touched."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return 0
    return int(status.partition("RssShmem:")[2].split()[0]) * 1024


def size(folder: Path) -> int:
    """Return the bytes of all files below the folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total


def growth(samples: Path) -> dict:
    """Return medians of the second eighth of the time, and of the last, of each role's process that
    has lived longest.
    """
    lines = [json.loads(text) for text in samples.open()]
    end = max(line["s"] for line in lines)
    lives: dict[tuple, list[dict]] = defaultdict(list)
    for line in lines:
        lives[line["role"], line.get("pid")].append(line)
    longest: dict[str, list[dict]] = {}
    for (role, _), life in lives.items():
        if len(life) > len(longest.get(role, [])):
            longest[role] = life
    found: dict = {}
    for role, life in longest.items():
        early = [line for line in life if end / 8 <= line["s"] < end / 4]
        late = [line for line in life if line["s"] >= end * 7 / 8]
        if early and late:
            names = life[0].keys() - {"s", "role", "pid"}
            found[role] = {
                name: [statistics.median(line[name] for line in part) for part in (early, late)]
                for name in sorted(names)
            }
    return found


def draw(samples: Path, picture: Path) -> None:
    """Draw each quantity over time: a line a process, a colour a role."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines: dict[str, dict] = {name: defaultdict(list) for name in ("mib", "files", "threads")}
    machine = defaultdict(list)
    for text in samples.open():
        line = json.loads(text)
        if line["role"] == "all":
            for name in (SHARED, FOLDER, PROCESSES):
                machine[name].append((line["s"] / 60, line[name]))
            continue
        for name, of_processes in lines.items():
            of_processes[line["role"], line["pid"]].append((line["s"] / 60, line[name]))
    figure, panels = pyplot.subplots(3, 2, figsize=(15, 11), layout="constrained")
    colours = dict(zip(ROLES, pyplot.cm.tab10.colors, strict=False))
    titles = {"mib": "memory of a process, MiB", "files": "open files", "threads": "threads"}
    for panel, (name, of_processes) in zip(panels.flat, lines.items(), strict=False):
        for (role, _), points in of_processes.items():
            panel.plot(*zip(*points, strict=True), color=colours[role], linewidth=1)
        panel.set(title=titles[name], ylim=0)
    for panel, (name, points) in zip(panels.flat[3:], machine.items(), strict=True):
        panel.plot(*zip(*points, strict=True), color="black", linewidth=1)
        panel.set(title=name, ylim=0)
    for panel in panels.flat:
        panel.set(xlabel="minutes")
        panel.grid(alpha=0.3)
    handles = [pyplot.Line2D([], [], color=colour, label=role) for role, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(ROLES))
    figure.savefig(picture, dpi=70)


if __name__ == "__main__":
    main()
