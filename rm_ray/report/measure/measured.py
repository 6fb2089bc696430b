"""What is counted of a night's rewards: one pass over the parts' few columns, merged by addition.

Memory is bounded by groups, cells and the sample, whatever the corpus's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rm_ray.corpus.shards import Shard
from rm_ray.counts.cells import ByGroup, Cells
from rm_ray.counts.histograms import Histograms
from rm_ray.counts.moments import Moments, moments_of
from rm_ray.counts.order import Floats, Ints, best_first, hash_rows, least_at
from rm_ray.counts.samples import HASH, bottom, merge_bottom
from rm_ray.counts.summable import summed
from rm_ray.errors import InputError
from rm_ray.report.figures import Retained
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.groups import check_number, grouped
from rm_ray.scored.run import read_counted
from rm_ray.store.folder import Folder

# Documents that correlations and excerpts are taken from.
SAMPLE = 100_000
# The best and the worst that are remembered.
EXTREMES = 4
# More values than this name documents, not groups.
MOST_GROUPS = 10_000
# Of footers, what is summed.
COUNTED = ("windows", "forwarded_tokens", "minimum_tokens")
# Beside these: documents and tokens that the cut keeps.
KEPT = ("kept_documents", "kept_tokens")
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
class Source:
    """A part: the rows of a shard, and what is known of their file."""

    shard: Shard
    partition: Mapping[str, str | None]
    file_rows: int

    def __str__(self) -> str:
        """The rows as a person finds them."""
        return str(self.shard)


@dataclass(frozen=True)
class Reader:
    """What is read, and where; travels to tasks. `own`: columns that the parts have and groups are
    made of; other columns of `by` are names of hive folders. `cut`: a threshold whose documents are
    counted exactly.
    """

    parts: Folder
    fingerprint: str
    column: ColumnPath
    by: Sequence[ColumnPath]
    own: Sequence[str]
    cut: float | None = None

    def read(self, source: Source) -> tuple[dict[str, Any], pa.Table]:
        """The counts of a part's footer, and its rows: those columns that are asked for, and
        `value`, the reward as float32.

        Raises:
            InputError: a reward is infinite.
            Unreadable: the part cannot be read.
        """
        names = dict.fromkeys(["row", "n_tokens", "status", self.column.column, *self.own])
        counts, rows = read_counted(self.parts, source.shard, self.fingerprint, list(names))
        for name in {path.column for path in self.by} - set(self.own):
            value = pa.array([source.partition.get(name)] * len(rows), pa.string())
            rows = rows.append_column(name, value)
        values = self.column.of(rows).cast(pa.float32(), safe=False)
        if not pc.all(pc.fill_null(pc.is_finite(values), True), min_count=0).as_py():
            row = rows.column("row")[pc.index(pc.is_finite(values), False).as_py()].as_py()
            raise InputError(
                f"rewards.column: {self.column.text} of {source.shard.file}, row {row}, is not a "
                "finite number; give a column of numbers"
            )
        return counts, rows.append_column("value", values)


@dataclass(frozen=True)
class Measured:
    """Of documents. `histograms` and `moments`: of those with a reward. `statuses`: documents and
    tokens by group and status. `sample`, `best` and `worst`: rows. `counted`: of footers.
    """

    histograms: ByGroup
    moments: dict[str, Moments] = field(default_factory=dict)
    statuses: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    sample: pa.Table = field(default_factory=_ROWS.empty_table)
    best: pa.Table = field(default_factory=_ROWS.empty_table)
    worst: pa.Table = field(default_factory=_ROWS.empty_table)
    counted: dict[str, int] = field(default_factory=dict)

    @classmethod
    def none(cls) -> "Measured":
        """Of no document."""
        return cls(ByGroup([], Histograms.merge([])))

    @classmethod
    def merge(cls, many: Sequence["Measured"]) -> "Measured":
        """The sum.

        Raises:
            InputError: there are more groups than groups there can be.
        """
        many = [cls.none(), *many]
        found = cls(
            histograms=ByGroup.merge([one.histograms for one in many]),
            moments=summed(one.moments for one in many),
            statuses=summed(one.statuses for one in many),
            sample=_compact(merge_bottom([one.sample for one in many], SAMPLE)),
            best=_compact(merge_bottom([one.best for one in many], EXTREMES, "best")),
            worst=_compact(merge_bottom([one.worst for one in many], EXTREMES, "worst")),
            counted=summed(one.counted for one in many),
        )
        return found.checked()

    def checked(self) -> "Measured":
        """The same.

        Raises:
            InputError: there are more groups than groups there can be.
        """
        check_number("by", self.groups, MOST_GROUPS)
        return self

    def kept(self, cut: float | None) -> Retained | None:
        """What the cut keeps that was counted, if one was."""
        if cut is None or not self.moments:
            return None
        documents, tokens = (self.counted[name] for name in KEPT)
        return Retained(threshold=cut, documents=documents, tokens=tokens)

    @property
    def groups(self) -> list[str]:
        """Labels of all groups that have a document."""
        return sorted({group for group, _ in self.statuses})


def measure(sources: Sequence[Source], reader: Reader) -> Measured:
    """A Ray task: what is counted of some parts."""
    return Measured.merge(
        [measure_rows(*reader.read(one), one, reader.by, reader.cut) for one in sources]
    )


def measure_rows(
    counts: Mapping[str, Any],
    rows: pa.Table,
    source: Source,
    by: Sequence[ColumnPath],
    cut: float | None = None,
) -> Measured:
    """What is counted of one part's rows (`Reader.read`)."""
    groups, codes = grouped([path.of(rows) for path in by], len(rows))
    tokens = pc.fill_null(rows.column("n_tokens"), 0).to_numpy().astype(np.int64)
    scored = rows.column("value").is_valid().to_numpy()
    rewards = pc.fill_null(rows.column("value"), 0).to_numpy()[scored]
    histograms = Histograms.of(codes[scored], rewards, tokens[scored])
    moments = moments_of(codes[scored], rewards, len(groups))
    found = _documents(rows, source, groups=groups, codes=codes, tokens=tokens, scored=scored)
    return Measured(
        histograms=ByGroup(groups, histograms).used(),
        moments={label: one for label, one in zip(groups, moments, strict=True) if one.documents},
        statuses=_statuses(rows, groups, codes, tokens),
        sample=_compact(bottom(found, SAMPLE)),
        best=_compact(bottom(found, EXTREMES, "best")),
        worst=_compact(bottom(found, EXTREMES, "worst")),
        counted={name: counts.get(name, 0) for name in COUNTED}
        | _kept(rewards, tokens[scored], cut),
    ).checked()


