"""Counts of a night's rewards, made in one pass over a few columns of the parts, and added up.

The memory depends on the number of groups and cells and on the sample, not on the corpus's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.groups import check_number, grouped
from rm_ray.corpus.shards import Shard
from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.counts.histograms import Histograms
from rm_ray.counts.moments import Moments, moments_of
from rm_ray.counts.order import Ints, below_as_float32, best_first, hash_rows, least_at
from rm_ray.counts.samples import HASH, bottom, merge_bottom
from rm_ray.counts.summable import summed
from rm_ray.errors import InputError
from rm_ray.report.figures import Retained
from rm_ray.report.measure.seen import Seen, hashes_of
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import kind_of
from rm_ray.scored.run import read_counted
from rm_ray.store.folder import Folder

# Documents of the sample, for correlations and excerpts.
SAMPLE = 100_000
# So many of the best and of the worst documents are kept.
EXTREMES = 4
# A column with more values than this names documents, not groups.
MOST_GROUPS = 10_000
# Counts in the parts' footers that are summed.
COUNTED = ("windows", "forwarded_tokens", "minimum_tokens")
# Counts beside these: documents and tokens that the cut keeps.
KEPT = ("kept_documents", "kept_tokens")
# Column of the rows in memory, of a name that no corpus has: True for rewards that the cut keeps.
IS_KEPT = "_rm_ray.is_kept"
_ROWS = pa.schema(
    [
        ("group", pa.dictionary(pa.int32(), pa.string())),
        ("file", pa.dictionary(pa.int32(), pa.string())),
        ("row", pa.int64()),
        ("reward", pa.float32()),
        ("tokens", pa.int64()),
        ("place", pa.float64()),
        (HASH, pa.uint64()),
        ("best", pa.uint64()),
        ("worst", pa.uint64()),
    ]
)


@dataclass(frozen=True)
class NightPart:
    """A part of the run: the rows of a shard, and facts about their file."""

    shard: Shard
    """The rows."""
    partition: Mapping[str, str | None]
    """Values of the file's hive folders, by column."""
    file_rows: int
    """Rows of the whole file."""

    def __str__(self) -> str:
        """Return the file and the rows, for people."""
        return str(self.shard)


@dataclass(frozen=True)
class PartReader:
    """Reads the needed columns of the parts. Ray sends a copy to each task."""

    parts: Folder
    """Folder of the parts."""
    fingerprint: str
    """Fingerprint of the run."""
    column: ColumnPath
    """Column of the rewards."""
    by: Sequence[ColumnPath]
    """Columns to group by."""
    own: Sequence[str]
    """Columns of `by` that the parts have; the other columns of `by` are hive folders."""
    cut: float | None = None
    """Threshold in use; the documents it keeps are counted exactly."""
    key: str | None = None
    """Column of the ids, if documents that come again are found by them."""

    def read(self, source: NightPart) -> tuple[dict[str, Any], pa.Table]:
        """Read the counts in a part's footer, and its rows.

        The rows have the needed columns; `value`, the reward as float32, rounded down; and, if
        there is a cut, `IS_KEPT`, which is True for the rewards that it keeps.

        Raises:
            InputError: a reward is infinite.
            Unreadable: the part cannot be read.
        """
        ids = [self.key] if self.key else []
        names = dict.fromkeys(["row", "n_tokens", "status", self.column.column, *self.own, *ids])
        counts, rows = read_counted(self.parts, source.shard, self.fingerprint, list(names))
        for name in {path.column for path in self.by} - set(self.own):
            value = pa.array([source.partition.get(name)] * len(rows), pa.string())
            rows = rows.append_column(name, value)
        values, kept = as_counted(self.column.of(rows), self.cut)
        if not pc.all(pc.fill_null(pc.is_finite(values), True), min_count=0).as_py():
            row = rows.column("row")[pc.index(pc.is_finite(values), False).as_py()].as_py()
            raise InputError(
                f"rewards.column: {self.column.text} of {source.shard.file}, row {row}, is not a "
                "finite number of 32 bits; give a column of numbers"
            )
        if kept is not None:
            rows = rows.append_column(IS_KEPT, kept)
        return counts, rows.append_column("value", values)


