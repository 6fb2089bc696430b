"""Shared by the Python programs: the documents, and how to make and list files.

make.py runs each program of this folder as `python PROGRAM FOLDER`. FOLDER holds documents.json.
The program prints one line of JSON per written file.
"""

import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

Maker = Callable[[Path, list[str]], None]


def make_files(package: str, writer: str, makers: Sequence[tuple[str, str, Maker]]) -> None:
    """Write the files of one writer. A maker has a file's name, its special feature, and a
    function.
    """
    folder = Path(sys.argv[1])
    texts: list[str] = json.loads((folder / "documents.json").read_text())
    for what, special, write in makers:
        path = folder / f"{writer}-{what}.parquet"
        write(path, texts)
        entry = {"file": path.name, "writer": package, "version": version(package)}
        print(json.dumps(entry | {"special": special}), flush=True)


def only_file(folder: Path) -> Path:
    """Return the one Parquet file that a writer of whole folders left in its folder."""
    (path,) = folder.rglob("*.parquet")
    return path
