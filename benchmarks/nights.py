"""Simulated nights of passages of real text, to test that alerts come exactly as expected.

    python -m benchmarks.nights --corpus ../shared/data/corpus

Passages of a corpus (columns text, source) and their twins with shuffled words are scored once by
the tiny judge. A night is drawn from the passages with replacement, 200 per source. Twenty quiet
nights come first. Then a source breaks in every second night: it has the twins; it shrinks to a
quarter; it is one repeated passage; 40% of it are empty; its documents have a tenth of their
tokens; one reward is 65,504, which is no alert. All the time, another source gets worse by 0.03
standard deviations a night.
"""

import argparse
import logging
import random
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.report.config import ReportConfig
from rm_ray.report.job import report
from tests.conftest import ROOT
from tests.jobs import environment
from tests.report.runs import add_night

WORDS, EACH, SEED = 150, 200, 2026
QUIET = 20


def name_of(number: int) -> str:
    """Return the name of a night, counted from 1; the first is a Sunday."""
    return (date(2026, 11, 1) + timedelta(number - 1)).isoformat()


# The breaks by night: the source, and the rule that must alert; an outlier is no alert.
BREAKS = {
    QUIET + 1: ("speech", "drift"),
    QUIET + 3: ("stack-exchange", "volume"),
    QUIET + 5: ("web", "spread"),
    QUIET + 7: ("speech", "rewarded"),
    QUIET + 9: ("web", "tokens"),
    QUIET + 11: ("web", None),
}
# The source that gets worse, standard deviations per night, and the first Monday after six weeks.
CREEPS, STEP, SEEN = "arxiv", 0.03, 44
EXPECTED = {(name_of(night), source, rule) for night, (source, rule) in BREAKS.items() if rule} | {
    (name_of(SEEN), CREEPS, "creep")
}


def passages(corpus: Path) -> Iterator[dict[str, str]]:
    """Return passages of about this many words, and their spoiled twins."""
    rng = random.Random(SEED)
    for row in pq.read_table(corpus, columns=["text", "source"]).to_pylist():
        words = re.findall(r"\S+\s*", row["text"])  # with the space that follows
        for start in range(0, max(1, len(words) - WORDS + 1), WORDS)[:60]:
            passage = words[start : start + WORDS]
            yield {"text": "".join(passage), "source": row["source"], "kind": "real"}
            rng.shuffle(passage)
            yield {"text": "".join(passage), "source": row["source"], "kind": "spoiled"}


def scored_pool(corpus: Path, folder: Path) -> list[dict[str, Any]]:
    """Return the passages with their rewards."""
    rows = [{"id": f"p{i}"} | one for i, one in enumerate(passages(corpus))]
    pq.write_table(pa.Table.from_pylist(rows), folder / "pool.parquet")
    words = ["--config", "jobs/demo.yaml", "--input.path", str(folder / "pool.parquet")]
    words += ["--input.keep", "source,kind,text", "--output.path", str(folder / "pool")]
    subprocess.run(
        [sys.executable, "jobs/score.py", *words], cwd=ROOT, env=environment(), check=True
    )
    found = pq.read_table(folder / "pool" / "rewards").to_pylist()
    return [row for row in found if row["status"] == "ok"]


def night(pool: list[dict[str, Any]], number: int) -> pa.Table:
    """Return one night's documents."""
    rng = random.Random(SEED * 1000 + number)
    broken, how = BREAKS.get(number, ("", None))
    rows = []
    for source in sorted({row["source"] for row in pool}):
        rule = how if source == broken else ""
        kind = "spoiled" if rule == "drift" else "real"
        known = [row for row in pool if (row["source"], row["kind"]) == (source, kind)]
        drawn = rng.choices(known, k=EACH // 4 if rule == "volume" else EACH)
        if rule == "spread":
            drawn = [drawn[0]] * len(drawn)
        if source == CREEPS:
            sd = statistics.pstdev(row["reward"] for row in known)
            drawn = [row | {"reward": row["reward"] - STEP * sd * number} for row in drawn]
        if rule == "rewarded":
            nothing = {"reward": None, "status": "empty", "n_tokens": 0}
            drawn[: EACH * 2 // 5] = [row | nothing for row in drawn[: EACH * 2 // 5]]
        if rule == "tokens":
            drawn = [row | {"n_tokens": row["n_tokens"] // 10} for row in drawn]
        if rule is None:
            drawn[0] = drawn[0] | {"reward": 65504.0}
        rows += drawn
    rng.shuffle(rows)
    names = ("id", "text", "source", "reward", "n_tokens", "status", "error")
    types = {"reward": pa.float32(), "n_tokens": pa.int64()}
    columns = {n: pa.array([row[n] for row in rows], types.get(n, pa.string())) for n in names}
    return pa.table(columns)


def main() -> int:
    """Run all nights; return 0 if the alerts are exactly as expected."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--keep", type=Path, help="folder to leave the last reports in")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    found = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pool = scored_pool(given.corpus, folder)
        print(f"{len(pool):,} passages scored")
        for number in range(1, SEEN + 2):
            label = name_of(number)
            add_night(folder, label, night(pool, number))
            config = {
                "rewards": {"path": str(folder / "scored"), "segments": [-1]},
                "output": {"path": str((given.keep or folder) / label)},
                "history": {"path": str(folder / "history")},
                "by": ["source"],
                "night": label,
            }
            said = report(ReportConfig.model_validate(config)).verdict
            alerts = [a for a in said.alerts if a.folded_into is None]
            found |= {(label, a.group or "all documents", a.rule) for a in alerts}
            folded = [f"({a.group or 'all'}: {a.rule})" for a in said.alerts if a.folded_into]
            print(label, said.status, *(f"{a.group}: {a.sentence};" for a in alerts), *folded,
                  flush=True)  # fmt: skip
    print("exactly the alerts expected" if found == EXPECTED else f"differ: {found ^ EXPECTED}")
    return int(found != EXPECTED)


if __name__ == "__main__":
    sys.exit(main())
