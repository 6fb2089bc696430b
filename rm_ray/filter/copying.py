"""The filter job's one stage: a bundle in, its files and its receipt out.

Text never leaves the task that reads it. Files first, then the receipt, each created only if it is
not there: a bundle is done when its receipt is.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from rm_ray.config import CorpusConfig
from rm_ray.corpus.decoding import check_unchanged, decode
from rm_ray.corpus.parquet import Unreadable, open_parquet
from rm_ray.corpus.shards import Shard
from rm_ray.counts.cuts import Cuts
from rm_ray.filter.bundles import Bundle
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.counts import FilterCounts
from rm_ray.filter.decision import Decision, decide
from rm_ray.filter.documents import Reader, Stretch
from rm_ray.filter.writing import KeptRows, as_written
from rm_ray.run.commit import write_or_halt
from rm_ray.run.folder import RECEIPT
from rm_ray.run.outage import TellTally, wait_while_paused
from rm_ray.run.read_faults import tell_faults
from rm_ray.run.scored import ScoredPart, overlapping
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience, Tries

# Decoded at once.
DECODE_BYTES, DECODE_ROWS = 32 << 20, 1 << 16

Parts = Mapping[str, Sequence[ScoredPart]]
# A bundle's files by their folders, what is in them, and a hash of the rewards that were read.
Copied = tuple[dict[str, bytes], FilterCounts, str]


@dataclass(frozen=True)
class Copier:
    """Copies what is kept of bundles; travels to tasks.

    `root`: of the output; `receipts`: their folder. `parts`: of each run, by corpus file.
    `columns`: those of the rewards that are written, beside the corpus's or alone.
    """

    config: FilterConfig
    reader: Reader
    cuts: Cuts
    parts: Sequence[Parts]
    corpus: CorpusConfig
    columns: Sequence[str]
    root: Folder
    receipts: Folder
    fingerprint: str

    def copy(self, bundle: Bundle, patience: Patience) -> Copied:
        """The bundle's files by their folders, what is in them, and a hash of the rewards read.

        Raises:
            Unreadable: a file cannot be read, or what is kept is not what was counted.
        """
        (shard,) = bundle.shards
        files: dict[str, KeptRows] = {}
        read, tokens = hashlib.sha256(), 0
        for source in bundle.sources:
            parts = tuple(
                tuple(overlapping(theirs.get(source.file, ()), source.start, source.stop))
                for theirs in self.parts
            )
            stretch = replace(source, parts=parts)
            documents = self.reader.read(stretch, self.columns, patience)
            decision = decide(documents, stretch, self.config, self.cuts)
            read.update(documents.reward.tobytes())
            read.update(documents.has.tobytes())
            tokens += int(decision.documents.tokens[decision.kept].sum())
            for folder, schema, options, rows in self._kept(stretch, decision, bundle.file):
                if folder not in files:
                    files[folder] = KeptRows(schema, options, bundle.group_rows)
                files[folder].add(rows)
        kept = sum(file.rows for file in files.values())
        if kept != bundle.kept:
            raise Unreadable(
                f"{kept:,} documents of {shard} are to be kept, and {bundle.kept:,} were counted: "
                "the corpus or its rewards have changed since",
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
        return written, counts, read.hexdigest()[:32]

    def commit(
        self,
        bundle: Bundle,
        files: Mapping[str, bytes],
        counts: FilterCounts,
        read: str,
        patience: Patience,
    ) -> bool:
        """Write the files, then the receipt; whether it was not there."""
        (shard,) = bundle.shards
        for folder, data in files.items():
            replace(self.root / folder, patience=patience).create(shard.part, data)
        receipt = {
            "fingerprint": self.fingerprint,
            "files": {folder: len(data) for folder, data in files.items()},
            "rewards": f"sha256:{read}",
            "counts": counts.stored(),
        }
        text = json.dumps(receipt, indent=1).encode()
        return replace(self.receipts, patience=patience).create(receipt_of(shard), text)

    def _kept(
        self, stretch: Stretch, decision: Decision, folder: str
    ) -> Iterator[tuple[str, pa.Schema, dict[str, Any], pa.Table]]:
        """Kept rows with the folder that they go to, and how they are written."""
        if self.config.output.kind == "rows":
            batches = self._corpus_rows(stretch, decision)
        else:
            batches = self._reward_rows(decision)
        number = self.config.output.buckets
        buckets = decision.buckets(number) if number else np.empty(0, np.int64)
        done = 0
        for schema, options, rows in batches:
            if number is None:
                yield folder, schema, options, rows
                continue
            theirs = buckets[done : done + len(rows)]
            done += len(rows)
            for bucket in np.unique(theirs).tolist():
                yield (
                    in_bucket(folder, bucket, number), schema, options,
                    rows.filter(pa.array(theirs == bucket)),
                )  # fmt: skip

    def _corpus_rows(
        self, stretch: Stretch, decision: Decision
    ) -> Iterator[tuple[pa.Schema, dict[str, Any], pa.Table]]:
        """The corpus's rows, every column, and what is added of the rewards."""
        check_unchanged(stretch, self.corpus)
        with open_parquet(stretch.file, self.corpus.storage) as parquet:
            schema, metadata = parquet.schema_arrow, parquet.metadata
        added = [decision.documents.rewards.schema.field(name) for name in self.columns]
        for field in added:
            schema = schema.append(field)
        options = as_written(metadata, self.config.output.codec)
        for first, batch in decode(stretch, self.corpus, None, _rows_at_once):
            span = slice(first - stretch.start, first - stretch.start + len(batch))
            kept = decision.kept[span]
            if not kept.any():
                continue
            rewards = decision.documents.rewards
            for field in added:
                column = rewards.column(field.name).slice(span.start, len(batch))
                batch = batch.append_column(field, column)
            yield schema, options, batch if kept.all() else batch.filter(pa.array(kept))
        check_unchanged(stretch, self.corpus)

    def _reward_rows(
        self, decision: Decision
    ) -> Iterator[tuple[pa.Schema, dict[str, Any], pa.Table]]:
        rows = decision.documents.rewards.select(self.columns)
        options = {"compression": _codec(self.config.output.codec)}
        yield rows.schema, options, rows.filter(pa.array(decision.kept))


