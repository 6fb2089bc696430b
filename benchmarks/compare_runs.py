"""Compare two runs over the same corpus: `python benchmarks/compare_runs.py OUT_A OUT_B`.

Used to check that engines agree (largest difference), and to measure the effect of a setting on
rewards (mean difference, rank correlation). Rows are matched by file and row number.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


def rewards(output: str) -> dict[tuple[str, int], float]:
    """Return the rewards of the documents that have one, by file and row."""
    columns = ["source_file", "row", "reward"]
    rows = pq.read_table(Path(output) / "rewards", columns=columns).to_pylist()
    return {(r["source_file"], r["row"]): r["reward"] for r in rows if r["reward"] is not None}


def compare(one: str, other: str) -> str:
    """Describe in one paragraph: documents, differences of rewards, rank correlation."""
    a, b = rewards(one), rewards(other)
    if a.keys() != b.keys():
        raise SystemExit(f"the runs reward different documents: {len(a)} and {len(b)}")
    x = np.array([a[key] for key in sorted(a)])
    y = np.array([b[key] for key in sorted(a)])
    difference = np.abs(x - y)
    ranks = np.corrcoef(x.argsort().argsort(), y.argsort().argsort())[0, 1]
    return (
        f"{len(x):,} rewards, standard deviation {x.std():.4f}\n"
        f"difference: largest {difference.max():.2e}, mean {difference.mean():.2e}\n"
        f"rank correlation {ranks:.4f}"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    print(compare(sys.argv[1], sys.argv[2]))
