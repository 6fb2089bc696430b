"""Labelled rewards as arrays, from judged pairs or from the documents of a scoring run.

A text is a chunk of a pair, or a document. The texts of a pair stand side by side: the chosen
chunk, then the rejected one.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.config import StorageConfig
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.plan import PlannedFile, shards_of
from rm_ray.errors import ConfigError, InputError, short
from rm_ray.evaluate.config import EvaluateConfig
from rm_ray.evaluate.statistics import Flags, Floats, Ints
from rm_ray.run.output.commit import read_part
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.segments import planned_files
from rm_ray.score.counts import ScoreCounts
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import NO_NUMBER, columns_of
from rm_ray.scored.run import ScoredRun, open_scored, read_counted

Names = npt.NDArray[np.object_]
# The file and the row of a pair or a document.
Key = tuple[str, int]


@dataclass(frozen=True)
class Labelled:
    """Labelled holds texts with rewards and labels."""

    of: Literal["pairs", "documents"]
    """The kind of data; a pair has two texts, a document one."""
    rewards: Floats
    """Reward of each text."""
    good: Flags
    """True for good texts."""
    documents: Ints
    """Number of each text's document, in `places`."""
    places: list[str]
    """Name of each document."""
    keys: list[Key]
    """File and row of each pair or document."""
    columns: Mapping[str, Names]
    """Properties of each text by name, such as kind; None for unknown values."""
    left_out: Mapping[str, int]
    """Number of rows without a reward, by status; `NO_NUMBER` for rows whose status is ok."""
    files: Mapping[str, tuple[int, str]]
    """Size and version of each file when the run planned it, by path."""
    cut_texts: int = 0
    """Number of pairs with a chunk that was cut."""

    @property
    def count(self) -> int:
        """Return the number of pairs or documents."""
        return len(self.keys)

    @property
    def margins(self) -> Floats:
        """Return the margin of each pair, or the reward of each document."""
        return self.rewards[::2] - self.rewards[1::2] if self.of == "pairs" else self.rewards

    def half(self, seed: int) -> Flags:
        """Return True for the texts in one half of the documents, chosen by a seeded hash."""
        first = np.array([_is_first(seed, place) for place in self.places], bool)
        return first[self.documents]


def _is_first(seed: int, place: str) -> bool:
    return hashlib.sha256(f"{seed} {place}".encode()).digest()[0] < 128


def judged_pairs(run: RunFolder, config: EvaluateConfig) -> Labelled:
    """Read the pairs that a run has judged.

    Raises:
        InputError: no pair has a reward.
    """
    table = read_judged(run)
    ok = table.filter(pc.equal(table.column("status"), "ok"))
    if not len(ok):
        raise InputError(_no_pairs(table, run.uri, config))
    keys = keys_of(ok)
    places, documents = numbered(_places(ok, keys, config))
    sides = [ok.column(name).to_numpy() for name in ("chosen_reward", "rejected_reward")]
    cut = pc.greater(ok.column("cut_tokens"), 0)
    return Labelled(
        of="pairs",
        rewards=np.stack(sides, axis=1).astype(np.float64).ravel(),
        good=np.tile([True, False], len(ok)),
        documents=np.repeat(documents, 2),
        places=places,
        keys=keys,
        columns=_twice(_pair_columns(ok, config)),
        left_out=_statuses(table),
        files=sizes_and_versions(planned_files(run.segments.read())),
        cut_texts=pc.sum(cut).as_py() or 0,
    )


def read_judged(run: RunFolder) -> pa.Table:
    """Read all rows of a run's parts, in the order of its plan.

    Raises:
        InputError: a part is missing or damaged.
    """
    shards = shards_of(planned_files(run.segments.read()))
    try:
        parts = [read_part(run.parts, shard.part, ScoreCounts)[0] for shard in shards]
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{run.uri} cannot be read: {short(error)}") from None
    if not parts:
        raise InputError(f"{run.uri} has judged no pairs")
    return pa.concat_tables(parts)


