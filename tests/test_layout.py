"""Imports point down: what each room may know of the others."""

import ast
from pathlib import Path

from tests.conftest import ROOT

# Everybody may know these, which know nobody.
COMMON = {"errors", "counts", "__version__"}
LINE = {"command_line"}  # what every job has
MAY_IMPORT = {
    "errors": set(),
    "counts": set(),
    "config": set(),
    "command_line": {"config"},
    "__main__": {"command_line"},
    "parquet": set(),
    "store": {"config"},
    "corpus": {"store", "parquet", "config"},
    "engines": {"store", "config"},
    "judges": {"engines", "config"},
    "cluster": {"config"},
    "run": {"corpus", "store", "cluster", "config"},
    "scored": {"run", "corpus", "store", "cluster", "config"},
    "report": {"scored", "run", "judges", "corpus", "store", "cluster", "config"} | LINE,
    "filter": {"scored", "run", "corpus", "parquet", "store", "cluster", "config"} | LINE,
    "nightly": {"score", "report", "filter", "scored", "run", "corpus", "store", "config"} | LINE,
    "status": {"nightly", "report", "filter", "scored", "run", "corpus", "store", "config"} | LINE,
    "score": {"run", "judges", "engines", "corpus", "store", "cluster", "config"} | LINE,
}


def imported(source: str) -> set[str]:
    """Rooms of rm_ray that some code imports, anywhere in it."""
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole path"
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    parts = [module.split(".") for module in modules]
    return {names[1] for names in parts if names[0] == "rm_ray" and len(names) > 1}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "rm_ray").with_suffix("").parts[0]


def test_rooms_know_only_what_is_below_them():
    files = [path for path in (ROOT / "rm_ray").rglob("*.py") if path.parent.name != "rm_ray"]
    files += [path for path in (ROOT / "rm_ray").glob("*.py") if path.name != "__init__.py"]
    assert {room_of(path) for path in files} == MAY_IMPORT.keys()
    wrong = [
        f"{path.relative_to(ROOT)} imports {other}"
        for path in files
        for other in imported(path.read_text())
        if other not in {room_of(path), *MAY_IMPORT[room_of(path)], *COMMON}
    ]
    assert not wrong


def test_every_way_to_import_is_seen():
    source = """
from rm_ray import command_line
import rm_ray.store.folder
def late():
    from rm_ray.score.job import score
"""
    assert imported(source) == {"command_line", "store", "score"}