@dataclass(frozen=True)
class Measured:
    """The counts of some documents."""

    histograms: ByGroup
    """Histograms of the rewards, by group; documents without a reward are not in it."""
    moments: dict[str, Moments] = field(default_factory=dict)
    """Moments of the rewards, by group; groups without a reward are not in it."""
    statuses: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """Documents and tokens, by group and status."""
    sample: pa.Table = field(default_factory=_ROWS.empty_table)
    """Rows of a random sample of the documents with a reward."""
    best: pa.Table = field(default_factory=_ROWS.empty_table)
    """Rows of the documents with the highest rewards."""
    worst: pa.Table = field(default_factory=_ROWS.empty_table)
    """Rows of the documents with the lowest rewards."""
    seen: Seen = field(default_factory=Seen)
    """The documents by their ids; empty if they are not found by them."""
    kept_of: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Documents and tokens that the cut keeps, by group; empty without a cut."""
    counted: dict[str, int] = field(default_factory=dict)
    """Sums of the footers' counts, and counts of the documents and tokens that the cut keeps."""

    @classmethod
    def none(cls) -> "Measured":
        """Return the counts of no document."""
        return cls(ByGroup([], Histograms.merge([])))

    @classmethod
    def merge(cls, many: Sequence["Measured"]) -> "Measured":
        """Add up counts.

        Raises:
            InputError: there are more than `MOST_GROUPS` groups.
        """
        many = [cls.none(), *many]
        merged = cls(
            histograms=ByGroup.merge([counts.histograms for counts in many]),
            moments=summed(counts.moments for counts in many),
            statuses=summed(counts.statuses for counts in many),
            sample=_compact(merge_bottom([counts.sample for counts in many], SAMPLE)),
            best=_compact(merge_bottom([counts.best for counts in many], EXTREMES, "best")),
            worst=_compact(merge_bottom([counts.worst for counts in many], EXTREMES, "worst")),
            seen=Seen.merge([counts.seen for counts in many]),
            kept_of=summed(counts.kept_of for counts in many),
            counted=summed(counts.counted for counts in many),
        )
        return merged.checked()

    def checked(self) -> "Measured":
        """Return these counts after a check of the number of groups.

        Raises:
            InputError: there are more than `MOST_GROUPS` groups.
        """
        check_number("by", self.groups, MOST_GROUPS)
        return self

    def kept(self, cut: float | None) -> Retained | None:
        """Return the documents and tokens that the cut keeps; None if they were not counted."""
        if cut is None or not self.moments:
            return None
        documents, tokens = (self.counted[name] for name in KEPT)
        return Retained(threshold=cut, documents=documents, tokens=tokens)

    @property
    def groups(self) -> list[str]:
        """Return the labels of all groups that have a document."""
        return sorted({group for group, _ in self.statuses})


def measure(sources: Sequence[NightPart], reader: PartReader) -> Measured:
    """Count some parts, in a Ray task."""
    return Measured.merge(
        [measure_rows(*reader.read(source), source, reader.by, reader.key) for source in sources]
    )


def measure_rows(
    counts: Mapping[str, Any],
    rows: pa.Table,
    source: NightPart,
    by: Sequence[ColumnPath],
    key: str | None = None,
) -> Measured:
    """Count one part's rows.

    Args:
        counts: the counts in the part's footer.
        rows: its rows, as `PartReader.read` returns them.
        source: the part.
        by: columns to group by.
        key: column of the ids, if documents that come again are found by them.
    """
    groups, codes = grouped([path.of(rows) for path in by], len(rows))
    tokens = pc.fill_null(rows.column("n_tokens"), 0).to_numpy().astype(np.int64)
    scored = rows.column("value").is_valid().to_numpy()
    rewards = pc.fill_null(rows.column("value"), 0).to_numpy()[scored]
    histograms = Histograms.of(codes[scored], rewards, tokens[scored])
    moments = moments_of(codes[scored], rewards, len(groups))
    documents = _documents(rows, source, groups=groups, codes=codes, tokens=tokens, scored=scored)
    kept = rows.column(IS_KEPT).to_numpy() & scored if IS_KEPT in rows.column_names else None
    return Measured(
        histograms=ByGroup(groups, histograms).used(),
        moments={
            label: values for label, values in zip(groups, moments, strict=True) if values.documents
        },
        statuses=_statuses(rows, groups, codes, tokens),
        sample=_compact(bottom(documents, SAMPLE)),
        best=_compact(bottom(documents, EXTREMES, "best")),
        worst=_compact(bottom(documents, EXTREMES, "worst")),
        seen=_seen(rows, groups, codes, key),
        counted={name: counts.get(name, 0) for name in COUNTED}
        | ({} if kept is None else _kept(tokens[kept])),
        kept_of={} if kept is None else _kept_of(groups, codes[kept], tokens[kept]),
    ).checked()


