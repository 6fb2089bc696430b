"""The files that come with the package: configurations, judges, and the demo.

A checkout has them beside rm_ray/. A wheel has them in rm_ray/shipped (setup.py).
"""

import os
import subprocess
import sys
from pathlib import Path

import rm_ray


def shipped() -> Path:
    """Return the folder that holds jobs/ and demo/."""
    package = Path(rm_ray.__file__).parent
    inside = package / "shipped"
    return inside if inside.exists() else package.parent


def run_demo() -> int:
    """Run the demo in the present folder, in a process of its own; return its exit status."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(shipped()), *_python_path()])}
    return subprocess.run([sys.executable, "-m", "demo.run"], env=env, check=False).returncode


def _python_path() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH", "")] if path]
