"""Names tonight's documents whose text an earlier night has kept and delivered.

    OUTPUT/repeats/2026-11-24.parquet         rows to leave out, written once, before the filter
    OUTPUT/repeats/kept/night=....parquet     hashes of the texts in a delivered folder: a cache

Texts are compared by 64 bits of BLAKE2b. Two different texts are taken for one with a chance of
n * m / 2^64, for n documents tonight and m before: 0.05 for a million and a million million.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import CorpusConfig, StorageConfig
from rm_ray.corpus.decoding import check_unchanged, columns_of, decode
from rm_ray.corpus.plan import ReadUnit
from rm_ray.counts.order import Hashes, Ints
from rm_ray.errors import InputError, OutputError, short
from rm_ray.nightly.config import KEPT, SCORED, NightlyConfig
from rm_ray.nightly.nights import KnownNight
from rm_ray.nightly.release import RELEASED
from rm_ray.report.measure.runs import judged_columns
from rm_ray.report.measure.seen import hashes_of
from rm_ray.run.output.folder import SUCCESS
from rm_ray.scored.passes import Pass, in_batches
from rm_ray.scored.run import open_scored
from rm_ray.store.folder import Folder, absolute
from rm_ray.store.trees import files_below

log = logging.getLogger(__name__)

REPEATS = "repeats"
HASH = "hash"
# Rows that are decoded at once.
ROWS = 1 << 13


@dataclass(frozen=True)
class UnitRows:
    """The rows of a read unit, as arrays of equal length."""

    file: str
    """The corpus file."""
    rows: Ints
    """Row numbers."""
    hashes: Hashes
    """Hashes of the texts."""


def repeated_rows(night: KnownNight, config: NightlyConfig) -> str | None:
    """Write the file of a night's repeated documents, once; return its path.

    None if they are to be kept.

    Raises:
        InputError: a text cannot be read.
        OutputError: the folder cannot be written.
    """
    if config.filter is None or config.filter.repeats == "keep":
        return None
    root = Folder(absolute(config.output.path), config.output.storage)
    folder, name = root / REPEATS, f"{night.night}.parquet"
    if folder.size(name) is None:
        rows = _found(night, config, root)
        total = sum(len(one.rows) for one in rows)
        log.info("the night %s: %d documents were kept before", night.night, total)
        files = [one.file for one in rows for _ in one.rows]
        numbers = np.concatenate([np.empty(0, np.int64), *(one.rows for one in rows)])
        table = pa.table({"source_file": pa.array(files, pa.string()), "row": numbers})
        _create(folder, name, table)
    return f"{folder.uri}/{name}"


def _found(night: KnownNight, config: NightlyConfig, root: Folder) -> list[UnitRows]:
    """Return tonight's documents that a delivered folder of an earlier night has."""
    scored = f"{config.output.path.rstrip('/')}/{SCORED}"
    run = open_scored(scored, config.output.storage, night.segments or [], allow_incomplete=True)
    columns = judged_columns(run)
    units = [unit for file in run.files for unit in file.to_do()]
    corpus = CorpusConfig(path=config.input.path, storage=config.input.storage)
    log.info("reading the texts of %d files, to find those that were kept before", len(run.files))
    one_pass = Pass(list(in_batches(units, _rows)), config.report.tasks.cpus, config.run.progress_s)
    tonight = [one for batch in one_pass.each(_hash_units, corpus, columns) for one in batch]
    keys = np.unique(np.concatenate([np.empty(0, np.uint64), *(one.hashes for one in tonight)]))
    known = np.zeros(len(keys), bool)
    for entry in (root / KEPT).entries():
        if is_earlier(entry, night.night):
            kept = _kept_hashes(root, entry, columns, config)
            known |= np.isin(keys, kept)
    repeated = keys[known]
    found = [(one, np.isin(one.hashes, repeated)) for one in tonight]
    return [UnitRows(one.file, one.rows[flags], one.hashes[flags]) for one, flags in found]


def is_earlier(entry: str, night: str) -> bool:
    """Return True if a folder in OUTPUT/kept is of an earlier night: night=2026-11-24, or
    night=2026-11-24.released, where groups lie that this night held.
    """
    return entry.removeprefix("night=").removesuffix(f".{RELEASED}") < night


def _rows(unit: ReadUnit) -> int:
    return sum(shard.stop - shard.start for shard in unit.shards)


def _hash_units(
    units: Sequence[ReadUnit], corpus: CorpusConfig, columns: Sequence[str]
) -> list[UnitRows]:
    found = []
    for unit in units:
        check_unchanged(unit, corpus)
        for first, batch in decode(unit, corpus, columns, lambda _: ROWS):
            hashes, has = hashes_of(columns_of(batch, columns, unit.file))
            found.append(UnitRows(unit.file, first + np.flatnonzero(has), hashes[has]))
    return found


def _kept_hashes(root: Folder, entry: str, columns: Sequence[str], config: NightlyConfig) -> Hashes:
    """Return the hashes of the texts in a delivered folder; none if it is not delivered."""
    cache, name = root / REPEATS / "kept", f"{entry}.parquet"
    stored = cache.read(name)
    if stored is not None:
        hashes: Hashes = pq.read_table(io.BytesIO(stored)).column(HASH).to_numpy()
        return hashes
    folder = root / KEPT / entry
    if folder.size(SUCCESS) is None:
        return np.empty(0, np.uint64)
    files = [file for file in files_below(folder / "corpus") if file.endswith(".parquet")]
    paths = [f"{folder.uri}/corpus/{file}" for file in files]
    log.info("reading the texts of %d delivered files of %s", len(paths), entry)
    one_pass = Pass([[path] for path in paths], config.report.tasks.cpus, config.run.progress_s)
    found = one_pass.each(_hash_kept, config.output.storage, columns)
    kept = np.unique(np.concatenate([np.empty(0, np.uint64), *found]))
    _create(cache, name, pa.table({HASH: pa.array(kept, pa.uint64())}))
    return kept


def _hash_kept(paths: Sequence[str], storage: StorageConfig, columns: Sequence[str]) -> Hashes:
    found: list[Hashes] = [np.empty(0, np.uint64)]
    for path in paths:
        folder, _, name = path.rpartition("/")
        one = Folder(folder, storage)
        try:
            with one.fs.open(f"{one.path}/{name}", "rb") as file:
                parquet = pq.ParquetFile(file)
                for batch in parquet.iter_batches(ROWS, columns=list(columns)):
                    rows = pa.Table.from_batches([batch])
                    hashes, has = hashes_of(columns_of(rows, columns, path))
                    found.append(np.unique(hashes[has]))
        except (OSError, pa.ArrowException, KeyError) as error:
            raise InputError(
                f"filter.repeats: {path} cannot be read: {short(error)}; restore it, or keep "
                "repeated documents: --filter.repeats keep"
            ) from None
    return np.concatenate(found)


def _create(folder: Folder, name: str, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    try:
        folder.create(name, buffer.getvalue())
    except OSError as error:
        raise OutputError(f"output.path: cannot write {folder.uri}/{name}: {error}") from None
