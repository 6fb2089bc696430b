"""The filter job: what a run has to be told of it.

plan      rewards -> cuts -> what each row group keeps -> bundles      passes, units, bundles
copy      bundle -> its kept rows -> files, then a receipt             copy_stage, copier: Ray tasks

What becomes of a document is decided in `decision`, from what `reader` reads of it.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import ray
from ray.data import Dataset, TaskPoolStrategy
from typing_extensions import override

from rm_ray.cluster import check_task
from rm_ray.corpus.files import Corpus, InputFile, list_files
from rm_ray.corpus.footers import Footer, read_footers
from rm_ray.corpus.shards import Shard
from rm_ray.counts.cuts import Cuts
from rm_ray.counts.ranks import Ranks
from rm_ray.errors import Incomplete, InputError
from rm_ray.filter.checks import (
    as_they_are,
    by_file,
    check_same_files,
    check_threshold,
    check_unmoved,
    corpus_of,
    scored_files,
)
from rm_ray.filter.column_checks import (
    check_columns,
    spoken_of,
    warn_of_mixed_folders,
    written_columns,
)
from rm_ray.filter.condition import Condition
from rm_ray.filter.config import FilterConfig
from rm_ray.filter.copy.bundles import Bundle, PlannedFolder
from rm_ray.filter.copy.copier import Copier
from rm_ray.filter.copy.keeping import Alterations, Look
from rm_ray.filter.copy.nothing_kept import write_no_corpus_rows, write_no_rows
from rm_ray.filter.copy.receipts import DONE, read_receipt
from rm_ray.filter.copy.stage import CopyStage
from rm_ray.filter.copy.units import Layout, corpus_layout, parts_layout, plan_folders
from rm_ray.filter.count.census import Census
from rm_ray.filter.count.passes import Passes
from rm_ray.filter.count.reader import Reader
from rm_ray.filter.count.stretches import Parts
from rm_ray.filter.counts import FilterCounts
from rm_ray.filter.fingerprint import fingerprint
from rm_ray.filter.notes import FilterPlanning, Notes, all_cuts, outcome_rows
from rm_ray.filter.summary import closing_lines, dry_run_text, manifest
from rm_ray.run.counts import RunCounts, RunProgress
from rm_ray.run.execute import execute, ray_faults
from rm_ray.run.output.folder import RunFolder, fingerprint_id
from rm_ray.run.shard_job import Round, ShardJob
from rm_ray.run.survey import open_folder, survey
from rm_ray.scored.column_path import ColumnPath
from rm_ray.scored.columns import columns_of
from rm_ray.scored.run import describe_parts, open_scored
from rm_ray.store.folder import Folder

log = logging.getLogger(__name__)

MIB = 1 << 20
# With buckets a bundle has a file for each of them: so much is encoded at once at most.
MOST_BYTES = 1 << 30
# What is written, by kind: the folder of it.
ROOTS = {"rows": "corpus", "ids": "ids", "rewards": "rewards"}


@dataclass(frozen=True)
class Ready:
    """What copying needs, once the plan is made. `parts`: of each run, by corpus file."""

    reader: Reader
    cuts: Cuts
    parts: Sequence[Parts]


def filter_corpus(config: FilterConfig) -> None:
    """Filter; the same call again goes on where the last one ended.

    Raises:
        Refused: before anything is written, with what to do.
        Incomplete: the run ended with something missing.
    """
    execute(FilterJob(config))


def dry_run(config: FilterConfig) -> str:
    """What `filter_corpus` would keep and drop, as text; nothing is written."""
    job = FilterJob(config)
    with ray_faults():
        seen = survey(job, open_folder(job), to_run=False)
        return dry_run_text(job, seen)


class FilterJob(ShardJob[PlannedFolder, Bundle]):
    """Everything that can be decided, and refused, before a machine is asked for.

    `notes`: of all segments of the plan, and `ready`: what copying needs, once `plan` was there.
    """

    counts = FilterCounts
    planned = PlannedFolder
    lines = "folders"
    parts = DONE
    starting = "the first bundles are being copied"

    def __init__(self, config: FilterConfig) -> None:
        """Look at the scoring runs.

        Raises:
            InputError: one is not there, not complete, or does not fit.
            OutputError: a folder is no run.
            ConfigError: a column is not in the rewards.
        """
        rewards = config.rewards
        self.runs = [
            open_scored(
                path,
                rewards.storage,
                rewards.segments_of(number),
                allow_incomplete=rewards.allow_incomplete,
            )
            for number, path in enumerate(rewards.paths)
        ]
        for run in self.runs:
            check_threshold(config, run)
        self.schemas = [columns_of(run, rewards.column) for run in self.runs]
        self.config: FilterConfig = config
        self.output, self.settings = config.output, config.run
        self.corpus = corpus_of(config, self.runs[0])
        self.written = written_columns(config, self.schemas[0])
        named = spoken_of(config.rule)
        self.own = [name for name in named if name in self.schemas[0].names]
        self.others = [name for name in named if name not in self.own]
        self.fingerprint = fingerprint(config, self.runs, self.kind)
        self.notes: list[Notes] = []
        self.ready: Ready | None = None

    def __getstate__(self) -> dict[str, Any]:
        """For tasks, which count receipts: without what is as large as the plans of the runs."""
        return self.__dict__ | {"runs": [], "notes": [], "ready": None}

    @override
    def find(self, planned: Collection[str]) -> Corpus:
        run = self.runs[0]
        scored = {file.path for file in run.files}
        there = {shard.file for shard in run.shards}
        skipped = (run.totals or {}).get("skipped_files", {}).keys() - there
        by_segment = self.config.rewards.segments is not None
        listed = self.config.corpus.path is not None or (self._reads_corpus and not by_segment)
        if listed:
            found = list_files(self.corpus, self.config.output, scored)
        else:
            found = Corpus(scored_files(run), "")
        if by_segment:
            found = replace(found, files=[file for file in found.files if file.path in scored])
            if not found.files:
                raise InputError(
                    f"rewards.segments: segments {run.segments} of {run.uri} hold none of the "
                    f"files of {self.corpus.path}"
                )
        if bad := [file.path for file in found.files if file.path in skipped]:
            log.warning(
                "%d files that could not be scored are left out, first %s", len(bad), bad[0]
            )
            found = replace(found, files=[file for file in found.files if file.path not in skipped])
        if self._reads_corpus and not listed:
            found = replace(found, files=as_they_are(found.files, self.corpus))
        check_same_files(found.files, self.runs, self.config)
        return found

    @override
    def plan(
        self,
        found: Corpus,
        planned: Sequence[PlannedFolder],
        notes: Sequence[Mapping[str, Any]],
        columns: Mapping[str, pa.DataType] | None,
    ) -> FilterPlanning:
        check_task(self.config.tasks.cpus, "tasks.cpus")
        log.info("looking at %d parts of rewards", sum(len(run.shards) for run in self.runs))
        parts = [
            by_file(
                describe_parts(run, [name for name in self.written.names if name in schema.names])
            )
            for run, schema in zip(self.runs, self.schemas, strict=True)
        ]
        before = [Notes.from_json(each) for each in notes]
        check_unmoved(before, found.files, parts, self.runs, self.config)
        known = {path for each in before for path in each.files}
        new = [file for file in found.files if file.path not in known]
        if before and not new:
            self._get_ready(before, parts)
            return FilterPlanning([], [], {}, {})
        layout, altered = self._layout(new, parts)
        here, census = self._count(layout, new, parts, altered)
        self._get_ready([*before, here], parts)
        rows = self.config.output.row_group_rows
        folders = plan_folders(layout, census.kept, self._file_bytes(), rows, planned)
        return FilterPlanning(folders, [], {}, {}, notes=here.to_json(), census=census)

    @override
    def stages(self, units: Dataset, this: Round[Bundle]) -> Dataset:
        assert self.ready is not None
        copier = Copier(
            config=self.config, reader=self.ready.reader, cuts=self.ready.cuts,
            parts=self.ready.parts, corpus=self.corpus, columns=self.written.names,
        )  # fmt: skip
        stage = CopyStage(
            ray.put(copier), this.run.root, this.run.parts, fingerprint_id(self.fingerprint),
            this.tally,
        )  # fmt: skip
        return units.map_batches(
            stage,
            batch_size=1,
            batch_format="pyarrow",
            num_cpus=self.config.tasks.cpus,
            compute=TaskPoolStrategy(self.config.tasks.max_tasks),
        )

    @override
    def count_documents(self, spans: Iterable[Shard]) -> int:
        return sum(span.stop - span.start for span in spans)

    @override
    def read_counts(self, shard: Shard, parts: Folder) -> tuple[FilterCounts, int] | None:
        return read_receipt(shard, parts, fingerprint_id(self.fingerprint))

    @override
    def leave(self, totals: RunCounts, run: RunFolder) -> None:
        """Check what is kept, and say in manifest.json what makes the corpus what it is.

        Raises:
            Incomplete: more or less is kept than was counted.
        """
        totals = FilterCounts() + totals
        wanted = sum(notes.kept for notes in self.notes)
        if totals.rows != wanted:
            raise Incomplete(
                f"{totals.rows:,} documents are kept, and {wanted:,} were counted; remove "
                f"{run.uri} and run the same command again"
            )
        if not totals.files:
            self._write_no_rows(run.root)
        stored = run.stored()
        assert stored is not None  # this run has written it
        run.root.overwrite("manifest.json", manifest(self, totals, stored["versions"]))

    @override
    def closing(self, totals: RunCounts, progress: RunProgress) -> list[str]:
        speed = self.speed(progress) if progress.judging_seconds else ""
        return closing_lines(self.config, FilterCounts() + totals, progress, self.notes, speed)

    @override
    def metrics(
        self, totals: RunCounts, progress: RunProgress, before: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        return {"outcomes": outcome_rows(self.notes)}

    @property
    def kind(self) -> str:
        """Of the numbers that documents are chosen by (counts.order.KINDS)."""
        return self._reader().kind

    @property
    def cut_kind(self) -> str:
        """Of the numbers that cuts are at: with noise, these are the numbers with it."""
        return "float32" if self.config.rule.temperature is not None else self.kind

    @property
    def _reads_corpus(self) -> bool:
        return self.config.output.kind == "rows" or bool(self.others)

    def _get_ready(self, notes: list[Notes], parts: Sequence[Parts]) -> None:
        self.notes = notes
        self.ready = Ready(self._reader(notes[0].ranks), all_cuts(notes), parts)

    def _count(
        self,
        layout: Layout,
        files: Sequence[InputFile],
        parts: Sequence[Parts],
        altered: Alterations,
    ) -> tuple[Notes, Census]:
        """The cuts, and what they keep."""
        passes = Passes(
            layout.stretches, [file.path for file in files], self.config.tasks.cpus,
            self.config.run.progress_s,
        )  # fmt: skip
        ranks = passes.ranks(self._reader()) if len(self.runs) > 1 else []
        reader = self._reader(ranks)
        cuts, budget = passes.cuts(reader, self.config)
        census = passes.census(reader, self.config, cuts)
        counted = (cuts, budget, ranks, census, altered)
        return Notes.of(files, self.runs, parts, *counted, self.config.rule), census

    def _layout(
        self, files: Sequence[InputFile], parts: Sequence[Parts]
    ) -> tuple[Layout, Alterations]:
        """Of files that are to be planned; and what will not be written as they have it.

        Raises:
            InputError: their columns do not fit, or would be lost.
        """
        kind = self.config.output.kind
        footers: dict[str, Footer] = {}
        look = Look(self.config.output) if kind == "rows" else None
        if self._reads_corpus:
            log.info("reading the footers of %d corpus files", len(files))
            footers, _ = read_footers(files, self.corpus, look, self.others)
        looked_at = {f.path: (f, footers[f.path]) for f in files if f.path in footers}
        check_columns(self.config, self.schemas[0], self.others, looked_at)
        if self.config.output.buckets and kind == "rows":
            warn_of_mixed_folders(files, self.config.output.add)
        lay_out = corpus_layout if kind == "rows" else parts_layout
        altered = Alterations.of({path: one.described for path, one in footers.items() if look})
        altered.check(self.config.output.lossy)
        for line in altered.lines():
            log.info("%s", line)
        return lay_out(files, footers, parts, ROOTS[kind]), altered

    def _reader(self, ranks: Sequence[Ranks] = ()) -> Reader:
        rule = self.config.rule
        return Reader(
            runs=[run.parts for run in self.runs],
            schemas=self.schemas,
            column=ColumnPath(self.config.rewards.column),
            combine=self.config.rewards.combine,
            by=[ColumnPath(name) for name in rule.by],
            where=Condition(rule.where) if rule.where else None,
            weight=ColumnPath(rule.weight_column) if rule.weight_column else None,
            own=self.own,
            others=self.others,
            corpus=self.corpus,
            scored_only=self.config.output.kind != "rows",
            ranks=ranks,
        )

    def _file_bytes(self) -> float:
        """What a bundle should keep. With buckets it has a file for each of them."""
        one = self.config.output.file_mb * MIB
        return max(one, min(one * (self.config.output.buckets or 1), MOST_BYTES))

    def _write_no_rows(self, root: Folder) -> None:
        output, files = self.config.output, list(self.notes[0].files)
        if output.kind == "rows" and files:
            kind = ROOTS["rows"]
            write_no_corpus_rows(root, kind, self.written, files, self.corpus, output.codec)
        else:
            write_no_rows(root, ROOTS[output.kind], self.written)
