"""The filter job's one stage: a task takes a bundle and writes its files and its receipt.

Text never leaves the task that reads it. The task writes the files first, then the receipt; each is
created only if it does not exist.
"""

import time
from dataclasses import dataclass, replace

from typing_extensions import override

from rm_ray.corpus.decoding import read_again
from rm_ray.filter.copy.bundles import Bundle, said
from rm_ray.filter.copy.copier import Copied, Copier
from rm_ray.run.faults.handle import TallyHandle
from rm_ray.run.faults.pause import TellTally
from rm_ray.run.faults.tally import Tally
from rm_ray.run.output.commit import write_or_halt
from rm_ray.run.output.receipts import name_of, receipt
from rm_ray.run.unit_tasks import UnitStage
from rm_ray.store.access import Request
from rm_ray.store.folder import Folder
from rm_ray.store.retry import Patience


@dataclass(frozen=True)
class CopyStage(UnitStage[Bundle]):
    """A CopyStage copies bundles and reports faults to the tally."""

    copier: Copier
    """Encodes the files of a bundle."""
    root: Folder
    """The output's folder."""
    receipts: Folder
    """The folder of the receipts."""
    fingerprint: str
    """The filter's fingerprint, which receipts name."""
    tally: TallyHandle
    """Collects counts and faults."""
    kind: type[Bundle] = Bundle
    """Class of the units."""
    doing: str = "copied"
    """Says what a finished task has done, for log lines."""

    @override
    def said(self, unit: Bundle) -> str:
        return said(unit)

    @override
    def file(self, unit: Bundle) -> str:
        return unit.sources[0].file if unit.sources else unit.file

    @override
    def do(self, unit: Bundle) -> None:
        copier = self.copier
        began = time.perf_counter()
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        request = Request("reading", said(unit), copier.corpus.storage, copier.corpus.key)
        # after a fault that may pass, the copy starts again: nothing has been written yet
        copied = read_again(lambda: copier.copy(unit), request, patience)
        done = time.perf_counter()
        created = write_or_halt(
            lambda patience: self._commit(unit, copied, patience), self.root, self.tally
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
        """Write the files, then the receipt. Return True if the receipt did not exist before."""
        (shard,) = bundle.shards
        for folder, data in copied.files.items():
            replace(self.root / folder, patience=patience).create(shard.part, data)
        sizes = {folder: len(data) for folder, data in copied.files.items()}
        rewards = f"sha256:{copied.rewards}"
        text = receipt(self.fingerprint, sizes, copied.counts, rewards=rewards)
        return replace(self.receipts, patience=patience).create(name_of(shard), text)
