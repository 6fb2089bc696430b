"""Copies a bundle: encodes the kept rows of its sources as files. Nothing is written here."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from rm_ray.config import CorpusConfig
from rm_ray.corpus.decoding import batches, check_unchanged, opened
from rm_ray.corpus.parquet import Unreadable
from rm_ray.corpus.windows import AtOnce
from rm_ray.counts.cuts import Cuts
from rm_ray.filter.column_checks import BUCKET, QUALITY
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.copy.bundles import Bundle, said
from rm_ray.filter.copy.writing import KeptRows, plainly
from rm_ray.filter.count.decision import Decision, decide
from rm_ray.filter.count.reader import RewardsReader
from rm_ray.filter.count.stretches import Parts, Stretch, parts_of
from rm_ray.filter.counts import FilterCounts
from rm_ray.parquet.source import Writing
from rm_ray.store.retry import Patience

# Most that is decoded at once.
DECODE_BYTES, DECODE_ROWS = 32 << 20, 1 << 16
# Most memory that waiting rows of all files may take, in bytes; then the largest file is flushed.
WAITING_BYTES = 512 << 20


@dataclass(frozen=True)
class Copied:
    """The result of copying one bundle: it holds the files and their counts."""

    files: dict[str, bytes]
    """The contents of each file, by folder."""
    counts: FilterCounts
    """Counts of the bundle and its files."""
    rewards: str
    """Hash of the rewards that were read: 32 hex digits."""


# Kept rows, and how to write these rows. None in place of rows marks the end of row groups of the
# corpus.
Kept = tuple[pa.Table | None, Writing]


@dataclass(frozen=True)
class Copier:
    """Copies the kept documents of bundles; it is sent to tasks."""

    config: FilterConfig
    """The filter's configuration."""
    reader: RewardsReader
    """Reads the documents that are decided on."""
    cuts: Cuts
    """The cuts of all groups."""
    parts: Sequence[Parts]
    """The parts of each scoring run."""
    corpus: CorpusConfig
    """The corpus that rows are copied from."""
    columns: Sequence[str]
    """Columns of the rewards to write, beside the corpus's columns or alone."""

    def copy(self, bundle: Bundle) -> Copied:
        """Make a bundle's files. Every read is tried once; the caller retries the whole bundle.

        Raises:
            Unreadable: a file cannot be read, or the documents to keep are more or fewer than were
                counted.
        """
        (shard,) = bundle.shards
        files: dict[str, KeptRows] = {}
        read, tokens = hashlib.sha256(), 0
        for source in bundle.sources:
            parts = parts_of(self.parts, source.file, source.start, source.stop)
            stretch = replace(source, parts=parts)
            documents = self.reader.read(stretch, self._stored, Patience(0))
            decision = decide(documents, stretch, self.config, self.cuts)
            read.update(documents.reward.tobytes() + documents.has.tobytes())
            tokens += int(decision.documents.tokens[decision.kept].sum())
            self._add(stretch, decision, bundle, files)
        kept = sum(file.rows for file in files.values())
        if kept != bundle.kept:
            raise Unreadable(
                f"{said(bundle)}: {kept:,} documents are to be kept now, but {bundle.kept:,} were "
                "counted when the filter was planned: the corpus or its rewards have changed since",
                bad_file=False,
                may_pass=False,
            )
        written = {folder: file.close() for folder, file in files.items()}
        counts = FilterCounts(
            documents=shard.stop - shard.start,
            rows=kept,
            statuses={"dropped": shard.stop - shard.start - kept, "kept": kept},
            tokens=tokens,
            files=len(written),
            bytes=sum(map(len, written.values())),
        )
        return Copied(written, counts, read.hexdigest()[:32])

    def _add(
        self, stretch: Stretch, decision: Decision, bundle: Bundle, files: dict[str, KeptRows]
    ) -> None:
        """Add the kept rows of a stretch to the files of their folders."""
        number = self.config.output.buckets
        buckets = decision.buckets(number).drop_null().to_numpy() if number else None
        done = 0
        for rows, writing in self._rows(stretch, decision, bundle.group_rows):
            if rows is None:
                for file in files.values():
                    file.end_of_group()
                continue
            for folder, folder_rows in _by_folder(
                rows, bundle.file, buckets=buckets, done=done, number=number
            ):
                if folder not in files:
                    files[folder] = KeptRows(writing, bundle.group_rows)
                files[folder].add(folder_rows)
            done += len(rows)
            while sum(file.waiting_bytes for file in files.values()) > WAITING_BYTES:
                max(files.values(), key=lambda file: file.waiting_bytes).flush()

    def _rows(self, stretch: Stretch, decision: Decision, group_rows: int) -> Iterator[Kept]:
        if self.config.output.kind == "rows":
            return self._corpus_rows(stretch, decision, group_rows)
        return self._reward_rows(decision)

    def _corpus_rows(self, stretch: Stretch, decision: Decision, group_rows: int) -> Iterator[Kept]:
        """Yield the kept rows of the corpus: every column, and the added columns of the rewards."""
        check_unchanged(stretch, self.corpus)
        added = self._added(decision)
        with opened(stretch, self.corpus) as (parquet, source):
            writing = source.writing(list(added.schema), self.config.output.codec, group_rows)
            apart = bool(source.kind.sorted_by)
            for groups, first_row, rows in _groups_kept(source.metadata, stretch, decision, apart):
                for first, batch in batches(parquet, groups, first_row, rows):
                    start = first - stretch.start
                    for field in added.schema:
                        column = added.column(field.name).slice(start, len(batch))
                        batch = batch.append_column(field, column)
                    kept = decision.kept[start : start + len(batch)]
                    if not kept.all():
                        batch = batch.filter(pa.array(kept))
                    yield batch.cast(writing.schema), writing
                yield None, writing
        check_unchanged(stretch, self.corpus)

    @property
    def _stored(self) -> list[str]:
        """Return the columns to read from the rewards: all written ones but the bucket number."""
        bucket = QUALITY if self.config.output.buckets else None
        return [name for name in self.columns if name != bucket]

    def _added(self, decision: Decision) -> pa.Table:
        """Return the columns of the rewards to write, for all documents, kept or not."""
        rewards = decision.documents.rewards
        number = self.config.output.buckets
        if number and QUALITY in self.columns:
            rewards = rewards.append_column(BUCKET, decision.buckets(number))
        return rewards.select(self.columns)

    def _reward_rows(self, decision: Decision) -> Iterator[Kept]:
        rows = self._added(decision)
        kept = rows.filter(pa.array(decision.kept))
        yield kept, plainly(rows.schema, self.config.output.codec)


