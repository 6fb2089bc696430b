"""Reads tables of labelled pairs: runs of the job pairs, or other tables of its columns."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.errors import InputError, short
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import Folder, absolute

TRAIN, VALIDATION = "train", "validation"
# The folder of the tables in a run's folder.
PAIRS = "pairs"


@dataclass(frozen=True)
class PairsFile:
    """One Parquet file of pairs: its folder, its name and its bytes."""

    folder: Folder
    name: str
    size: int


@dataclass(frozen=True)
class PairsSource:
    """Files of pairs. `manifest`: of the run that wrote them, where it left one."""

    files: list[PairsFile]
    manifest: dict[str, Any] | None


def open_pairs(
    paths: Sequence[str], storage: StorageConfig, judge_facts: Mapping[str, Any] | None
) -> PairsSource:
    """List the files of pairs, and compare what made them with the judge.

    Args:
        paths: folders of runs of the job pairs, or folders or files of tables of its columns.
        judge_facts: `judge.chunk_tokens` and `tokenizer` of the judge; None to compare nothing.

    Raises:
        InputError: there are none, or they were made with another chunk size or tokenizer.
    """
    files: list[PairsFile] = []
    manifest = None
    for path in paths:
        root = Folder(absolute(path), storage, side="pairs")
        above = Folder(root.uri.removesuffix(f"/{PAIRS}"), storage, side="pairs")
        if run := above.read("_rm_ray/run.json"):
            _check_made_for(above, json.loads(run)["fingerprint"], judge_facts or {})
            root = above / PAIRS
            if above.size("_SUCCESS") is None:
                raise InputError(
                    f"pairs.path: {above.uri} is not complete; let the run end, or give its "
                    "folder's tables by a copy"
                )
            left = above.read("manifest.json")
            manifest = json.loads(left) if left else manifest
        files += _tables(root)
    return PairsSource(files, manifest)


def read_pairs(
    source: PairsSource, columns: Sequence[str], split: str | None = None
) -> Iterator[pa.Table]:
    """The columns of each file, of the pairs of one split or of all.

    Raises:
        InputError: a file cannot be read, or lacks a column.
    """
    for file in source.files:
        asked = list(dict.fromkeys([*columns, *(["split"] if split else [])]))
        where = f"{file.folder.path}/{file.name}"
        try:
            table = pq.read_table(where, columns=asked, filesystem=_arrow_fs(file.folder))
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"pairs.path: cannot read {where}: {short(error)}") from None
        if lacking := [name for name in asked if name not in table.column_names]:
            raise InputError(f"pairs.path: {where} has no column {lacking[0]}")
        if split:
            table = table.filter(pc.equal(table.column("split"), split))
        yield table.select(list(columns))


def _arrow_fs(folder: Folder) -> Any:
    return open_filesystem(folder.uri, folder.storage)


def _tables(root: Folder) -> list[PairsFile]:
    if root.uri.endswith(".parquet"):
        parent, _, name = root.uri.rpartition("/")
        folder, names = Folder(parent, root.storage, side="pairs"), [name]
    else:
        folder, names = root, [name for name in root.names() if name.endswith(".parquet")]
    sizes = [(name, folder.size(name)) for name in names]
    files = [PairsFile(folder, name, size) for name, size in sizes if size is not None]
    if not files:
        raise InputError(f"pairs.path: there is no table of pairs at {root.uri}")
    return files


def _check_made_for(run: Folder, made: Mapping[str, Any], judge: Mapping[str, Any]) -> None:
    chunk = made.get("judge.chunk_tokens")
    if chunk is not None and "judge.chunk_tokens" in judge and chunk != judge["judge.chunk_tokens"]:
        raise InputError(
            f"pairs.path: the pairs of {run.uri} were made with chunks of {chunk} tokens, and the "
            f"judge has {judge['judge.chunk_tokens']} (judge.chunk_tokens)"
        )
    tokenizer = made.get("tokenizer")
    if tokenizer and "tokenizer" in judge and tokenizer != judge["tokenizer"]:
        raise InputError(
            f"pairs.path: the pairs of {run.uri} were made with another tokenizer ({tokenizer}) "
            f"than the judge's ({judge['tokenizer']}); make them again with this judge's"
        )
