"""Make small Parquet files of many writers, and a list of them.

    python -m benchmarks.writers.make FOLDER [--environments FOLDER]

Every writer has a program in the folder `programs`. Its packages are installed, at the versions in
this file, into an environment in the folder `--environments` (by default the folder `environments`
beside FOLDER). Programs share an environment if their packages agree. FOLDER/index.json lists every
file: its name, its writer, the writer's version, and its special feature.

A writer that is in the list already is left as it is. A writer that cannot be installed, or fails,
is named and skipped. Spark needs Java; the writers in JavaScript need node and npm.
"""

import argparse
import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.writers.documents import documents

PROGRAMS = Path(__file__).parent / "programs"
ROWS = 200
# Packages for all Python environments, besides the writers.
CONSTRAINTS = ("numpy==2.4.6", "pandas==3.1.1", "pyarrow==26.0.1", "shapely==2.2.0")

Entry = dict[str, str]


class CommandError(Exception):
    """A command of another program failed. The message holds the last lines that it printed."""


@dataclass(frozen=True)
class Writer:
    """A program that writes files."""

    name: str
    """Name of the writer and of its program."""
    packages: tuple[str, ...]
    """Packages to install, with versions."""
    environment: str = "python"
    """Name of the environment, shared by all writers with this name."""
    needs: str = ""
    """A command that must be installed on this machine; empty for none."""

    @property
    def in_javascript(self) -> bool:
        return self.needs == "npm"

    @property
    def program(self) -> Path:
        return PROGRAMS / f"write_{self.name}{'.mjs' if self.in_javascript else '.py'}"


WRITERS = (
    Writer("pyarrow", ("pyarrow==26.0.1",)),
    Writer("pandas", ("pandas==3.1.1", "pyarrow==26.0.1")),
    Writer("duckdb", ("duckdb==2.0.1",)),
    Writer("polars", ("polars==2.1.0",)),
    Writer("fastparquet", ("fastparquet==2026.9.0",)),
    Writer("clickhouse", ("chdb==4.4.0", "chdb-core==26.9.0")),
    Writer("delta", ("deltalake==1.6.6", "pyarrow==26.0.1")),
    Writer("iceberg", ("pyiceberg[sql-sqlite,pyarrow]==0.12.0",)),
    Writer("datasets", ("datasets==5.2.0",)),
    Writer("geopandas", ("geopandas==1.2.0", "pyarrow==26.0.1")),
    Writer("arro3", ("arro3-io==0.9.1", "arro3-core==0.9.1", "pyarrow==26.0.1")),
    Writer("daft", ("daft==0.6.14",)),
    Writer("spark", ("pyspark==4.3.0",), "spark", "java"),
    Writer("hyparquet", ("hyparquet-writer@0.17.0",), "node", "npm"),
    # 1.9.3, the newest one, is published without the code that its package.json names.
    Writer("parquetjs", ("@dsnp/parquetjs@1.8.9",), "node", "npm"),
)


def run(command: Sequence[str | Path], folder: Path | None = None) -> str:
    """Run a command and return its output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise CommandError("\n    ".join(told) or f"exit status {done.returncode}")
    return done.stdout


def python_of(environment: Path) -> Path:
    """Return the Python of an environment; make the environment if it is missing."""
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        (environment / "constraints.txt").write_text("\n".join(CONSTRAINTS))
    return python


def install(writer: Writer, environment: Path) -> None:
    """Install a writer's packages, unless a mark file says that they are installed."""
    mark = environment / f"{writer.name}.installed"
    if mark.exists() and mark.read_text() == " ".join(writer.packages):
        return
    if writer.in_javascript:
        environment.mkdir(parents=True, exist_ok=True)
        run(["npm", "install", "--silent", "--prefix", environment, *writer.packages])
    else:
        pip: list[str | Path] = [python_of(environment), "-m", "pip", "install", "--quiet"]
        run([*pip, "--constraint", environment / "constraints.txt", *writer.packages])
    mark.write_text(" ".join(writer.packages))


def write(writer: Writer, environment: Path, folder: Path) -> list[Entry]:
    """Run a writer's program and return the files that it wrote."""
    if writer.in_javascript:
        # node looks for packages beside the program.
        program = shutil.copy(writer.program, environment)
        told = run(["node", program, folder], environment)
    else:
        told = run([python_of(environment), writer.program, folder])
    return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


def make(writer: Writer, folder: Path, environments: Path) -> list[Entry]:
    """Return the files of a writer; if that fails, print why and return none."""
    if writer.needs and not shutil.which(writer.needs):
        print(f"{writer.name}: skipped, for there is no command {writer.needs}")
        return []
    environment = environments / writer.environment
    doing = "installing"
    try:
        install(writer, environment)
        doing = "writing"
        made = write(writer, environment, folder)
    except CommandError as error:
        print(f"{writer.name}: skipped, for {doing} failed:\n    {error}")
        return []
    print(f"{writer.name}: {len(made)} files")
    return made


def make_all(folder: Path, environments: Path) -> None:
    """Make the files of all writers that are not in the list. The list is written after each
    writer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    (folder / "documents.json").write_text(json.dumps(documents(ROWS)))
    made: list[Entry] = json.loads(index.read_text()) if index.exists() else []
    for writer in WRITERS:
        if any(entry["file"].startswith(f"{writer.name}-") for entry in made):
            print(f"{writer.name}: made before")
            continue
        made += make(writer, folder, environments)
        index.write_text(json.dumps(made, indent=1))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--environments", type=Path)
    options = parser.parse_args(arguments)
    folder: Path = options.folder.resolve()
    environments: Path = options.environments or folder.parent / "environments"
    make_all(folder, environments.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
