"""Independent readers compare copies with their sources, each in a process of its own."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.writers.make import PROGRAMS, WRITERS, install, python_of

NAMES = {"duckdb": "DuckDB", "polars": "Polars", "fastparquet": "fastparquet", "pyarrow": "pyarrow"}
MOST_SECONDS = 300


@dataclass(frozen=True)
class Task:
    """A file and its copies, to be read and compared."""

    name: str
    """The name of the file."""
    source: str
    """The file's path."""
    copies: list[str]
    """The paths of its copies, one after the other."""
    rows: list[int]
    """The numbers of the kept rows."""
    dropped: list[str]
    """Names of columns that are left out."""
    reshaped: list[str]
    """Names of columns that are written in another structure."""


@dataclass(frozen=True)
class Answer:
    """The answer of a reader to one task."""

    reads: bool
    """True if the reader can read the source."""
    said: str
    """Why the reader cannot read the source, or how the copy differs; empty for no difference."""
    reshaped: str = ""
    """Columns in another structure with values that differ from the source."""


class Reader:
    """A reader, in an environment of its own."""

    def __init__(self, name: str, environments: Path) -> None:
        writer = next(one for one in WRITERS if one.name == name)
        environment = environments / writer.environment
        install(writer, environment)
        self.name = NAMES[name]
        self.version = next(p for p in writer.packages if p.startswith(name)).split("==")[1]
        self._command = [str(python_of(environment)), str(PROGRAMS / f"read_{name}.py")]

    def ask(self, tasks: Sequence[Task]) -> dict[str, Answer]:
        """Return the answers by file name. If a process dies, the next one begins after its
        file.
        """
        found: dict[str, Answer] = {}
        rest = list(tasks)
        while rest:
            answers, began = self._run(rest)
            found |= answers
            rest = [task for task in rest if task.name not in answers]
            if rest:
                # the process died over the first of them
                died = rest.pop(0).name
                said = "the reader's process died"
                found[died] = Answer(began.get(died) == "copy", said)
        return found

    def _run(self, tasks: Sequence[Task]) -> tuple[dict[str, Answer], dict[str, str]]:
        """Run the program once; return its answers, and the files that it began to read."""
        lines = "".join(json.dumps(vars(task)) + "\n" for task in tasks)
        done = subprocess.run(
            self._command, input=lines, capture_output=True, text=True, timeout=MOST_SECONDS,
            check=False,
        )  # fmt: skip
        answers, began = {}, {}
        for line in done.stdout.splitlines():
            if not line.startswith("{"):
                continue
            told = json.loads(line)
            if "began" in told:
                began[told["name"]] = told["began"]
            else:
                answers[told["name"]] = _answer(told)
        if not began:
            raise RuntimeError(f"{self.name} did not start: {done.stderr.strip()[-500:]}")
        return answers, began


def _answer(told: dict[str, str]) -> Answer:
    if "differs" in told:
        return Answer(True, told["differs"], told["reshaped"])
    if told["failed"] == "source":
        return Answer(False, told["said"])
    return Answer(True, f"{told['failed']}: {told['said']}")
