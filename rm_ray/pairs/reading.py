"""Read pairs from runs of jobs/pairs.py, or from tables with prompt, chosen and rejected."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig, StorageConfig
from rm_ray.corpus.files import InputFile, list_files
from rm_ray.errors import InputError, short
from rm_ray.pairs.table import SCHEMA
from rm_ray.store.filesystem import open_filesystem
from rm_ray.store.folder import Folder, absolute

# The folder of the parts of a run of jobs/pairs.py.
PAIRS = "pairs"
# Columns of every table of pairs.
TEXTS = ("prompt", "chosen", "rejected")
# Settings in which pairs must agree with the judge, by their names in fingerprints.
TOKENIZER, CHUNK = "tokenizer", "judge.chunk_tokens"


@dataclass(frozen=True)
class PairsSource:
    """A source of pairs is some Parquet files."""

    files: list[InputFile]
    """Files, in the order of the given paths, and sorted within each of these."""
    manifest: dict[str, Any] | None
    """Content of the run's manifest.json; None unless all files are of one run."""
    storage: StorageConfig = field(default_factory=StorageConfig)
    """Access to the store of the files."""


def open_pairs(
    paths: Sequence[str],
    storage: StorageConfig,
    judge_facts: Mapping[str, Any] | None,
    *,
    allow_incomplete: bool = False,
) -> PairsSource:
    """List the files of pairs, and check that the pairs fit this judge.

    Args:
        paths: folders of runs of jobs/pairs.py, their folders of pairs, or files, folders and globs
            of tables with the columns prompt, chosen and rejected.
        storage: access to the store of the files.
        judge_facts: the settings that pairs must agree with: `tokenizer` (its digest) and
            `judge.chunk_tokens`, as in the fingerprints of the judge and its tokenizer; None to
            check nothing.
        allow_incomplete: take a run that has not ended.

    Raises:
        InputError: there are no pairs, a run is not complete, or its pairs do not fit the judge.
    """
    files: list[InputFile] = []
    manifests = []
    for path in paths:
        root = _root_of_run(path, storage)
        if root is None:
            files += list_files(_corpus(path, storage)).files
            continue
        run = _stored(root)
        _check_complete(root, allow_incomplete)
        if judge_facts is not None:
            check_facts(root.uri, run["fingerprint"], judge_facts)
        files += list_files(_corpus((root / PAIRS).uri, storage)).files
        manifest = root.read("manifest.json")
        manifests += [json.loads(manifest)] if manifest else []
    _check_columns(files[0], storage)
    alone = len(paths) == 1 and len(manifests) == 1
    return PairsSource(files, manifests[0] if alone else None, storage)


def read_pairs(
    source: PairsSource, columns: Sequence[str], split: str | None = None
) -> Iterator[pa.Table]:
    """Yield the pairs, file by file, row group by row group.

    Args:
        source: the files.
        columns: names of the columns. A column of `SCHEMA` that a file lacks is null, unless it is
            a text.
        split: read only pairs of this split, from files that have a column `split`; None for all.

    Raises:
        InputError: a file cannot be read, or lacks a column.
    """
    for file in source.files:
        try:
            with open_filesystem(file.path, source.storage).open(file.path, "rb") as opened:
                yield from _read(pq.ParquetFile(opened), file, columns, split)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"cannot read the pairs in {file.path}: {short(error)}") from None


def check_facts(where: str, made: Mapping[str, Any], judge: Mapping[str, Any]) -> None:
    """Refuse pairs that were made with another chunk length or tokenizer than the judge's.

    Raises:
        InputError: the settings differ; the message gives both.
    """
    if CHUNK in judge and made.get(CHUNK) != judge[CHUNK]:
        raise InputError(
            f"the pairs in {where} were made with chunks of {made.get(CHUNK)} tokens, and the "
            f"judge has {judge[CHUNK]}; make pairs with --judge.chunk_tokens {judge[CHUNK]}"
        )
    if TOKENIZER in judge and made.get(TOKENIZER) != judge[TOKENIZER]:
        raise InputError(
            f"the pairs in {where} were made with another tokenizer ({made.get(TOKENIZER)}) than "
            f"the judge's ({judge[TOKENIZER]}); make pairs with the section judge of this judge"
        )


def _read(
    file: pq.ParquetFile, where: InputFile, columns: Sequence[str], split: str | None
) -> Iterator[pa.Table]:
    present = set(file.schema_arrow.names)
    chooses = split is not None and "split" in present
    names = dict.fromkeys([*columns, *(["split"] if chooses else [])])
    lacking = [name for name in names if name not in present]
    if unknown := [name for name in lacking if name not in SCHEMA.names or name in TEXTS]:
        raise InputError(f"{where.path} has no column {unknown[0]!r}; it is not a table of pairs")
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group, [name for name in names if name in present])
        if chooses:
            rows = rows.filter(pc.equal(rows.column("split"), split))
        for name in lacking:
            rows = rows.append_column(name, pa.nulls(len(rows), SCHEMA.field(name).type))
        if len(rows):
            yield rows.select(list(columns))


class _Paths(CorpusConfig):
    """The paths of pairs."""

    key: ClassVar = "pairs"


def _corpus(path: str, storage: StorageConfig) -> CorpusConfig:
    return _Paths(path=path, storage=storage)


def _root_of_run(path: str, storage: StorageConfig) -> Folder | None:
    """Return the folder of the run that a path leads to; None if it leads to no run."""
    if any(sign in path for sign in "*?["):
        return None
    folder = Folder(absolute(path), storage, side="input")
    above = folder.uri.rstrip("/").rpartition("/")
    roots = [folder] if above[2] != PAIRS else [folder, Folder(above[0], storage, side="input")]
    try:
        return next((root for root in roots if (root / "_rm_ray").size("run.json")), None)
    except NotADirectoryError:
        return None  # the path leads to a file
    except OSError as error:
        raise InputError(f"cannot read {path}: {short(error)}") from None


def _stored(root: Folder) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((root / "_rm_ray").read("run.json") or b"{}")
    if "generator" not in stored.get("config", {}):
        raise InputError(
            f"{root.uri} is not the folder of a run of jobs/pairs.py; give one, or tables with the "
            f"columns {', '.join(TEXTS)}"
        )
    return stored


def _check_complete(root: Folder, allow_incomplete: bool) -> None:
    if not allow_incomplete and root.size("_SUCCESS") is None:
        raise InputError(
            f"the run of jobs/pairs.py in {root.uri} is not complete (it has no _SUCCESS); run its "
            "command again to finish it"
        )


def _check_columns(first: InputFile, storage: StorageConfig) -> None:
    try:
        with open_filesystem(first.path, storage).open(first.path, "rb") as opened:
            names = pq.read_schema(opened).names
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot read the pairs in {first.path}: {short(error)}") from None
    if lacking := [name for name in TEXTS if name not in names]:
        raise InputError(
            f"{first.path} has no column {lacking[0]!r}; a table of pairs has the columns "
            f"{', '.join(TEXTS)}"
        )
