"""The conversion of a Lance dataset as a run sees it.

plan      version -> fragments, shards (spans of rows)      dataset, columns, planning
convert   shard -> scanned rows -> files, a receipt         stage
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
from typing_extensions import override

from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.conversion import Conversion
from rm_ray.convert.fingerprint import lance_fingerprint
from rm_ray.convert.lance.counts import LanceCounts
from rm_ray.convert.lance.dataset import LanceVersion, find_version
from rm_ray.convert.lance.plan import FragmentUnit, PlannedFragment
from rm_ray.convert.lance.planning import LancePlanning, plan_version
from rm_ray.convert.lance.stage import LanceStage
from rm_ray.convert.lance.summary import LanceSummary, dry_run_text, manifest
from rm_ray.corpus.files import Corpus
from rm_ray.corpus.paths import check_apart
from rm_ray.run.counts import RunCounts
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.receipts import DONE
from rm_ray.run.shard_job import JobSpec, Round


class LanceJob(Conversion[PlannedFragment, FragmentUnit, LancePlanning]):
    """Plans and does one conversion of a Lance dataset."""

    def __init__(self, config: ConvertConfig) -> None:
        """Check the paths.

        Args:
            config: the configuration.

        Raises:
            InputError: the dataset lies in the output folder.
        """
        check_apart(config.input, config.output)
        self.config = config
        self.summary = LanceSummary()
        self.spec = JobSpec(
            config=config,
            output=config.output,
            settings=config.run,
            fingerprint=lance_fingerprint(config),
            counts=LanceCounts,
            planned=PlannedFragment,
            lines="fragments",
            parts=DONE,
            runs_here=True,
        )

    @override
    def find(self, planned: Collection[str]) -> LanceVersion:
        return find_version(self.config.input)

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFragment],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> LancePlanning:
        assert isinstance(found, LanceVersion)  # `find` returns one
        return plan_version(self.config, found, planned, notes)

    @override
    def stage(self, this: Round[FragmentUnit], planning: LancePlanning) -> LanceStage:
        return LanceStage(
            config=self.config,
            schema=planning.schema,
            root=this.run.root,
            receipts=this.run.parts,
            fingerprint=this.fingerprint,
            tally=this.tally,
        )

    @override
    def page(self, planning: LancePlanning) -> str:
        return dry_run_text(planning, self.config)

    @override
    def too_many_wrong(self, totals: RunCounts, run: RunFolder) -> str | None:
        return None  # every row is converted

    @override
    def leave(self, totals: RunCounts, run: RunFolder, planning: LancePlanning) -> None:
        """Write manifest.json."""
        counts = LanceCounts() + totals
        self.leave_empty_table(run, planning.schema, counts.files)
        stored = run.stored()
        assert stored is not None  # this run has written it
        content = manifest(self.config, planning, counts, stored["versions"])
        run.root.overwrite("manifest.json", content)
