"""Adds the configurations, the shipped judges and the demo to the wheel, as `rm_ray/shipped`.

Everything else about the package is in pyproject.toml. A checkout has these folders beside rm_ray/,
and needs no copy.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Folders of the checkout that a wheel has too, with the names of their files.
SHIPPED = {
    "jobs": "*.yaml",
    "jobs/judges": "*.yaml",
    "demo": "*.[pt][yo]*",
    "demo/judge": "*.yaml",
    "demo/tiny_judge": "*",
}


class BuildWithShipped(build_py):
    """Copies the shipped files beside the package's modules."""

    def run(self) -> None:
        """Build the modules, then copy."""
        super().run()
        if self.editable_mode:
            return
        for folder, names in SHIPPED.items():
            target = Path(self.build_lib) / "rm_ray" / "shipped" / folder
            target.mkdir(parents=True, exist_ok=True)
            for file in (ROOT / folder).glob(names):
                if file.is_file():
                    shutil.copy(file, target)


setup(cmdclass={"build_py": BuildWithShipped})
