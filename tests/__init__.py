"""The tests. They find no cluster of this machine: in them Ray has a new folder."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# one for each process of tests, and for the processes that it starts
_PREFIX = f"rm_ray-{os.environ.get('PYTEST_XDIST_WORKER', 'tests')}-"
if "PYTEST_VERSION" in os.environ and _PREFIX not in os.environ.get("RAY_TMPDIR", ""):
    os.environ["RAY_TMPDIR"] = tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp")
    Path(os.environ["RAY_TMPDIR"], "ray").mkdir()  # ray.cluster_utils expects it
    atexit.register(shutil.rmtree, os.environ["RAY_TMPDIR"], ignore_errors=True)
