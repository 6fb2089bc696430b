"""`make chaos`: at least 50 faults over several seeds, with the hash engine and with vLLM."""

import argparse
import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import fault_engine, raising_vllm
from tests.chaos import ledger
from tests.chaos.filtering import FAULTS, FilterChaos
from tests.chaos.harness import Chaos, fault_plan, table
from tests.chaos.selecting import FAULTS as SELECT_FAULTS
from tests.chaos.selecting import SelectChaos

# Engines by their names in the ledger.
NAMES = {fault_engine.NAME: "hash", raising_vllm.NAME: "vllm", "select": "words"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3, 4], help="hash engine")
    parser.add_argument("--vllm-seeds", type=int, nargs="*", default=[11, 12])
    parser.add_argument("--filter-seeds", type=int, nargs="*", default=[21], help="the filter job")
    parser.add_argument("--select-seeds", type=int, nargs="*", default=[], help="the job select")
    parser.add_argument("--ledger", action="store_true", help="add what was done to ledger.jsonl")
    parser.add_argument("--faults", type=int, default=15, help="of each seed of these two")
    parser.add_argument("--vllm-faults", type=int, default=6)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"logs in {folder}", flush=True)
    chaos = Chaos(f"http://127.0.0.1:{port}", environment, folder)
    reports = []
    try:
        work = [(seed, fault_engine.NAME, options.faults) for seed in options.seeds]
        work += [(seed, raising_vllm.NAME, options.vllm_faults) for seed in options.vllm_seeds]
        work += [(seed, "filter", options.faults) for seed in options.filter_seeds]
        work += [(seed, "select", options.faults) for seed in options.select_seeds]
        filtering, selecting = FilterChaos(chaos), SelectChaos(chaos)
        for seed, engine, faults in work:
            if engine == "filter":
                plan = fault_plan(seed, faults, FAULTS)
                report = filtering.run_seed(seed, plan, engine, files=6, rows=64)
            elif engine == "select":
                plan = fault_plan(seed, faults, SELECT_FAULTS)
                report = selecting.run_seed(seed, plan, engine, files=4, rows=400)
            else:
                report = chaos.run_seed(seed, fault_plan(seed, faults), engine, files=6, rows=64)
            reports.append(report)
            if options.ledger:
                ledger.add(report, NAMES.get(engine, "none"))
            print(f"seed {seed}: {dict(report.faults)}", flush=True)
            for status, words in report.last_words:
                print(f"  exit {status}: {words}", flush=True)
    finally:
        chaos.close()
        server.terminate()
    print()
    print(table(reports))
    return 0 if all(report.clean for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())
