"""How tests run the evaluation job in their own process, and read what it wrote."""

import json
from pathlib import Path

import jsonschema

from rm_ray.evaluate.__main__ import main
from tests import fault_engine
from tests.conftest import ROOT
from tests.jobs import OPTIONS

SCHEMA = json.loads((ROOT / "rm_ray" / "evaluate" / "evaluation.schema.json").read_text())


def options(**changes) -> list[str]:
    """Of an evaluation of pairs by an engine whose answers follow from the prompt alone;
    `pairs_path=...` stands for --pairs.path, `against=...` for --against.
    """
    known = OPTIONS | {"engine.name": fault_engine.NAME, "shard.rows": "60"}
    given = known | {key.replace("_", ".", 1): str(value) for key, value in changes.items()}
    return [word for key, value in given.items() for word in (f"--{key}", value)]


def run(caplog, **changes) -> tuple[int, str]:
    """Exit status of the job, and the lines it logged."""
    caplog.clear()
    caplog.set_level("INFO")
    return main(options(**changes)), caplog.text


def look(caplog, rewards: Path, output: Path, *more: str) -> tuple[int, str]:
    """The same of an evaluation of a scoring run."""
    caplog.clear()
    caplog.set_level("INFO")
    words = ["--rewards.path", str(rewards), "--output.path", str(output), *more]
    return main(words), caplog.text


def read(output: Path) -> dict:
    """evaluation.json, which is as its schema says, without the time."""
    found = json.loads((output / "evaluation.json").read_text())
    jsonschema.validate(found, SCHEMA)
    del found["made"]
    return found


def group(evaluation: dict, by: str, name: str) -> dict:
    [found] = [one for one in evaluation["groups"] if (one["by"], one["name"]) == (by, name)]
    return found
