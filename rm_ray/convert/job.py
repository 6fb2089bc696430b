"""The conversion as a run sees it.

plan      files -> sampled schema, shards (spans of bytes)          planning, sampling, cutting
convert   shard -> blocks of lines -> tables -> files, a receipt    stage, blocks, reading, writing

`line_reader` decides what a line means. `block_reader` reads most blocks faster, to the same rows.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from typing_extensions import override

from rm_ray.addresses import table_of
from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.counts import ConvertCounts
from rm_ray.convert.files import choose
from rm_ray.convert.fingerprint import fingerprint
from rm_ray.convert.plan import LinesUnit, PlannedLines
from rm_ray.convert.planning import ConvertPlanning, plan_conversion
from rm_ray.convert.stage import CORPUS, REJECTED, ConvertStage
from rm_ray.convert.summary import ConvertSummary, dry_run_text, listed, manifest, warnings
from rm_ray.convert.writing import Files
from rm_ray.corpus.files import Corpus, list_files
from rm_ray.corpus.paths import check_paths
from rm_ray.corpus.shards import Shard
from rm_ray.errors import InputError
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.receipts import DONE, read_receipt
from rm_ray.run.shard_job import JobSpec, Round, ShardJob
from rm_ray.run.survey import open_folder, survey
from rm_ray.run.unit_tasks import do_units_here
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset

log = logging.getLogger(__name__)


def convert(config: ConvertConfig) -> None:
    """Convert JSON Lines files. The same call again goes on where the last one ended.

    Args:
        config: the configuration.

    Raises:
        Refused: the conversion cannot run; the message tells the remedy. Nothing is written.
        Incomplete: the run ended with something missing, or too many lines were rejected.
    """
    execute(ConvertJob(config))


def dry_run(config: ConvertConfig) -> str:
    """Tell, as text, what `convert` would read and write. Nothing is written."""
    job = ConvertJob(config)
    with ray_faults():
        seen = survey(job, open_folder(job), to_run=False)
        return dry_run_text(cast(ConvertPlanning, seen.new))


class ConvertJob(ShardJob[PlannedLines, LinesUnit, ConvertPlanning]):
    """Plans and does one conversion."""

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
    def stages(
        self, units: "Dataset", this: Round[LinesUnit], planning: ConvertPlanning
    ) -> "Dataset":
        from rm_ray.run.units_on_ray import do_units_on_ray

        tasks = self.config.tasks
        stage = self._stage(this, planning)
        return do_units_on_ray(units, stage, cpus=tasks.cpus, at_once=tasks.max_tasks)

    @override
    def run_here(self, this: Round[LinesUnit], planning: ConvertPlanning) -> None:
        do_units_here(
            self._stage(this, planning),
            this.units,
            cpus=self.config.tasks.cpus,
            at_once=self.config.tasks.max_tasks,
            every_s=self.config.run.progress_s,
        )

    def _stage(self, this: Round[LinesUnit], planning: ConvertPlanning) -> ConvertStage:
        return ConvertStage(
            config=self.config,
            columns=planning.schema,
            root=this.run.root,
            receipts=this.run.parts,
            fingerprint=this.fingerprint,
            tally=this.tally,
        )

    @override
    def work_left(self, units: Sequence[LinesUnit]) -> float:
        return sum(shard.stop - shard.start for unit in units for shard in unit.shards)

    @override
    def work_done(self, progress: RunProgress) -> float:
        return (ConvertCounts() + progress.work).bytes_read

    @override
    def read_counts(
        self, shard: Shard, parts: Folder, fingerprint: str
    ) -> tuple[ConvertCounts, int] | None:
        return read_receipt(shard, parts, fingerprint, ConvertCounts, str)

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
        self._leave_empty_table(counts, run, planning)
        stored = run.stored()
        assert stored is not None  # this run has written it
        content = manifest(self.config, planning, counts, stored["versions"])
        run.root.overwrite("manifest.json", content)

    def _leave_empty_table(
        self, counts: ConvertCounts, run: RunFolder, planning: ConvertPlanning
    ) -> None:
        """Let the corpus have a file without rows as long as it has no file with rows."""
        folder, name = run.root / CORPUS, Shard(CORPUS, 0, 0).part
        if not counts.files:
            data = Files(planning.schema.schema, self.config.output.codec, 1, 1).empty()
            folder.overwrite(name, data)
        elif name in folder.names():
            folder.remove(name)  # the corpus has grown, and the columns were not known then
