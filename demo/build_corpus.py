"""Build the demo's corpus: `python -m demo.build_corpus --output DIR`.

It has real documents that the tiny judge has never seen, junk made from other unseen documents, and
a few edge cases: null, empty and too short. Columns: id, text, kind, source.
"""

import argparse
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.evaluate import REAL
from demo.spoil import TRAINING, UNSEEN
from demo.texts import Text, evaluation_documents

REAL_DOCUMENTS = 200
JUNK_OF_A_KIND = 40
ROWS_PER_GROUP = 64
FILES = 3
SEED = 0
EDGES = {"null": None, "empty": "", "short": "Too short to judge."}

Row = dict[str, str | None]


def build(documents: list[Text], rng: random.Random) -> list[Row]:
    """Return the corpus's rows in random order; the lengths of junk follow the real documents."""
    documents = rng.sample(documents, len(documents))
    real = documents[:REAL_DOCUMENTS]
    rest = documents[REAL_DOCUMENTS:]
    rows: list[Row] = [_row(f"real-{i:04d}", d.text, REAL, d.source) for i, d in enumerate(real)]
    for kind, spoil in {**TRAINING, **UNSEEN}.items():
        for i, document in enumerate(rng.choices(rest, k=JUNK_OF_A_KIND)):
            others = [other.text for other in rng.sample(rest, 3)]
            junk = spoil(document.text, rng, others)
            rows.append(_row(f"{kind}-{i:04d}", junk, kind, document.source))
    rows += [_row(f"edge-{name}", text, "edge", "none") for name, text in EDGES.items()]
    rng.shuffle(rows)
    return rows


def _row(name: str, text: str | None, kind: str, source: str) -> Row:
    return {"id": name, "text": text, "kind": kind, "source": source}


def write(rows: list[Row], folder: Path) -> None:
    """Write the rows to several files, each with several row groups."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(FILES):
        table = pa.Table.from_pylist(rows[i::FILES])
        pq.write_table(table, folder / f"documents-{i}.parquet", row_group_size=ROWS_PER_GROUP)


def main() -> None:
    """Parse the options and build the corpus."""
    parser = argparse.ArgumentParser(description="Build the demo's corpus.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    rows = build(evaluation_documents(), random.Random(SEED))
    write(rows, arguments.output)
    print(f"{len(rows)} documents in {FILES} files -> {arguments.output}")


if __name__ == "__main__":
    main()
