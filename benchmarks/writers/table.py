"""Filter Parquet files of many writers, and make a table of the results.

    python -m benchmarks.writers.table FOLDER [--also FOLDER] [--output docs/writers.md]

FOLDER was made by benchmarks.writers.make. The exit status is 1 if a copy has a difference that the
filter did not announce; the table marks it WRONG.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.writers.judge import judge_all
from benchmarks.writers.look import all_files
from benchmarks.writers.page import page
from benchmarks.writers.readers import NAMES, Reader
from benchmarks.writers.run import JobError


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--also", type=Path, action="append", default=[], help="more files")
    parser.add_argument("--output", type=Path, default=Path("docs/writers.md"))
    parser.add_argument("--environments", type=Path, help="as benchmarks.writers.make has it")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    folder: Path = options.folder.resolve()
    environments: Path = (options.environments or folder.parent / "environments").resolve()
    readers = [Reader(name, environments) for name in NAMES]
    files = all_files([folder, *(path.resolve() for path in options.also)])
    with tempfile.TemporaryDirectory() as work:
        try:
            rows = judge_all(files, readers, Path(work))
        except JobError as error:
            print(error, file=sys.stderr)
            return 1
    options.output.write_text(page(rows, {one.name: one.version for one in readers}))
    wrong = [row for row in rows if row.wrong]
    for row in wrong:
        print(f"WRONG {row.file.name}: {'; '.join(row.wrong)}")
    counts = Counter(row.verdict for row in rows)
    told = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    print(f"{len(rows)} files: {told}; {len(wrong)} wrong; {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