def _seen(rows: pa.Table, groups: Sequence[str], codes: Ints, key: str | None) -> Seen:
    """Sketch the documents by id and number of tokens: another text seldom has the same of both."""
    if key is None:
        return Seen()
    hashes, has = hashes_of([rows.column(key), rows.column("n_tokens")])
    return Seen.of(groups, codes[has], hashes[has])


def as_counted(
    column: pa.ChunkedArray, cut: float | None = None
) -> tuple[pa.Array, pa.Array | None]:
    """Return rewards as float32, and which of them a cut keeps.

    They are rounded down, so that a threshold of 32 bits keeps the same documents of a column of 64
    bits. The cut is compared with the column's own numbers, as the filter job compares it.

    Args:
        column: the rewards; null for documents without one.
        cut: the threshold, if there is one.
    """
    kind, nulls = kind_of(column.type), column.is_null().to_numpy()
    numbers = pc.fill_null(column, 0).cast(kind, safe=False).to_numpy()
    values = pa.array(below_as_float32(numbers), mask=nulls)
    if cut is None:
        return values, None
    return values, pa.array((numbers >= least_at(kind, cut)) & ~nulls)


def _kept(tokens: Ints) -> dict[str, int]:
    return dict(zip(KEPT, (len(tokens), int(tokens.sum())), strict=True))


def _kept_of(groups: Sequence[str], codes: Ints, tokens: Ints) -> dict[str, tuple[int, int]]:
    counted = Cells.count(codes, tokens)
    return {
        groups[code]: (documents, its_tokens)
        for code, documents, its_tokens in zip(
            counted.cells.tolist(),
            counted.documents.tolist(),
            counted.tokens.tolist(),
            strict=True,
        )
    }


def _statuses(
    rows: pa.Table, groups: Sequence[str], codes: Ints, tokens: Ints
) -> dict[tuple[str, str], tuple[int, int]]:
    encoded = pc.dictionary_encode(rows.column("status").combine_chunks())
    names = encoded.dictionary.to_pylist()
    cells = Cells.count(codes * len(names) + encoded.indices.to_numpy(), tokens)
    return {
        (groups[code // len(names)], names[code % len(names)]): (documents, its_tokens)
        for code, documents, its_tokens in zip(
            cells.cells.tolist(), cells.documents.tolist(), cells.tokens.tolist(), strict=True
        )
    }


def _documents(
    rows: pa.Table,
    source: NightPart,
    groups: Sequence[str],
    codes: Ints,
    tokens: Ints,
    scored: Any,
) -> pa.Table:
    """Return the documents with a reward as rows, with keys to sort by.

    `best` sorts the highest rewards first, `worst` the lowest; a hash breaks ties.
    """
    numbers = rows.column("row").to_numpy()[scored]
    hashes = hash_rows("report", source.shard.file, numbers)
    rewards = pc.fill_null(rows.column("value"), 0).to_numpy()[scored]
    keys = best_first(rewards).astype(np.uint64)
    tie = hashes >> np.uint64(32)
    labels = pa.DictionaryArray.from_arrays(pa.array(codes[scored], pa.int32()), list(groups))
    zeros = pa.array(np.zeros(len(numbers), np.int32))
    columns = [
        labels,
        pa.DictionaryArray.from_arrays(zeros, [source.shard.file]),
        numbers,
        rewards,
        tokens[scored],
        (numbers + 0.5) / max(1, source.file_rows),
        hashes,
        (keys << np.uint64(32)) | tie,
        ((np.uint64(0xFFFFFFFF) - keys) << np.uint64(32)) | tie,
    ]
    arrays = [
        pa.array(c, k.type) if isinstance(c, np.ndarray) else c
        for c, k in zip(columns, _ROWS, strict=True)
    ]
    return pa.table(arrays, schema=_ROWS)


def _compact(rows: pa.Table) -> pa.Table:
    """Return the same rows, with dictionaries of only the files and groups that these rows name."""
    for name in ("group", "file"):
        column = rows.column(name).cast(pa.string()).dictionary_encode()
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows
