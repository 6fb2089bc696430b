"""Write the training documents of the tiny judge as Parquet: `python -m demo.training_corpus`."""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demo.texts import Text, training_documents

ROWS_PER_GROUP = 1000


def write(documents: list[Text], folder: Path) -> None:
    """Write one file with the columns id, text and source (the package)."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "id": [document.source for document in documents],
            "text": [document.text for document in documents],
            "source": [document.source.split()[0] for document in documents],
        }
    )
    pq.write_table(table, folder / "documents.parquet", row_group_size=ROWS_PER_GROUP)


def main() -> None:
    """Parse the options and write the file."""
    parser = argparse.ArgumentParser(description="Write the tiny judge's training documents.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    documents = training_documents()
    write(documents, arguments.output)
    print(f"{len(documents):,} documents -> {arguments.output}")


if __name__ == "__main__":
    main()