def _kept(rewards: Floats, tokens: Ints, cut: float | None) -> dict[str, int]:
    if cut is None:
        return {}
    kept = rewards >= np.float32(least_at("float32", cut))  # as the filter job compares them
    return dict(zip(KEPT, (int(kept.sum()), int(tokens[kept].sum())), strict=True))


def _statuses(
    rows: pa.Table, groups: Sequence[str], codes: Ints, tokens: Ints
) -> dict[tuple[str, str], tuple[int, int]]:
    encoded = pc.dictionary_encode(rows.column("status").combine_chunks())
    names = encoded.dictionary.to_pylist()
    cells = Cells.count(codes * len(names) + encoded.indices.to_numpy(), tokens)
    return {
        (groups[code // len(names)], names[code % len(names)]): (documents, theirs)
        for code, documents, theirs in zip(
            cells.cells.tolist(), cells.documents.tolist(), cells.tokens.tolist(), strict=True
        )
    }


def _documents(
    rows: pa.Table, source: Source, groups: Sequence[str], codes: Ints, tokens: Ints, scored: Any
) -> pa.Table:
    """Those with a reward, as rows to choose from: the best or the worst first, ties by hash."""
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
    """The same with the names of its own files and groups alone, not of rows that went."""
    for name in ("group", "file"):
        column = rows.column(name).cast(pa.string()).dictionary_encode()
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows
