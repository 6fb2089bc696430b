"""The history: one Parquet file for each night, with the histograms and the alerts of each group.

    HISTORY/night-2026-11-24.parquet    one row for each group, and one with group null for all

The thousandth night takes as long as the first: the folder is listed, and only the last nights are
read.
"""

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rm_ray.config import StorageConfig
from rm_ray.counts.histograms import Histogram
from rm_ray.counts.moments import Moments
from rm_ray.errors import InputError, OutputError, short
from rm_ray.report.measure.nights import GroupNight
from rm_ray.run.output.commit import open_part
from rm_ray.store.at_once import at_once
from rm_ray.store.folder import Folder, absolute

FORMAT = "rm_ray.history/1"
# Keys of a file's metadata: the settings that its numbers depend on, and the night's verdict.
SETTINGS, STATUS = b"rm_ray.settings", b"rm_ray.status"
PREFIX, SUFFIX = "night-", ".parquet"
_LISTS = ("cells", "cell_documents", "cell_tokens")
SCHEMA = pa.schema(
    [
        ("night", pa.string()),
        ("group", pa.string()),
        ("documents", pa.int64()),
        ("tokens", pa.int64()),
        ("statuses", pa.map_(pa.string(), pa.int64())),
        ("scored", pa.int64()),
        ("mean", pa.float64()),
        ("sd", pa.float64()),
        ("p10", pa.float64()),
        ("p50", pa.float64()),
        ("p90", pa.float64()),
        # exact: sums of rewards in 2^-24, of squares in 2^-48
        ("total", pa.string()),
        ("squares", pa.string()),
        ("wasserstein", pa.float64()),
        ("baseline", pa.list_(pa.string())),
        ("alerts", pa.list_(pa.string())),
        ("alert_effects", pa.list_(pa.float64())),
        ("shown_alerts", pa.list_(pa.string())),
        # null in files of a version before 0.10, and where they are not counted
        ("repeated", pa.float64()),
        ("cells", pa.list_(pa.int32())),
        ("cell_documents", pa.list_(pa.int64())),
        ("cell_tokens", pa.list_(pa.int64())),
    ]
)


@dataclass(frozen=True)
class GroupResult:
    """The result of a report for a group's night."""

    wasserstein: float | None = None
    """Distance from the baseline, in its sd; None if there was no baseline."""
    alerts: tuple[str, ...] = ()
    """Rules that alerted."""
    shown: tuple[str, ...] = ()
    """Rules whose alerts were not folded."""
    baseline: tuple[str, ...] = ()
    """Names of the nights that the group was compared with."""
    effects: tuple[float, ...] = ()
    """Effects of `alerts`, with a sign; empty in files of a version before 0.5."""

    @property
    def strengths(self) -> dict[str, float]:
        """Return the effects of the alerts by rule; nan if not known."""
        known = (*self.effects, *[math.nan] * len(self.alerts))
        return dict(zip(self.alerts, known, strict=False))


@dataclass(frozen=True)
class PastGroup:
    """A group's night without its histogram."""

    label: str | None
    """Label of the group; None for all documents."""
    documents: int
    """Documents, with or without a reward."""
    mean: float | None
    """Mean reward; None if no document has a reward."""
    quantiles: dict[str, float]
    """Rewards at 0.1, 0.5 and 0.9; empty if no document has a reward."""
    said: GroupResult
    """Result of the night's report."""
    tokens: int = 0
    """Tokens of all documents."""
    scored: int = 0
    """Documents with a reward."""
    repeated: float | None = None
    """Documents that came before; None if they were not counted."""


@dataclass(frozen=True)
class PastNight:
    """A night of the history."""

    night: str
    """Name of the night."""
    status: str
    """Verdict: ok, warn or fail."""
    groups: dict[str | None, PastGroup] = field(default_factory=dict)
    """Groups by label; the label None is all documents."""


