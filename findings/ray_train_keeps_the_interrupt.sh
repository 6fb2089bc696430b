#!/usr/bin/env bash
# A program that trains with Ray Train's TorchTrainer, and does something else when fit() is done.
#
# One would guess: Ctrl-C raises KeyboardInterrupt before fit() and after it; while it trains, Ray
# Train may want to stop its workers first.
#
# What happens: fit() puts a handler of its own on SIGINT and leaves it there. After fit() has returned,
# SIGINT no longer raises KeyboardInterrupt: code that stops in order on it (`except
# KeyboardInterrupt`, `finally`) is not reached that way. Who wants the old one must put it back.
#
# ray 2.60.0, torch 2.13.0; seen 2026-11-29. Output:
#   SIGINT before fit(): Python's own handler
#   SIGINT after fit(): a handler of ray.train
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check "ray[train]==2.60.0" torch==2.13.0 numpy
cat > "$here/see.py" <<'PYTHON'
import signal
import sys

import ray
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer


def handler():
    now = signal.getsignal(signal.SIGINT)
    if now is signal.default_int_handler:
        return "Python's own handler"
    module = getattr(now, "__module__", None) or type(now).__module__
    return f"a handler of {'.'.join(module.split('.')[:2])}"


def nothing(config):
    """What the worker does."""


ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
found = [f"SIGINT before fit(): {handler()}"]
TorchTrainer(nothing, train_loop_config={}, scaling_config=ScalingConfig(num_workers=1),
             run_config=RunConfig(storage_path=sys.argv[1], name="run")).fit()
found.append(f"SIGINT after fit(): {handler()}")
print("\n".join(found))
if found != ["SIGINT before fit(): Python's own handler", "SIGINT after fit(): a handler of ray.train"]:
    sys.exit("Ray Train no longer does what the comment says")
PYTHON
RAY_TRAIN_ENABLE_PREEMPTION_WATCHER=0 RAY_DEDUP_LOGS=0 \
  "$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" || { tail -20 "$here/log" >&2; exit 1; }
