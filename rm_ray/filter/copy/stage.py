"""The filter job's one stage: a task takes a bundle and writes its files and its receipt.

Text never leaves the task that reads it. The task writes the files first, then the receipt; each is
created only if it does not exist.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rm_ray.corpus.decoding import read_again
from rm_ray.filter.config import FilterTasksConfig
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
from rm_ray.tasks.ended import Ended
from rm_ray.tasks.run import run_tasks


@dataclass(frozen=True)
class CopyStage:
    """Copies bundles and reports faults to the tally."""

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

    def copy_all(self, bundles: Sequence[str]) -> None:
        """Copy bundles, each given as JSON."""
        for bundle in units_to_do(bundles, Bundle, self.tally):
            file = bundle.sources[0].file if bundle.sources else bundle.file
            with tell_faults(self.tally, file, said(bundle)):
                self._copy(bundle)

    def _copy(self, bundle: Bundle) -> None:
        copier = self.copier
        began = time.perf_counter()
        patience = Patience(tell=TellTally(self.tally, pauses=False), has_asked=True)
        request = Request("reading", said(bundle), copier.corpus.storage, copier.corpus.key)
        # after a fault that may pass, the copy starts again: nothing has been written yet
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
        """Write the files, then the receipt. Return True if the receipt did not exist before."""
        (shard,) = bundle.shards
        for folder, data in copied.files.items():
            replace(self.root / folder, patience=patience).create(shard.part, data)
        text = receipt(self.fingerprint, copied.files, copied.rewards, copied.counts)
        return replace(self.receipts, patience=patience).create(name_of(shard), text)


def run_copies(
    stage: CopyStage, bundles: Sequence[Bundle], tasks: FilterTasksConfig, every_s: float
) -> None:
    """Copy bundles in processes of this machine, one task per bundle."""
    batches = [[bundle.to_json()] for bundle in bundles]
    results = run_tasks(
        _copy_all,
        batches,
        stage,
        cpus=tasks.cpus,
        at_once=tasks.max_tasks,
        doing="copied",
        every_s=every_s,
    )
    for bundle, result in zip(bundles, results, strict=True):
        if isinstance(result, Ended):
            why = f"{said(bundle)}: each process that copies these rows dies: {result.reason}"
            stage.tally.call(Tally.fault, why, "input")


def _copy_all(bundles: Sequence[str], stage: CopyStage) -> None:
    stage.copy_all(bundles)