@dataclass(frozen=True)
class History:
    """The files of one history."""

    folder: Folder
    """Folder of the files."""
    settings: Mapping[str, Any]
    """Settings that the numbers depend on; nights with other settings are skipped."""

    @classmethod
    def at(cls, path: str, storage: StorageConfig, settings: Mapping[str, Any]) -> "History":
        """Make the history of a folder. The folder need not exist yet."""
        return cls(Folder(absolute(path), storage, side="history"), settings)

    def names(self) -> list[str]:
        """Return the names of the stored nights, in order.

        Raises:
            InputError: the folder cannot be listed.
        """
        try:
            names = self.folder.names()
        except OSError as error:
            raise InputError(f"history.path: cannot list {self.folder.uri}: {error}") from None
        return sorted(
            name.removeprefix(PREFIX).removesuffix(SUFFIX)
            for name in names
            if name.startswith(PREFIX) and name.endswith(SUFFIX)
        )

    def check(self, night: str) -> None:
        """Refuse to replace a stored night that has other settings.

        Raises:
            OutputError: the settings differ.
        """
        if night not in self.names():
            return
        stored = json.loads(self._read(night, ["night"]).schema.metadata[SETTINGS])
        settings = self._settings()
        if differ := [
            key for key in {**settings, **stored} if settings.get(key) != stored.get(key)
        ]:
            raise OutputError(
                f"history.path: {self.folder.uri} holds the night {night} with another "
                f"{', '.join(differ)}; give this report a history of its own"
            )

    def _settings(self) -> dict[str, Any]:
        """Return the settings as JSON stores them."""
        settings: dict[str, Any] = json.loads(json.dumps(dict(self.settings)))
        return settings

    def before(self, night: str, most: int) -> tuple[list[PastNight], list[str]]:
        """Read the last nights before a night.

        Returns:
            The nights, oldest first; and the names of the nights with other settings, which are
            skipped.

        Raises:
            InputError: a file is damaged, or cannot be read.
        """
        names = [name for name in self.names() if name < night][-most:]
        columns = [name for name in SCHEMA.names if name not in _LISTS]
        tables = at_once(lambda name: self._read(name, columns), names)
        settings = self._settings()
        nights, others = [], []
        for name, table in zip(names, tables, strict=True):
            if json.loads(table.schema.metadata[SETTINGS]) == settings:
                nights.append(_past(name, table))
            else:
                others.append(name)
        return nights, others

    def group_nights(self, wanted: Mapping[str, Iterable[str | None]]) -> list[GroupNight]:
        """Read groups' nights with their histograms.

        Args:
            wanted: labels of the groups to read, by night. All these nights are stored.
        """
        columns = [name for name in SCHEMA.names if name not in ("p10", "p50", "p90")]
        tables = at_once(lambda name: self._read(name, columns), wanted)
        return [
            _group_night(row)
            for labels, table in zip(wanted.values(), tables, strict=True)
            for row in table.to_pylist()
            if row["group"] in set(labels)
        ]

    def write(
        self, night: str, status: str, groups: Sequence[tuple[GroupNight, GroupResult]]
    ) -> None:
        """Store a night, in place of its earlier file if there is one.

        Raises:
            OutputError: the file cannot be written.
        """
        rows = [_row(night, group, said) for group, said in groups]
        metadata = {SETTINGS: json.dumps(dict(self.settings)).encode(), STATUS: status.encode()}
        table = pa.Table.from_pylist(rows, SCHEMA.with_metadata(metadata))
        buffer = io.BytesIO()
        pq.write_table(table, buffer, compression="zstd")
        try:
            self.folder.overwrite(f"{PREFIX}{night}{SUFFIX}", buffer.getvalue())
        except OSError as error:
            raise OutputError(f"history.path: cannot write {self.folder.uri}: {error}") from None

    def _read(self, night: str, columns: Sequence[str]) -> pa.Table:
        name = f"{PREFIX}{night}{SUFFIX}"
        try:
            footer, table = open_part(self.folder, name, columns)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"history.path: {self.folder.uri}/{name} cannot be read: {short(error)}; report "
                "that night again, or remove the file"
            ) from None
        metadata = footer.metadata or {}
        if SETTINGS not in metadata:
            raise InputError(
                f"history.path: {self.folder.uri}/{name} is not a night of a history; give the "
                "history a folder of its own"
            )
        return table.replace_schema_metadata(
            {SETTINGS: metadata[SETTINGS], STATUS: metadata[STATUS]}
        )


def _row(night: str, group: GroupNight, said: GroupResult) -> dict[str, Any]:
    moments, histogram = group.moments, group.histogram
    quantiles = dict.fromkeys(("p10", "p50", "p90"))
    if moments.documents:
        quantiles = dict(zip(quantiles, histogram.quantiles((0.1, 0.5, 0.9)).tolist(), strict=True))
    return {
        "night": night,
        "group": group.label,
        "documents": group.documents,
        "tokens": group.tokens,
        "statuses": list(group.statuses.items()),
        "scored": moments.documents,
        "mean": moments.mean if moments.documents else None,
        "sd": moments.sd if moments.documents else None,
        **quantiles,
        "total": str(moments.total),
        "squares": str(moments.squares),
        "wasserstein": said.wasserstein,
        "baseline": list(said.baseline),
        "alerts": list(said.alerts),
        "alert_effects": list(said.effects),
        "shown_alerts": list(said.shown),
        "repeated": None if group.repeats is None else group.repeats.documents,
        "cells": histogram.cells.astype(np.int32).tolist(),
        "cell_documents": histogram.documents.tolist(),
        "cell_tokens": histogram.tokens.tolist(),
    }


def _past(night: str, table: pa.Table) -> PastNight:
    groups = {}
    for row in table.to_pylist():
        quantiles = {"0.1": row["p10"], "0.5": row["p50"], "0.9": row["p90"]}
        lists = ("alerts", "shown_alerts", "baseline", "alert_effects")
        result = GroupResult(row["wasserstein"], *(tuple(row.get(name) or ()) for name in lists))
        known = quantiles if row["scored"] else {}
        groups[row["group"]] = PastGroup(
            label=row["group"],
            documents=row["documents"],
            mean=row["mean"],
            quantiles=known,
            said=result,
            tokens=row["tokens"],
            scored=row["scored"],
            repeated=row.get("repeated"),
        )
    return PastNight(night, table.schema.metadata[STATUS].decode(), groups)


def _group_night(row: Mapping[str, Any]) -> GroupNight:
    cells, documents, tokens = (np.array(row[name], np.int64) for name in _LISTS)
    return GroupNight(
        label=row["group"],
        documents=row["documents"],
        tokens=row["tokens"],
        statuses=dict(row["statuses"]),
        moments=Moments(row["scored"], int(row["total"]), int(row["squares"])),
        histogram=Histogram(cells, documents, tokens),
    )
