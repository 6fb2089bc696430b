"""Imports point down: what each room may know of the others."""

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

# Everybody may know these, which know nobody.
COMMON = {"ending", "errors", "counts", "addresses", "__version__"}
LINE = {"command_line"}  # what every job has
MAY_IMPORT = {
    "ending": set(),
    "errors": set(),
    "addresses": set(),
    "counts": set(),
    "config": set(),
    "command_line": {"config"},
    "__main__": {"command_line"},
    "parquet": set(),
    "store": {"config"},
    "corpus": {"store", "parquet", "tasks", "config"},
    "engines": {"store", "config"},
    "judges": {"engines", "config"},
    "cluster": {"config"},
    "tasks": {"cluster"},
    "run": {"corpus", "store", "tasks", "cluster", "config"},
    "scored": {"run", "corpus", "store", "tasks", "config"},
    "report": {"scored", "run", "judges", "corpus", "store", "tasks", "cluster", "config"} | LINE,
    "filter": {"scored", "run", "corpus", "parquet", "store", "tasks", "cluster", "config"} | LINE,
    "convert": {"run", "corpus", "store", "tasks", "cluster", "config"} | LINE,
    "select": {
        *("score", "report", "filter", "scored", "run", "judges", "engines", "corpus", "store"),
        *("tasks", "config"),
    }
    | LINE,
    "nightly": {"score", "report", "filter", "scored", "run", "corpus", "store", "config"} | LINE,
    "status": {
        *("nightly", "select", "report", "filter", "convert", "pairs", "evaluate", "scored", "run"),
        *("corpus", "store", "config"),
    }
    | LINE,
    "pairs": {
        *("score", "run", "judges", "engines", "corpus", "store", "tasks", "cluster"),
        "config",
    }
    | LINE,
    "evaluate": {
        *("pairs", "score", "scored", "report", "run", "judges", "engines", "corpus", "store"),
        "config",
    }
    | LINE,
    "score": {"run", "judges", "engines", "corpus", "store", "tasks", "cluster", "config"} | LINE,
    "train": {"pairs", "scored", "run", "judges", "engines", "corpus", "store", "cluster", "config"}
    | LINE,
}


# The same inside the rooms: what an inner room may know of its own room's files and inner rooms.

INNER = {
    "run": {
        "faults": {"counts"},
        "standing": {"counts"},
        "output": {"faults", "counts"},
        "progress": {"output", "standing", "faults", "counts", "shard_job"},
    },
    "report": {
        "measure": {"config", "facts", "figures"},
        "compare": {"measure", "config", "facts", "figures"},
        "show": {"facts", "figures"},
    },
    "engines": {"generate": {"engine", "read_outs", "vllm"}},
    "pairs": {"worsen": set()},
    "convert": {
        "lance": {"config", "conversion", "fingerprint", "shard_stage", "writing"},
    },
    "corpus": {
        "tables": {
            "alone",
            "columns",
            "parquet",
            "passed_over",
            "plan",
            "rows",
            "sample",
            "shards",
        },
    },
    "train": {"data": {"config", "start", "task"}},
    "select": {"statistics": set()},
    "filter": {
        "count": {"config", "condition", "delivery", "rule"},
        "copy": {"count", "config", "counts", "column_checks"},
    },
    "judges": {
        family: {
            *("chats", "encoding", "frame", "judge", "keys", "pairs", "plain", "reduction"),
            *("template", "text", "tokens", "whole"),
        }
        for family in ("classifier", "preference", "quantile", "regression")
    },
}
# A room holds so many files at most, and a file so many lines.
MOST_FILES, MOST_LINES = 26, 400


def modules_of(source: str, package: str = "rm_ray") -> list[str]:
    """What some code imports of a package, anywhere in it; `a.b` for `b` of `a`."""
    modules = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole path"
            modules += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
    return [module for module in modules if module.startswith(f"{package}.")]


def imported(source: str) -> set[str]:
    """Rooms of rm_ray that some code imports."""
    return {module.split(".")[1] for module in modules_of(source)}


def files() -> dict[str, Path]:
    """Every file of rm_ray by its dotted name."""
    root = ROOT / "rm_ray"
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in root.rglob("*.py")
    }


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "rm_ray").with_suffix("").parts[0]


def test_rooms_know_only_what_is_below_them():
    found = {name: path for name, path in files().items() if name != "rm_ray.__init__"}
    assert {room_of(path) for path in found.values()} == MAY_IMPORT.keys()
    wrong = [
        f"{name} imports {other}"
        for name, path in found.items()
        for other in imported(path.read_text())
        if other not in {room_of(path), *MAY_IMPORT[room_of(path)], *COMMON}
    ]
    assert not wrong


def test_inner_rooms_know_only_what_is_below_them():
    wrong, seen = [], set()
    for name, path in files().items():
        _, room, *rest = name.split(".")
        if len(rest) < 2:
            continue
        inner = rest[0]
        seen.add((room, inner))
        for module in modules_of(path.read_text()):
            _, other, *there = module.split(".")
            if other == room and there[0] not in {inner, *INNER[room][inner]}:
                wrong.append(f"{name} imports {module}")
    assert not wrong
    assert seen == {(room, inner) for room, inners in INNER.items() for inner in inners}


def test_no_files_import_one_another_in_a_circle():
    """Imports for types alone, and imports inside functions, are counted too."""
    known = files()
    graph = {
        name: {
            part
            for module in modules_of(path.read_text())
            for part in (module, module.rpartition(".")[0])
            if part in known and part != name
        }
        for name, path in known.items()
    }
    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_rooms_are_not_too_full_nor_files_too_long():
    known = files()
    rooms = Counter(path.parent for path in known.values())
    assert {room.name: count for room, count in rooms.items() if count > MOST_FILES} == {}
    lengths = {name: len(path.read_text().splitlines()) for name, path in known.items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_room_opens_with_a_map_of_its_files():
    for room in {path.parent for path in files().values()} - {ROOT / "rm_ray"}:
        there = {path.stem for path in room.glob("*.py")} - {"__init__"}
        there |= {path.parent.name for path in room.glob("*/__init__.py")}
        said = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
        named = [line.split()[0] for line in said.splitlines() if line.startswith("    ")]
        assert sorted(there) == sorted(set(named) - {"rm_ray"}), room


def test_docstrings_of_classes_say_the_name_of_their_class():
    """So a class that is renamed keeps no old name. Names of products may stand there."""
    begins = re.compile(
        r"An? ([A-Z]\w*) |([A-Z][a-z]+[A-Z]\w*) |([A-Z][a-z]+) (?:is|has|holds|keeps|gives) "
    )
    products = {"Ray", "Parquet", "Python", "Arrow"}
    wrong = []
    for name, path in files().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                start = begins.match(ast.get_docstring(node) or "")
                if start and {*start.groups()} - {None, node.name, *products}:
                    wrong.append(f"{name}: {node.name}: {start[0]}")
    assert not wrong


def test_nobody_imports_a_test_module():
    """What several files need is in helper modules, which stand beside the tests."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for folder in ("tests", "benchmarks", "demo")
        for path in (ROOT / folder).rglob("*.py")
        for module in modules_of(path.read_text(), "tests")
        if ".test_" in module
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
