"""Sets the clock of this process while it runs: Python imports this file before any other.

The environment variable RM_RAY_CHAOS_CLOCK names a file with seconds. The clock is off by so many.
The monotonic clock goes on as it was, as on a machine whose clock is set.
"""

import datetime
import os
import threading
import time
from pathlib import Path

import time_machine


def _follow(path: Path) -> None:
    off, travels = 0.0, None
    while True:
        text = path.read_text()
        if text and float(text) != off:
            if travels:
                travels.stop()
            off = float(text)
            now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=off)
            travels = time_machine.travel(now)
            travels.start()
        time.sleep(0.5)


if file := os.environ.get("RM_RAY_CHAOS_CLOCK"):
    threading.Thread(target=_follow, args=(Path(file),), daemon=True).start()
