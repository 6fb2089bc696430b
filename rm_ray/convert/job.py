"""The conversion of JSON Lines as a run sees it.

plan      files -> sampled schema, shards (spans of bytes)          planning, sampling, cutting
convert   shard -> blocks of lines -> tables -> files, a receipt    stage, blocks, reading, writing

`line_reader` decides what a line means. `block_reader` reads most blocks faster, to the same rows.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
from typing_extensions import override

from rm_ray.addresses import table_of
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.conversion import Conversion
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.files import choose
from rm_ray.convert.fingerprint import fingerprint
from rm_ray.convert.plan import LinesUnit, PlannedLines
from rm_ray.convert.planning import ConvertPlanning, plan_conversion
from rm_ray.convert.stage import REJECTED, ConvertStage
from rm_ray.convert.summary import ConvertSummary, dry_run_text, listed, manifest, warnings
from rm_ray.corpus.files import Corpus, list_files
from rm_ray.corpus.paths import check_paths
from rm_ray.errors import InputError
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.receipts import DONE
from rm_ray.run.shard_job import JobSpec, Round

log = logging.getLogger(__name__)


class ConvertJob(Conversion[PlannedLines, LinesUnit, ConvertPlanning]):
    """Plans and does one conversion of JSON Lines."""

    def __init__(self, config: ConvertConfig) -> None:
        """Check the paths.

        Args:
            config: the configuration.

        Raises:
            InputError: an input path does not exist, lies in the output folder, or names a table.
        """
        if tables := [path for path in config.input.paths if table_of(path)]:
            raise InputError(
                f"input.path: {tables[0]} is a table, and its files are Parquet already: give it "
                f"to the scoring job, --input.path {tables[0]}"
            )
        check_paths(config.input, config.output)
        self.config = config
        self.summary = ConvertSummary()
        self.spec = JobSpec(
            config=config,
            output=config.output,
            settings=config.run,
            fingerprint=fingerprint(config),
            counts=ConvertCounts,
            planned=PlannedLines,
            parts=DONE,
            runs_here=True,
            documents_known=False,
            skips_bad_files=config.input.on_bad_file == "skip",
        )

    @override
    def find(self, planned: Collection[str]) -> Corpus:
        return list_files(self.config.input, self.config.output, planned, choose)

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedLines],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> ConvertPlanning:
        return plan_conversion(self.config, found, planned, notes)

    @override
    def stage(self, this: Round[LinesUnit], planning: ConvertPlanning) -> ConvertStage:
        return ConvertStage(
            config=self.config,
            columns=planning.schema,
            root=this.run.root,
            receipts=this.run.parts,
            fingerprint=this.fingerprint,
            tally=this.tally,
        )

    @override
    def page(self, planning: ConvertPlanning) -> str:
        return dry_run_text(planning)

    @override
    def work_left(self, units: Sequence[LinesUnit]) -> float:
        return sum(shard.stop - shard.start for unit in units for shard in unit.shards)

    @override
    def work_done(self, progress: RunProgress) -> float:
        return (ConvertCounts() + progress.work).bytes_read

    @override
    def too_many_wrong(self, totals: RunCounts, run: RunFolder) -> str | None:
        counts, most = ConvertCounts() + totals, self.config.run.max_rejected_fraction
        rejected = counts.statuses.get("rejected", 0)
        if rejected <= most * counts.documents:
            return None
        return (
            f"{rejected:,} of {counts.documents:,} lines were rejected "
            f"({listed(counts.rejected)}), more than run.max_rejected_fraction {most:g} allows; "
            f"{run.uri}/{REJECTED} holds each with its file, its number, the reason and its bytes. "
            "All other lines are converted. To take that as it is, give a larger "
            "--run.max_rejected_fraction; or correct the files and begin another --output.path"
        )

    @override
    def leave(self, totals: RunCounts, run: RunFolder, planning: ConvertPlanning) -> None:
        """Write manifest.json, and tell what is in the extra column."""
        counts = ConvertCounts() + totals
        for sentence in warnings(counts, planning.schema):
            log.warning("%s", sentence)
        self.leave_empty_table(run, planning.schema.schema, counts.files)
        stored = run.stored()
        assert stored is not None  # this run has written it
        content = manifest(self.config, planning, counts, stored["versions"])
        run.root.overwrite("manifest.json", content)
