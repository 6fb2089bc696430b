#!/usr/bin/env bash
# A program that trains with transformers' Trainer, beside threads that read variables of the
# environment: those of Ray, or one that opens an object store.
#
# One would guess: making a Trainer's Accelerator reads the environment, and adds to it at most.
#
# What happens: accelerate compares some of its settings with their defaults, and to have the
# defaults it deletes every variable of the process, and puts all of them back. Another thread that
# looks in that moment finds no HOME, no credentials and no proxy. (C code that reads a variable in
# that moment reads memory that may have been freed, where glibc is older than 2.41.)
#
# accelerate 1.15.0, transformers 5.19.0, torch 2.13.0; seen 2026-11-30. Output:
#   GradientAccumulationPlugin().to_kwargs() deletes and restores HOME: 1 and 1 times
#   transformers' Trainer, made, trained a step: 2 and 2 times
#   what a reader finds under AWS_ACCESS_KEY_ID meanwhile: None
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check \
  accelerate==1.15.0 transformers==5.19.0 torch==2.13.0 numpy
cat > "$here/see.py" <<'PYTHON'
import os
import sys

import torch
import transformers
from accelerate.utils import GradientAccumulationPlugin

os.environ["HOME"], os.environ["AWS_ACCESS_KEY_ID"] = sys.argv[1], "a key"
events, seen = [], []


def watch(event, arguments):
    if event in ("os.putenv", "os.unsetenv") and arguments[0] == b"HOME":
        events.append(event)
        # what any other thread would find now
        if event == "os.putenv":
            seen.append(os.environ.get("AWS_ACCESS_KEY_ID"))


def counted():
    counts = events.count("os.unsetenv"), events.count("os.putenv")
    events.clear()
    return "{} and {} times".format(*counts)


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return {"loss": (self.weight * x).sum()}


sys.addaudithook(watch)
GradientAccumulationPlugin().to_kwargs()
found = [f"GradientAccumulationPlugin().to_kwargs() deletes and restores HOME: {counted()}"]
transformers.logging.set_verbosity_error()
arguments = transformers.TrainingArguments(sys.argv[1], max_steps=1, report_to=[], use_cpu=True,
                                           save_strategy="no", disable_tqdm=True)
transformers.Trainer(Model(), arguments, train_dataset=[{"x": torch.ones(1)}] * 8).train()
found += [f"transformers' Trainer, made, trained a step: {counted()}",
          f"what a reader finds under AWS_ACCESS_KEY_ID meanwhile: {seen[0]}"]
print("\n".join(found))
PYTHON
"$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" > "$here/out" || { tail -20 "$here/log" >&2; exit 1; }
sed -i '/^{/d' "$here/out" # the Trainer's own figures
cat "$here/out"
diff <(sed -n 's/^#   //p' "$0") "$here/out" || { echo "accelerate no longer does what the comment says" >&2; exit 1; }
