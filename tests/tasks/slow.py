"""A task that takes long."""

import os
import time
from pathlib import Path


def sleep(_, folder):
    """Say which process this is, and sleep."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(60)
