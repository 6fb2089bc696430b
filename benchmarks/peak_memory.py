"""Peak memory of the job's processes, by stage, on one large row group or one large document.

    python -m benchmarks.peak_memory --megabytes 320
    python -m benchmarks.peak_memory --document-megabytes 50

Runs the real job in a separate process. The engine answers from a hash, so that a corpus of this
size takes only minutes on a laptop. Memory is USS, the memory that a process does not share: Ray
keeps the shared object store at a limit of its own.
"""

import argparse
import contextlib
import random
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from tests import fault_engine
from tests.conftest import ROOT
from tests.jobs import command, environment, prose

STAGES = {"driver": "jobs/score.py", "read": "ReadStage", "judge": "JudgeActor"}


def write_corpus(path: Path, megabytes: int, document_megabytes: int) -> tuple[int, int]:
    """Write one file of one row group; return its size and its rows."""
    rng = random.Random(0)
    if document_megabytes:
        words = prose(rng, 200_000)
        texts = [
            (words * (document_megabytes * 2**20 // len(words) + 1))[: document_megabytes << 20]
        ]
    else:
        # random words compress well; written uncompressed, so that the file has this size on disk
        count = megabytes * 2**20 // 4300
        texts = [prose(rng, 1000) for _ in range(count)]
    table = pa.table({"id": [str(i) for i in range(len(texts))], "text": texts})
    pq.write_table(table, path, row_group_size=len(texts), compression="none", use_dictionary=False)
    return path.stat().st_size, len(texts)


def watch(job: subprocess.Popen, stages: Mapping[str, str] = STAGES) -> dict[str, int]:
    """Watch the job until it ends; return the largest USS of a process of each stage, in bytes.

    Args:
        stages: by stage, a part of the command line of its processes.
    """
    peaks = dict.fromkeys(stages, 0)
    me = psutil.Process(job.pid)
    while job.poll() is None:
        with contextlib.suppress(psutil.Error):
            for process in [me, *me.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    title = " ".join(process.cmdline())
                    for stage, sign in stages.items():
                        if sign in title:
                            peaks[stage] = max(peaks[stage], process.memory_full_info().uss)
        time.sleep(0.1)
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=320)
    parser.add_argument("--document-megabytes", type=int, default=0)
    parser.add_argument("--shard-tokens", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.parquet"
        size, rows = write_corpus(path, options.megabytes, options.document_megabytes)
        began = time.monotonic()
        job = subprocess.Popen(
            command(
                input_path=path, output_path=Path(folder) / "out",
                engine_name=fault_engine.NAME, shard_tokens=options.shard_tokens,
                run_progress_s=10,
            ),
            cwd=ROOT,
            env=environment(PYTHONPATH=str(ROOT)),
        )  # fmt: skip
        peaks = watch(job)
        assert job.returncode == 0, "the job failed"
        parts = len(list((Path(folder) / "out" / "rewards").iterdir()))
        print(f"{size / 2**20:,.0f} MiB in one row group, {rows:,} rows, {parts} shards, "
              f"{time.monotonic() - began:.0f} s")  # fmt: skip
        for stage, peak in peaks.items():
            print(f"  {stage:<8}{peak / 2**20:>8,.0f} MiB")


if __name__ == "__main__":
    main()