def _no_pairs(table: pa.Table, uri: str, config: EvaluateConfig) -> str:
    statuses = ", ".join(f"{count:,} {status}" for status, count in _statuses(table).items())
    split = config.pairs.split
    hint = "" if split == "all" else f" of the split {split}; --pairs.split all takes all pairs"
    return f"pairs.path: {uri} has no pairs with rewards{hint} (its rows: {statuses or 'none'})"


def _statuses(table: pa.Table) -> dict[str, int]:
    counted = pc.value_counts(table.column("status")).to_pylist()
    counts = {entry["values"]: entry["counts"] for entry in counted if entry["values"] != "ok"}
    return dict(sorted(counts.items()))


def _without_number(rows: pa.Table, has: Flags) -> dict[str, int]:
    """Return the number of documents that were judged and have no number; nothing if all have."""
    count = int((pc.equal(rows.column("status"), "ok").to_numpy() & ~has).sum())
    return {NO_NUMBER: count} if count else {}


def sizes_and_versions(
    files: Iterable[PlannedFile],
) -> dict[str, tuple[int, str]]:
    """Return the size and version that each file had when it was planned, by path."""
    return {file.path: (file.size, file.version) for file in files}


def _places(rows: pa.Table, keys: Sequence[Key], config: EvaluateConfig) -> list[str]:
    """Return the name of each pair's document."""
    if name := config.figures.document:
        return [str(value) for value in rows.column(name).to_pylist()]
    if "document_file" in rows.column_names and "document_row" in rows.column_names:
        named = (rows.column(name).to_pylist() for name in ("document_file", "document_row"))
        return [f"{file} {row}" for file, row in zip(*named, strict=True)]
    return [f"{file} {row}" for file, row in keys]


def _pair_columns(rows: pa.Table, config: EvaluateConfig) -> dict[str, Names]:
    names = {
        "kind": config.figures.kind,
        "source": config.figures.source,
        "by": config.calibration.by,
        **{name: name for name in ("temperature", "chunk", "extent", "context")},
    }
    known = {
        name: _values(rows.column(column))
        for name, column in names.items()
        if column in rows.column_names
    }
    shown = pc.add(rows.column("context_tokens"), rows.column("chosen_tokens"))
    return {**known, "length": _values(shown)}


def _twice(columns: Mapping[str, Names]) -> dict[str, Names]:
    return {name: np.repeat(values, 2) for name, values in columns.items()}


def labelled_run(config: EvaluateConfig) -> tuple[Labelled, ScoredRun]:
    """Read the documents of a scoring run that has a column with labels.

    Raises:
        OutputError: there is no scoring run.
        InputError: the run is not complete, or no document of one of the labels has a reward.
        ConfigError: a column is missing.
    """
    run = open_run(str(config.rewards.path), config.rewards.storage)
    run.warn_of_estimates()
    schema = columns_of(run, config.rewards.column)
    label = config.labels.column
    if label not in schema.names:
        raise ConfigError(
            f"labels.column: {run.uri} has no column {label!r}; it has {', '.join(schema.names)}; "
            f"score the corpus with --input.keep {label}, or name another with --labels.column"
        )
    _check_groups(config, run, schema)
    optional = (label, config.figures.kind, config.figures.source, config.calibration.by)
    columns = ["n_tokens", "status", *(name for name in optional if name and name in schema.names)]
    if (by := config.calibration.by) and by not in schema.names:
        raise ConfigError(f"calibration.by: {run.uri} has no column {by!r}; keep it when scoring")
    rows, rewards = read_documents(run, config.rewards.column, columns)
    has = np.isfinite(rewards)
    labels = np.array([str(value) for value in rows.column(label).to_pylist()], object)
    good = np.isin(labels, config.labels.good)
    _check_both(run, label, labels[has], good[has], config)
    kept = rows.filter(pa.array(has))
    keys = keys_of(kept)
    places, documents = numbered([f"{file} {row}" for file, row in keys])
    named = {"source": config.figures.source, "by": by}
    known = {n: _values(kept.column(c)) for n, c in named.items() if _names_groups(schema, c)}
    kind = config.figures.kind
    kinds = _values(kept.column(kind if _names_groups(schema, kind) else label))
    kinds[good[has]] = None
    return (
        Labelled(
            of="documents",
            rewards=rewards[has],
            good=good[has],
            documents=documents,
            places=places,
            keys=keys,
            columns={
                **known,
                "kind": kinds,
                "length": _values(kept.column("n_tokens")),
            },
            left_out=_statuses(rows) | _without_number(rows, has),
            files=sizes_and_versions(run.files),
        ),
        run,
    )