@dataclass(frozen=True)
class CopyStage:
    """Copies bundles; called by Ray Data. `copier_ref`: a Ray reference to a Copier."""

    copier_ref: Any
    tally: Any

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Copy each bundle; yields nothing."""
        copier: Copier = ray.get(self.copier_ref)
        for line in block.column("unit").to_pylist():
            wait_while_paused(self.tally)
            if ray.get(self.tally.ending.remote()):
                break
            ray.get(self.tally.works.remote())
            self._copy(Bundle.from_json(line), copier)
        yield from ()

    def _copy(self, bundle: Bundle, copier: Copier) -> None:
        began = time.perf_counter()
        (shard,) = bundle.shards
        with tell_faults(self.tally, bundle.file, str(shard)):
            files, counts, read = self._patiently(bundle, copier)
            copied = time.perf_counter()
            created = write_or_halt(
                lambda patience: copier.commit(bundle, files, counts, read, patience),
                copier.root, self.tally,
            )  # fmt: skip
            if created is not None:
                seconds = time.perf_counter() - copied
                work = replace(
                    counts, parts=int(created), copy_seconds=copied - began, commit_seconds=seconds
                )
                self.tally.add.remote(work)

    def _patiently(self, bundle: Bundle, copier: Copier) -> Copied:
        """Begun anew after a fault that may pass: nothing has been written yet."""
        patience = Patience(tell=TellTally(self.tally, pauses=False))
        (shard,) = bundle.shards
        tries = Tries(Request("reading", str(shard), copier.corpus.storage, "corpus"), patience)
        while True:
            try:
                found = copier.copy(bundle, patience)
            except Unreadable as error:
                if not error.may_pass:
                    raise
                tries.failed(error, damaged=error.bad_file)
            else:
                tries.worked()
                return found


def read_receipt(
    shard: Shard, receipts: Folder, fingerprint: str
) -> tuple[FilterCounts, int] | None:
    """What a bundle's receipt says, and how many rows it wrote; None if by other settings.

    Raises:
        FileNotFoundError: there is none.
        pa.ArrowInvalid: it is damaged, or one of its files is not what it was.
    """
    data = receipts.read(receipt_of(shard))
    if data is None:
        raise FileNotFoundError(receipt_of(shard))
    try:
        said = json.loads(data)
        counts = FilterCounts(**said["counts"])
    except (ValueError, KeyError, TypeError) as error:
        raise pa.ArrowInvalid(f"its receipt: {error}") from None
    if said["fingerprint"] != fingerprint:
        return None
    root = replace(receipts, uri=receipts.uri.removesuffix("/_rm_ray/done"))
    for folder, size in said["files"].items():
        found = (root / folder).size(shard.part)
        if found != size:
            raise pa.ArrowInvalid(
                f"{folder}/{shard.part} has {found} bytes in place of {size}; remove its receipt "
                f"{receipts.uri}/{receipt_of(shard)} too"
            )
    return counts, counts.rows


def receipt_of(shard: Shard) -> str:
    """Name of a bundle's receipt."""
    return f"{shard.part}{RECEIPT}"


def in_bucket(folder: str, bucket: int, buckets: int) -> str:
    """The folder of a bucket, above the hive folders."""
    kind, slash, hive = folder.partition("/")
    return f"{kind}/quality={bucket:0{len(str(buckets - 1))}d}{slash}{hive}"


def _codec(codec: str | None) -> str:
    return {None: "ZSTD", "uncompressed": "NONE"}.get(codec, str(codec).upper())


def _rows_at_once(groups: Sequence[Any]) -> int:
    rows = sum(group.num_rows for group in groups)
    size = sum(group.total_byte_size for group in groups)
    return max(1, min(DECODE_ROWS, int(DECODE_BYTES * rows / max(1, size))))
