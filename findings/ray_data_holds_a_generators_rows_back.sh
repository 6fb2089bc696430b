#!/usr/bin/env bash
# map_batches with a generator, or a class whose __call__ is one, that takes a second for each row.
# A stage after it writes every row.
#
# One would guess: a row goes on to the next stage when it is yielded. The documentation shows a
# generator as the way to return much from one call, and Ray Data streams.
#
# What happens: Ray Data keeps what was yielded until it has target_max_block_size bytes (128 MiB), or
# until the whole input block is done, however many calls that is. A slow stage with small results
# (a model that gives a number) hands on nothing before its whole block is judged; a process that is
# lost loses all of them. Neither batch_size=1 nor a generator changes that; a tiny
# target_max_block_size does, for all stages of the dataset.
#
# ray 2.60.0, pyarrow 26.0.1; seen 2026-11-30. Output:
#   128 MiB: 12 of 12 rows are judged before the first is written
#   1 byte: a row is written before the last is judged: True
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check "ray[data]==2.60.0" pyarrow==26.0.1
cat > "$here/see.py" <<'PYTHON'
import sys
import time

import ray

ROWS, LOG = 12, f"{sys.argv[1]}/events"


def note(event):
    with open(LOG, "a") as file:
        file.write(f"{event}\n")


class Judge:
    def __call__(self, batch):
        time.sleep(1.5)
        note("judged")
        yield {"reward": batch["id"] * 0.5}


def write(batch):
    note("written")
    return batch


def events(block_bytes):
    open(LOG, "w").close()
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = block_bytes
    context.enable_progress_bars = False
    rows = ray.data.from_items([{"id": n} for n in range(ROWS)], override_num_blocks=1)
    rows = rows.map_batches(Judge, batch_size=1, concurrency=1, num_cpus=1)
    rows = rows.map_batches(write, batch_size=1, num_cpus=1)
    assert rows.count() == ROWS
    return open(LOG).read().split()


ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
seen = events(128 << 20)
first = seen.index("written")
print(f"128 MiB: {first} of {ROWS} rows are judged before the first is written")
seen = events(1)
early = seen.index("written") < len(seen) - 1 - seen[::-1].index("judged")
print(f"1 byte: a row is written before the last is judged: {early}")
PYTHON
"$here/venv/bin/python" "$here/see.py" "$here" 2> "$here/log" > "$here/out" || { tail -20 "$here/log" >&2; exit 1; }
cat "$here/out"
diff <(sed -n 's/^#   //p' "$0") "$here/out" || { echo "Ray Data no longer does what the comment says" >&2; exit 1; }
