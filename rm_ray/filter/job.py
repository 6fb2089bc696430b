"""The filter job as a run sees it.

plan      rewards -> cuts -> kept rows per row group -> bundles        planning, count/, copy/units
copy      bundle -> its kept rows -> files, then a receipt             copy/stage: tasks

`count/decision` decides if a document is kept, from the facts that `count/reader` reads.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
from typing_extensions import override

from rm_ray.corpus.files import Corpus
from rm_ray.corpus.shards import Shard
from rm_ray.errors import Incomplete
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.copy.bundles import Bundle, PlannedFolder
from rm_ray.filter.copy.copier import Copier
from rm_ray.filter.copy.nothing_kept import write_no_corpus_rows, write_no_rows
from rm_ray.filter.copy.stage import CopyStage
from rm_ray.filter.counts import FilterCounts
from rm_ray.filter.fingerprint import fingerprint
from rm_ray.filter.notes import Notes
from rm_ray.filter.planning import ROOTS, FilterPlanning, find_corpus, plan_filter
from rm_ray.filter.sources import FilterSources
from rm_ray.filter.summary import FilterSummary, dry_run_text, manifest
from rm_ray.run.counts import RunCounts
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.output.folder import SUCCESS, RunFolder
from rm_ray.run.output.receipts import DONE, read_receipt
from rm_ray.run.shard_job import JobSpec, Round, ShardJob
from rm_ray.run.survey import open_folder, survey
from rm_ray.run.unit_tasks import do_units_here
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset


def filter_corpus(config: FilterConfig, mark: str = SUCCESS) -> None:
    """Filter a corpus. The same call again goes on where the last one ended.

    Args:
        config: the configuration.
        mark: name of the file that marks the complete run.

    Raises:
        Refused: the filter cannot run; the message tells the remedy. Nothing is written.
        Incomplete: the run ended with something missing.
    """
    execute(FilterJob(config, mark))


def dry_run(config: FilterConfig) -> str:
    """Tell, as text, how much `filter_corpus` would keep and drop. Nothing is written."""
    job = FilterJob(config)
    with ray_faults():
        seen = survey(job, open_folder(job), to_run=False)
        return dry_run_text(job.sources, cast(FilterPlanning, seen.new), seen)


class FilterJob(ShardJob[PlannedFolder, Bundle, FilterPlanning]):
    """Plans and copies for one filter. The constructor decides and refuses as much as is possible
    before a machine is asked for.
    """

    def __init__(self, config: FilterConfig, mark: str = SUCCESS) -> None:
        """Look at the scoring runs.

        Args:
            config: the configuration.
            mark: name of the file that marks the complete run.

        Raises:
            InputError: a run is missing, not complete, or does not fit.
            OutputError: a folder is no run.
            ConfigError: a column is not in the rewards.
        """
        self.sources = FilterSources.open(config)
        self.summary = FilterSummary(config)
        self.spec = JobSpec(
            config=config,
            output=config.output,
            settings=config.run,
            fingerprint=fingerprint(
                config, self.sources.runs, self.sources.kind, self.sources.left_out
            ),
            counts=FilterCounts,
            planned=PlannedFolder,
            lines="folders",
            parts=DONE,
            mark=mark,
            runs_here=True,
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the sources, which are as large as the plans of the runs. The job is sent to
        tasks that count receipts, and these do not need the sources.
        """
        return self.__dict__ | {"sources": None}

    @override
    def find(self, planned: Collection[str]) -> Corpus:
        return find_corpus(self.sources)

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFolder],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> FilterPlanning:
        return plan_filter(self.sources, found, planned, notes)

    @override
    def stages(self, units: "Dataset", this: Round[Bundle], planning: FilterPlanning) -> "Dataset":
        from rm_ray.run.units_on_ray import do_units_on_ray

        tasks = self.sources.config.tasks
        stage = self._copy_stage(this, planning)
        return do_units_on_ray(units, stage, cpus=tasks.cpus, at_once=tasks.max_tasks)

    @override
    def run_here(self, this: Round[Bundle], planning: FilterPlanning) -> None:
        config = self.sources.config
        do_units_here(
            self._copy_stage(this, planning),
            this.units,
            cpus=config.tasks.cpus,
            at_once=config.tasks.max_tasks,
            every_s=config.run.progress_s,
        )

    def _copy_stage(self, this: Round[Bundle], planning: FilterPlanning) -> CopyStage:
        ready = planning.ready
        copier = Copier(
            config=self.sources.config,
            reader=ready.reader,
            cuts=ready.cuts,
            parts=ready.parts,
            corpus=self.sources.corpus,
            columns=self.sources.written.names,
        )
        return CopyStage(
            copier=copier,
            root=this.run.root,
            receipts=this.run.parts,
            fingerprint=this.fingerprint,
            tally=this.tally,
        )

    @override
    def count_documents(self, spans: Iterable[Shard]) -> int:
        return sum(span.stop - span.start for span in spans)

    @override
    def read_counts(
        self, shard: Shard, parts: Folder, fingerprint: str
    ) -> tuple[FilterCounts, int] | None:
        def path_of(folder: str) -> str:
            return f"{folder}/{shard.part}"

        return read_receipt(shard, parts, fingerprint, FilterCounts, path_of)

    @override
    def leave(self, totals: RunCounts, run: RunFolder, planning: FilterPlanning) -> None:
        """Check the number of kept documents, and write manifest.json.

        Raises:
            Incomplete: more or fewer documents are kept than were counted.
        """
        totals = FilterCounts() + totals
        counted = sum(notes.kept for notes in planning.segments)
        if totals.rows != counted:
            raise Incomplete(
                f"{totals.rows:,} documents were written, but {counted:,} were to be kept; remove "
                f"{run.uri} and run the same command again"
            )
        if not totals.files:
            self._write_no_rows(run.root, planning.segments[0])
        stored = run.stored()
        assert stored is not None  # this run has written it
        content = manifest(self.sources, planning.segments, totals, stored["versions"])
        run.root.overwrite("manifest.json", content)

    def _write_no_rows(self, root: Folder, notes: Notes) -> None:
        sources, files = self.sources, list(notes.files)
        output = sources.config.output
        folder = ROOTS[output.kind]
        if output.kind == "rows" and files:
            write_no_corpus_rows(
                root,
                folder,
                columns=sources.written,
                files=files,
                corpus=sources.corpus,
                codec=output.codec,
            )
        else:
            write_no_rows(root, folder, sources.written)
