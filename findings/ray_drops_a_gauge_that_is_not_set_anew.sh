#!/usr/bin/env bash
# A process sets a gauge and a counter of ray.util.metrics every 30 seconds. Ray's endpoint for
# Prometheus is asked every 3 seconds.
#
# One would guess: from the first value on, the gauge is there at every look, as it is with
# prometheus_client: a gauge keeps its value.
#
# What happens: the gauge is gone again some 20 seconds after each value, until the next one. The
# counter stays. So an alert with `for: 10m` over such a gauge begins anew every 30 seconds, and
# never fires.
#
# ray 2.60.0; seen 2026-12-01. Output (how many looks without it varies by one or two):
#   the gauge: there, gone, there, gone, there
#   the counter: there
set -euo pipefail
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
python3.11 -m venv "$here/venv"
"$here/venv/bin/pip" install -q --disable-pip-version-check --no-compile 'ray[default]==2.60.0'
cat > "$here/see.py" <<'PYTHON'
import itertools
import socket
import sys
import time
import urllib.request

import ray
from ray.util.metrics import Counter, Gauge

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
ray.init(num_cpus=1, include_dashboard=False, _metrics_export_port=port, log_to_driver=False)
gauge, counter = Gauge("seen_gauge"), Counter("seen_counter")


def there():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except OSError:
        text = ""
    return "ray_seen_gauge{" in text, "ray_seen_counter_total{" in text


looks, began, values = [], time.monotonic(), 0
while (passed := time.monotonic() - began) < 80:
    if passed >= 30 * values:
        values += 1
        gauge.set(values)
        counter.inc()
    time.sleep(3)
    looks.append(there())
told = []
for of_one in zip(*looks):
    first = of_one.index(True) if True in of_one else 0
    told.append([is_there for is_there, _ in itertools.groupby(of_one[first:])])
for name, runs in zip(("gauge", "counter"), told):
    print(f"the {name}:", ", ".join("there" if one else "gone" for one in runs))
ray.shutdown()
if told != [[True, False, True, False, True], [True]]:
    sys.exit("Ray no longer does what the comment says")
PYTHON
"$here/venv/bin/python" "$here/see.py" 2> "$here/log" ||
  { tail -20 "$here/log" >&2; exit 1; }
