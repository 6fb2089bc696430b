"""evidently's drift reports of one night: over all documents, and one per source.

`evidently's python evidently_nights.py OUT TONIGHT BEFORE...`: the arguments are scoring runs. OUT
gets a page per report, and said.json, a list of `Said`. The script runs in an environment of its
own and imports nothing of rm_ray.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


@dataclass(frozen=True)
class Said:
    """evidently's result for one column."""

    source: str | None
    """The source; None in the report over all."""
    column: str
    """The column."""
    method: str
    """Name of evidently's method."""
    threshold: float
    """evidently's threshold."""
    score: float
    """evidently's score."""
    drifted: bool
    """evidently's own verdict."""


def rewards(runs: list[Path]) -> pa.Table:
    """Return the documents of several runs that have a reward."""
    tables = [pq.read_table(run / "rewards", columns=["reward", "source"]) for run in runs]
    return pa.concat_tables(tables).drop_null()


def compare(tonight: pa.Table, before: pa.Table, source: str | None, page: Path) -> list[Said]:
    """Run the preset with its defaults, write its page, and return its result for each column."""
    numbers = DataDefinition(
        numerical_columns=["reward"],
        categorical_columns=["source"] if source is None else [],
    )
    current, reference = (
        Dataset.from_pandas(table.select(names_of(numbers)).to_pandas(), data_definition=numbers)
        for table in (tonight, before)
    )
    found = Report([DataDriftPreset()], include_tests=True).run(current, reference)
    found.save_html(str(page))
    told = json.loads(found.json())
    failed = {test["metric_config"]["metric_id"] for test in told["tests"]
              if test["status"] == "FAIL"}  # fmt: skip
    return [
        Said(source, one["config"]["column"], one["config"]["method"], one["config"]["threshold"],
             one["value"], one["id"] in failed)
        for one in told["metrics"] if "column" in one["config"]
    ]  # fmt: skip


def names_of(numbers: DataDefinition) -> list[str]:
    return [*numbers.numerical_columns, *numbers.categorical_columns]


def main(out: Path, tonight: pa.Table, before: pa.Table) -> None:
    out.mkdir(parents=True)
    said = compare(tonight, before, None, out / "all.html")
    for source in sorted(set(before.column("source").unique().to_pylist())):
        theirs = [table.filter(pa.compute.equal(table.column("source"), source))
                  for table in (tonight, before)]  # fmt: skip
        if len(theirs[0]):
            said += compare(*theirs, source, out / f"{source}.html")
    (out / "said.json").write_text(json.dumps([asdict(one) for one in said]))


if __name__ == "__main__":
    folder, *runs = map(Path, sys.argv[1:])
    main(folder, rewards(runs[:1]), rewards(runs[1:]))