def _check_groups(config: EvaluateConfig, run: ScoredRun, schema: pa.Schema) -> None:
    """Check the columns of kinds and sources, if the configuration does not have its defaults.

    A run may lack the columns that are the defaults.

    Raises:
        ConfigError: the run has no such column, or its values are lists or structs.
    """
    for key in ("kind", "source"):
        name = getattr(config.figures, key)
        if name == type(config.figures).model_fields[key].default:
            continue
        if name not in schema.names:
            raise ConfigError(
                f"figures.{key}: {run.uri} has no column {name!r}; it has "
                f"{', '.join(schema.names)}; score the corpus with --input.keep {name}"
            )
        if not _names_groups(schema, name):
            raise ConfigError(
                f"figures.{key}: the column {name!r} of {run.uri} is {schema.field(name).type}; "
                "give a column with one value in each row"
            )


def _names_groups(schema: pa.Schema, name: str | None) -> bool:
    """Return True if there is such a column, and it has one value in each row."""
    return name in schema.names and not pa.types.is_nested(schema.field(name).type)


def open_run(path: str, storage: StorageConfig) -> ScoredRun:
    """Open a complete scoring run. Raises the errors of `open_scored`."""
    return open_scored(path, storage)


def _check_both(
    run: ScoredRun, label: str, labels: Names, good: Flags, config: EvaluateConfig
) -> None:
    if good.any() and not good.all():
        return
    values = sorted(set(labels.tolist()))
    shown = ", ".join(values[:8]) + (" and more" if len(values) > 8 else "")
    only = "good" if good.all() and len(good) else "bad"
    raise InputError(
        f"labels.column: every document of {run.uri} with a reward is {only}. The values of "
        f"{label} are: {shown or 'none'}. Good are: {', '.join(config.labels.good)}. Name the "
        "values of good documents with --labels.good"
    )


def read_documents(run: ScoredRun, column: str, columns: Sequence[str]) -> tuple[pa.Table, Floats]:
    """Read columns of a scoring run, with `source_file` and `row`, and its rewards.

    Returns:
        The rows, and the reward of each row; nan for rows without one.

    Raises:
        InputError: a part cannot be read, or a reward is infinite.
    """
    path = ColumnPath.parse(column)
    names = list(dict.fromkeys(["source_file", "row", path.column, *columns]))
    try:
        parts = [read_counted(run.parts, shard, run.fingerprint, names)[1] for shard in run.shards]
    except (FileNotFoundError, Unreadable) as error:
        raise InputError(f"rewards.path: {short(error)}") from None
    rows = pa.concat_tables(parts)
    numbers = pc.cast(path.of(rows), pa.float64(), safe=False)
    rewards: Floats = pc.fill_null(numbers, float("nan")).to_numpy()
    if len(infinite := np.flatnonzero(np.isinf(rewards))):
        file, row = keys_of(rows.slice(infinite[0], 1))[0]
        raise InputError(
            f"rewards.column: {column} of {file}, row {row}, is infinite; give a column of numbers"
        )
    return rows, rewards


def keys_of(rows: pa.Table) -> list[Key]:
    """Return the file and the row number of each row."""
    files, numbers = (rows.column(name).to_pylist() for name in ("source_file", "row"))
    return list(zip(files, numbers, strict=True))


def numbered(names: Sequence[str]) -> tuple[list[str], Ints]:
    """Return the distinct names in the order of their first use, and the number of each name."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(name, len(known)) for name in names]
    return list(known), np.array(numbers, np.int64)


def _values(column: Any) -> Names:
    values = np.empty(len(column), object)
    values[:] = column.to_pylist()
    return values
