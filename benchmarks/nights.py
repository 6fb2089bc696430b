"""Nights that are possible: what alerts, and what does not, on passages of real text.

    python -m benchmarks.nights --corpus ../shared/data/corpus

Passages of a corpus (columns text, source) and their twins with shuffled words are scored once by
the tiny judge. A night is drawn from the passages with replacement, 200 a source; its rewards are
theirs. Twenty quiet nights come first. Then one source has the twins, one shrinks to a quarter, one
is one passage again and again, with a quiet night after each.
"""

import argparse
import logging
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.report.config import ReportConfig
from rm_ray.report.job import report
from tests.conftest import ROOT
from tests.jobs import environment
from tests.report.runs import add_night

WORDS, EACH, SEED = 150, 200, 2026
QUIET = 20
BROKEN, SHRUNK, STUCK = "speech", "stack-exchange", "web"


def name_of(number: int) -> str:
    """A night's, from 1 on."""
    return f"2026-11-{number:02}"


EXPECTED = {
    (name_of(QUIET + 1), BROKEN, "drift"),
    (name_of(QUIET + 3), SHRUNK, "volume"),
    (name_of(QUIET + 5), STUCK, "spread"),
}


def passages(corpus: Path) -> Iterator[dict[str, str]]:
    """Of about so many words, and their spoiled twins."""
    rng = random.Random(SEED)
    for row in pq.read_table(corpus, columns=["text", "source"]).to_pylist():
        words = re.findall(r"\S+\s*", row["text"])  # with the space that follows
        for start in range(0, max(1, len(words) - WORDS + 1), WORDS)[:60]:
            passage = words[start : start + WORDS]
            yield {"text": "".join(passage), "source": row["source"], "kind": "real"}
            rng.shuffle(passage)
            yield {"text": "".join(passage), "source": row["source"], "kind": "spoiled"}


def scored_pool(corpus: Path, folder: Path) -> list[dict[str, object]]:
    """The passages with their rewards."""
    rows = [{"id": f"p{i}"} | one for i, one in enumerate(passages(corpus))]
    pq.write_table(pa.Table.from_pylist(rows), folder / "pool.parquet")
    words = ["--config", "jobs/demo.yaml", "--input.path", str(folder / "pool.parquet")]
    words += ["--input.keep", "source,kind,text", "--output.path", str(folder / "pool")]
    subprocess.run(
        [sys.executable, "jobs/score.py", *words], cwd=ROOT, env=environment(), check=True
    )
    found = pq.read_table(folder / "pool" / "rewards").to_pylist()
    return [row for row in found if row["status"] == "ok"]


def night(pool: list[dict[str, object]], number: int) -> pa.Table:
    """One night's documents."""
    rng = random.Random(SEED * 1000 + number)
    name, rows = name_of(number), []
    for source in sorted({str(row["source"]) for row in pool}):
        broken = (name, source, "drift") in EXPECTED
        kind = "spoiled" if broken else "real"
        known = [row for row in pool if (row["source"], row["kind"]) == (source, kind)]
        count = EACH // 4 if (name, source, "volume") in EXPECTED else EACH
        drawn = rng.choices(known, k=count)
        if (name, source, "spread") in EXPECTED:
            drawn = [drawn[0]] * count
        rows += drawn
    rng.shuffle(rows)
    names = ("id", "text", "source", "reward", "n_tokens", "status", "error")
    return pa.table({
        name: pa.array([row[name] for row in rows],
                       pa.float32() if name == "reward" else pa.int64() if name == "n_tokens"
                       else pa.string())
        for name in names
    })  # fmt: skip


def main() -> int:
    """0 where the alerts are exactly those expected."""
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
        for number in range(1, QUIET + 7):
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
