"""The job that all conversions share: it runs their tasks, and reads their receipts."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import pyarrow as pa
from typing_extensions import override

from rm_ray.convert.config import ConvertConfig
from rm_ray.convert.shard_stage import CORPUS
from rm_ray.convert.writing import Files
from rm_ray.corpus.plan import AnyPlanned, AnyUnit
from rm_ray.corpus.shards import Shard
from rm_ray.run.counts import RunCounts
from rm_ray.run.output.folder import RunFolder
from rm_ray.run.output.receipts import read_receipt
from rm_ray.run.shard_job import AnyPlanning, Round, ShardJob
from rm_ray.run.unit_tasks import UnitStage, do_units_here
from rm_ray.store.folder import Folder

if TYPE_CHECKING:
    from ray.data import Dataset


class Conversion(ShardJob[AnyPlanned, AnyUnit, AnyPlanning]):
    """A Conversion writes input of another format as Parquet."""

    config: ConvertConfig
    """The configuration."""

    @abstractmethod
    def stage(self, this: Round[AnyUnit], planning: AnyPlanning) -> UnitStage[AnyUnit]:
        """Return the one stage of a round."""

    @abstractmethod
    def page(self, planning: AnyPlanning) -> str:
        """Return the page of a dry run."""

    @override
    def stages(self, units: "Dataset", this: Round[AnyUnit], planning: AnyPlanning) -> "Dataset":
        from rm_ray.run.units_on_ray import do_units_on_ray

        tasks = self.config.tasks
        stage = self.stage(this, planning)
        return do_units_on_ray(units, stage, cpus=tasks.cpus, at_once=tasks.max_tasks)

    @override
    def run_here(self, this: Round[AnyUnit], planning: AnyPlanning) -> None:
        do_units_here(
            self.stage(this, planning),
            this.units,
            cpus=self.config.tasks.cpus,
            at_once=self.config.tasks.max_tasks,
            every_s=self.config.run.progress_s,
        )

    @override
    def read_counts(
        self, shard: Shard, parts: Folder, fingerprint: str
    ) -> tuple[RunCounts, int] | None:
        return read_receipt(shard, parts, fingerprint, self.spec.counts, str)

    def leave_empty_table(self, run: RunFolder, schema: pa.Schema, files: int) -> None:
        """Let the corpus have a file without rows as long as it has no file with rows.

        Args:
            run: the run's folder.
            schema: the schema of the output.
            files: the number of files with rows.
        """
        folder, name = run.root / CORPUS, Shard(CORPUS, 0, 0).part
        if not files:
            data = Files(schema, self.config.output.codec, 1, 1).empty()
            folder.overwrite(name, data)
        elif name in folder.names():
            folder.remove(name)  # the corpus has grown, and the columns were not known then
