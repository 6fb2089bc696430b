"""Choose the JSON Lines files of a folder, and find the folder that each file has in the output."""

import re
from collections import defaultdict
from collections.abc import Sequence

from rm_ray.config import CorpusConfig
from rm_ray.corpus import passed_over
from rm_ray.corpus.files import Choice, below
from rm_ray.corpus.listing import Listed, literal_part
from rm_ray.errors import InputError
from rm_ray.store.folder import absolute

_PACKING = re.compile(r"\.(gz|gzip|zst|zstd|bz2|xz)$", re.IGNORECASE)
_NAME = re.compile(r".+\.(jsonl|ndjson|json)", re.IGNORECASE)


def is_json_lines(name: str) -> bool:
    """Return True if a file's name ends like the name of a JSON Lines file."""
    return _NAME.fullmatch(without_packing(name.rpartition("/")[2])) is not None


def without_packing(path: str) -> str:
    """Return the path of a file without the ending that tells its compression."""
    return _PACKING.sub("", path)


def choose(root: str, listed: list[Listed], config: CorpusConfig) -> Choice:
    """Return the JSON Lines files of a folder, and the names that are passed over, by kind.

    Args:
        root: the folder.
        listed: all files below it.
        config: the configuration of the input.

    Raises:
        InputError: the folder holds no JSON Lines file, or a table, whose metadata is JSON too.
    """
    by_relative = below(root, listed)
    if not by_relative:
        raise InputError(f"{config.key}.path: {root} is an empty folder")
    runs = passed_over.run_folders(by_relative)
    in_runs = tuple(f"{run}/" for run in runs)
    passed_over.refuse_tables(
        config.key, root, (name for name in by_relative if not name.startswith(in_runs))
    )
    chosen, beside = [], defaultdict[str, set[str]](set)
    beside[passed_over.RUNS] = {f"{root}/{run}" for run in runs}
    for relative, file in by_relative.items():
        if relative.startswith(in_runs) or passed_over.is_state(relative):
            continue
        if is_json_lines(relative):
            if passed_over.is_hidden(relative):
                beside["JSON Lines files that are hidden (_ or .)"].add(file.path)
            else:
                chosen.append(file)
        elif not passed_over.is_hidden(relative):
            beside["files that are not JSON Lines by their name"].add(file.path)
    if not chosen:
        raise InputError(
            f"{config.key}.path: {root} holds {len(listed)} files and no JSON Lines file: names "
            "end in .jsonl, .ndjson or .json, and may have .gz, .zst, .bz2 or .xz after that. A "
            "file with another name is read if it is named itself, or by a glob"
        )
    return chosen, beside


def folder_below(path: str, inputs: Sequence[str]) -> str:
    """Return the folders of a file below the input path that it was found by; "" for none.

    Args:
        path: path of the file.
        inputs: the input paths.

    Raises:
        InputError: a folder is hidden, and readers of the output would pass over it.
    """
    roots = [absolute(literal_part(one)).rstrip("/") for one in inputs]
    root = max((one for one in roots if path.startswith(f"{one}/")), key=len, default=None)
    folder = path.removeprefix(f"{root}/").rpartition("/")[0] if root is not None else ""
    if folder and passed_over.is_hidden(folder):
        raise InputError(
            f"input.path: {path} lies in the hidden folder {folder}, and readers of the output "
            "would pass over it; name the folder itself as --input.path"
        )
    return folder
