"""Kill a conversion at three places, and run it again: the bytes have to be an undisturbed run's.

    python -m tests.convert.kills

The places: before the first receipt, while a shard has some of its files and no receipt, and when
every receipt is there and `_SUCCESS` is not.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import zstandard

from tests.conftest import ROOT
from tests.convert.lines import options, written

SMALL = {"shard_mb": 0.2, "output_row_group_mb": 0.05, "output_file_mb": 0.01}
SHARDS = 11


def make(folder: Path) -> None:
    folder.mkdir()
    lines = [json.dumps({"id": n, "text": f"document {n} " * 40}) for n in range(4_000)]
    data = "\n".join([*lines, "{", ""]).encode()
    (folder / "a.jsonl").write_bytes(data)
    (folder / "b.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))


def command(source: Path, out: Path) -> list[str]:
    words = options(input_path=source, output_path=out, run_max_rejected_fraction=0.5, **SMALL)
    return [sys.executable, "jobs/convert.py", *words]


def receipts(out: Path) -> int:
    return len(list((out / "_rm_ray/done").glob("*.json")))


def files(out: Path) -> int:
    return len(list((out / "corpus").rglob("*.parquet")))


PLACES: dict[str, Callable[[Path], bool]] = {
    "before the first receipt": lambda out: (out / "_rm_ray/plan").is_dir(),
    "within a shard": lambda out: files(out) > 3,
    "before _SUCCESS": lambda out: receipts(out) >= SHARDS,
}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        source, calm = Path(scratch) / "in", Path(scratch) / "calm"
        make(source)
        subprocess.run(command(source, calm), cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
        print(f"undisturbed: {receipts(calm)} receipts, {files(calm)} files")
        for place, reached in PLACES.items():
            out = Path(scratch) / place.replace(" ", "_")
            job = subprocess.Popen(command(source, out), cwd=ROOT, stderr=subprocess.DEVNULL)
            while job.poll() is None and not reached(out):
                time.sleep(0.001)
            job.send_signal(signal.SIGKILL)
            job.wait()
            left = f"{receipts(out)} receipts, {files(out)} files"
            complete = (out / "_SUCCESS").exists()
            subprocess.run(command(source, out), cwd=ROOT, check=True, stderr=subprocess.DEVNULL)
            same = written(out) == written(calm)
            print(f"killed {place}: {left}, complete {complete}; then the same bytes: {same}")
            assert same


if __name__ == "__main__":
    main()
