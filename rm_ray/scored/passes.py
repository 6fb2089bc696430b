"""One pass over many parts: tasks count, and the counts are merged.

No shuffle, and no list of documents in the driver.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rm_ray.corpus.missing import NotFound
from rm_ray.corpus.parquet import Unreadable
from rm_ray.errors import ClusterError, InputError
from rm_ray.tasks.ended import refuse_ended
from rm_ray.tasks.run import merge_tasks, run_tasks

# A task counts so many rows, and looks into no more parts.
ROWS_PER_TASK, PARTS_PER_TASK = 1_000_000, 64
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Pass(Generic[Item]):
    """Over batches, a task each, of so many `cpus`. `progress_s`: seconds between lines."""

    batches: Sequence[Sequence[Item]]
    cpus: float
    progress_s: float

    def each(self, count: Callable[..., Result], *more: Any) -> list[Result]:
        """What a function counts of each batch. It is given the batch, and the other arguments.

        Raises:
            InputError: an input cannot be read, or ends the processes that read it.
            ClusterError: a machine does not find an input that this one finds.
        """
        with _refusals():
            results: list[Any] = run_tasks(
                count,
                self.batches,
                *more,
                cpus=self.cpus,
                doing="counted",
                every_s=self.progress_s,
            )
        refuse_ended(self.batches, results)
        return results

    def merged(
        self,
        count: Callable[..., Any],
        merge: Callable[[Sequence[Any]], Result],
        *more: Any,
    ) -> Result:
        """The sum of what a function counts, in the order of the batches. Raises as `each` does."""
        with _refusals():
            return merge_tasks(
                count,
                merge,
                self.batches,
                *more,
                cpus=self.cpus,
                doing="counted",
                every_s=self.progress_s,
            )


def in_batches(items: Iterable[Item], rows_of: Callable[[Item], int]) -> Iterator[list[Item]]:
    """What tasks are given, in order: few enough rows and parts each."""
    batch: list[Item] = []
    rows = 0
    for item in items:
        more = rows_of(item)
        if batch and (rows + more > ROWS_PER_TASK or len(batch) >= PARTS_PER_TASK):
            yield batch
            batch, rows = [], 0
        batch.append(item)
        rows += more
    if batch:
        yield batch


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise what a task cannot read as a refusal of the job."""
    try:
        yield
    except NotFound as error:
        raise ClusterError(str(error)) from None
    except (Unreadable, FileNotFoundError) as error:
        raise InputError(str(error)) from None