def in_bucket(folder: str, bucket: int, buckets: int) -> str:
    """Return the path of a bucket's folder. It is above the hive folders."""
    kind, slash, hive = folder.partition("/")
    return f"{kind}/{QUALITY}={bucket:0{len(str(buckets - 1))}d}{slash}{hive}"


def _by_folder(
    rows: pa.Table, folder: str, buckets: Any, done: int, number: int | None
) -> Iterator[tuple[str, pa.Table]]:
    """Yield each output folder with its rows.

    Args:
        rows: kept rows of a stretch, a batch of all.
        folder: the folder of the bundle.
        buckets: the bucket of each kept row of the stretch; None without buckets.
        done: kept rows of the stretch before these.
        number: how many buckets there are; None without buckets.
    """
    if number is None:
        yield folder, rows
        return
    row_buckets = buckets[done : done + len(rows)]
    for bucket in np.unique(row_buckets).tolist():
        yield in_bucket(folder, bucket, number), rows.filter(pa.array(row_buckets == bucket))


def _groups_kept(
    metadata: Any, stretch: Stretch, decision: Decision, apart: bool
) -> Iterator[tuple[range, int, AtOnce]]:
    """Yield the row groups of a stretch that have kept rows, with the number of their first row and
    how much to decode at once.

    Neighbouring row groups are yielded together, and are fetched together, unless `apart`.
    """
    span = range(stretch.first_group, stretch.stop_group)
    rows = [metadata.row_group(group).num_rows for group in span]
    firsts = list(accumulate(rows, initial=stretch.first_row))
    first: int | None = None
    for at, group in enumerate([*span, None]):
        kept = group is not None and bool(
            decision.kept[firsts[at] - stretch.start : firsts[at + 1] - stretch.start].any()
        )
        if kept and first is None:
            first = at
        elif first is not None and (apart or not kept):
            groups = range(span[first], span[at - 1] + 1)
            yield groups, firsts[first], AtOnce(DECODE_ROWS, DECODE_BYTES)
            first = at if kept else None
