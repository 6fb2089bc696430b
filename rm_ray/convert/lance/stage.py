"""The conversion of a Lance dataset: a task scans the rows of a shard, and writes its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from typing_extensions import override

from rm_ray.convert.lance.columns import output_rows
from rm_ray.convert.lance.counts import LanceCounts
from rm_ray.convert.lance.dataset import SCAN, files_of, open_dataset
from rm_ray.convert.lance.plan import FragmentUnit
from rm_ray.convert.shard_stage import CORPUS, ShardStage
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import short
from rm_ray.run.faults.tally import Tally

# How a task scans. Batches are exact, so that row groups, which are cut between batches, depend on
# the rows alone. Lance reads ahead as much as there is memory otherwise.
TASK_SCAN = {
    **SCAN,
    "with_row_address": True,
    "strict_batch_size": True,
    "io_buffer_size": 64 << 20,
    "batch_readahead": 2,
}


@dataclass(frozen=True, kw_only=True)
class LanceStage(ShardStage[FragmentUnit]):
    """A LanceStage converts shards of a Lance dataset."""

    schema: pa.Schema
    """The schema of the output."""
    kind: type[FragmentUnit] = FragmentUnit
    """Class of the units."""

    @override
    def convert(self, unit: FragmentUnit) -> tuple[dict[str, int], LanceCounts]:
        (shard,) = unit.shards
        totals = LanceCounts()
        sizes: dict[str, int] = {}
        output = self.output(CORPUS, shard.part, self.schema)
        with _values_that_parquet_lacks(self.said(unit)):
            for rows in self._read(unit):
                done = len(rows)
                counts = LanceCounts(documents=done, rows=done, statuses={"converted": done})
                totals += counts
                self.tally.tell(Tally.add, counts)
                sizes |= output.add(rows)
            sizes |= output.close()
        if totals.rows != shard.stop - shard.start:
            raise Unreadable(
                f"{self.said(unit)}: {totals.rows:,} rows came, not {shard.stop - shard.start:,}",
                bad_file=False,
            )
        totals.files, totals.bytes = output.number, sum(sizes.values())
        return sizes, totals

    def _read(self, unit: FragmentUnit) -> Iterator[pa.Table]:
        """Yield the rows of a shard, as rows of the output."""
        (shard,) = unit.shards
        with _faults(self.said(unit)):
            scanner = self._open(unit).scanner(
                offset=shard.start,
                limit=shard.stop - shard.start,
                batch_size=unit.at_once,
                **TASK_SCAN,
            )
            for batch in scanner.to_batches():
                yield output_rows(batch, self.schema, self.config.output, unit.address)

    def _open(self, unit: FragmentUnit) -> Any:
        """Return the fragment of a unit.

        Raises:
            Unreadable: the dataset has another fragment in its place.
        """
        dataset = open_dataset(unit.address, unit.version, self.config.input)
        fragment = dataset.get_fragment(unit.fragment)
        if fragment is None or files_of(fragment) != unit.files:
            raise Unreadable(
                f"{unit.file} has other files than when it was planned: the dataset was written "
                "anew; begin another --output.path",
                bad_file=False,
                may_pass=False,
            )
        return fragment


@contextmanager
def _values_that_parquet_lacks(what: str) -> Iterator[None]:
    """Raise Arrow's refusal to write a value as Unreadable.

    Raises:
        Unreadable: Parquet does not hold a value.
    """
    try:
        yield
    except pa.ArrowInvalid as error:
        raise Unreadable(
            f"{what}: Parquet does not hold a value, {short(error)}: cast its column with pylance "
            "(alter_columns), and begin another --output.path",
            bad_file=False,
            may_pass=False,
        ) from error


@contextmanager
def _faults(what: str) -> Iterator[None]:
    """Raise errors of reading as Unreadable. pylance tells kinds of errors by their text alone.

    Raises:
        Unreadable: the block raised an error.
    """
    try:
        yield
    except Unreadable:
        raise
    except ImportError as error:
        message = f"cannot read {what}: pylance is not installed: pip install 'rm_ray[lance]'"
        raise Unreadable(message, bad_file=False, may_pass=False) from error
    except Exception as error:
        raise Unreadable(f"cannot read {what}: {short(error)}", bad_file=False) from error
