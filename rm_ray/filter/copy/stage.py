"""The filter job's one stage: a bundle in, its files and its receipt out.

Text never leaves the task that reads it. Files first, then the receipt, each created only if it is
not there.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pyarrow as pa
import ray

from rm_ray.corpus.decoding import read_again
from rm_ray.filter.copy.bundles import Bundle, said
from rm_ray.filter.copy.copier import Copied, Copier
from rm_ray.filter.copy.receipts import name_of, receipt
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.reading_tasks import tell_faults, units_to_do
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.commit import write_or_halt
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience


@dataclass(frozen=True)
class CopyStage:
    """Copies bundles; called by Ray Data.

    `copier_ref`: a Ray reference to a Copier. `root`: of the output; `receipts`: their folder.
    """

    copier_ref: Any
    root: Folder
    receipts: Folder
    fingerprint: str
    tally: TallyHandle

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        """Copy each bundle; yields nothing."""
        copier = _copier(self.copier_ref)
        for bundle in units_to_do(block, Bundle, self.tally):
            file = bundle.sources[0].file if bundle.sources else bundle.file
            with tell_faults(self.tally, file, said(bundle)):
                self._copy(bundle, copier)
        yield from ()

    def _copy(self, bundle: Bundle, copier: Copier) -> None:
        began = time.perf_counter()
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        request = Request("reading", said(bundle), copier.corpus.storage, copier.corpus.key)
        # begun anew after a fault that may pass: nothing has been written yet
        copied = read_again(lambda: copier.copy(bundle), request, patience)
        done = time.perf_counter()
        created = write_or_halt(
            lambda patience: self._commit(bundle, copied, patience), self.root, self.tally
        )
        if created is not None:
            work = replace(
                copied.counts,
                parts=int(created),
                copy_seconds=done - began,
                commit_seconds=time.perf_counter() - done,
            )
            self.tally.tell(Tally.add, work)

    def _commit(self, bundle: Bundle, copied: Copied, patience: Patience) -> bool:
        """Write the files, then the receipt; whether it was not there."""
        (shard,) = bundle.shards
        for folder, data in copied.files.items():
            replace(self.root / folder, patience=patience).create(shard.part, data)
        text = receipt(self.fingerprint, copied.files, copied.rewards, copied.counts)
        return replace(self.receipts, patience=patience).create(name_of(shard), text)


@lru_cache(maxsize=1)
def _copier(reference: Any) -> Copier:
    """Once in a process: it knows all parts of the runs."""
    found: Copier = ray.get(reference)
    return found
